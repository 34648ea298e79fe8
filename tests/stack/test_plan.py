"""What follows from the environment before anything is started."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from stack.failure import Failure
from stack.plan import CHECKOUT, Plan
from stack.ports import SERVICES

DATABASES = {service: f"postgresql://{service}:secret@127.0.0.1:7420/{service}" for service in SERVICES}


def plan(**environ: str) -> Plan:
    return Plan.of({"PATH": "/bin", **environ}, Path("/checkout"))


def test_one_setting_moves_every_address() -> None:
    here, there = plan(), plan(RELIEFPATH_PORT="8400")
    assert here.addresses["referral"] == "http://127.0.0.1:7400"
    assert there.addresses["referral"] == "http://127.0.0.1:8400"
    assert not set(here.listens) & set(there.listens)
    assert {port + 1000 for port in here.listens} == set(there.listens)


def test_every_service_runs_an_api_and_a_worker_that_know_their_own_database_only() -> None:
    processes = plan().processes(DATABASES)
    assert {process.name for process in processes} == {f"{s}-{kind}" for s in SERVICES for kind in ("api", "worker")}
    for process in processes:
        service = process.name.partition("-")[0]
        known = {name: value for name, value in process.environment.items() if "_DATABASE_" in name}
        assert known == {f"RELIEFPATH_DATABASE_{service.upper()}": DATABASES[service]}
        assert process.environment["RELIEFPATH_INSTANCE"] == f"{process.name}-1"
        assert process.environment["RELIEFPATH_HTTP_PORT"] == str(process.port)
        assert process.environment["RELIEFPATH_KAFKA"] == "127.0.0.1:7421"
        assert process.environment["RELIEFPATH_JWKS"] == "/checkout/var/keys/jwks.json"
        assert process.command[1:3] == ("-m", f"{service}.{'app' if process.name.endswith('api') else 'worker'}")


def test_who_checks_tokens_cannot_sign_them() -> None:
    assert all("RELIEFPATH_KEYS" not in process.environment for process in plan().processes(DATABASES))


def test_the_demo_is_a_client_that_may_sign_and_knows_no_server() -> None:
    asked = plan(RELIEFPATH_KAFKA="broker:9092", RELIEFPATH_DATABASE_REFERRAL="postgresql://somewhere/referral")
    environment = asked.demo().environment
    assert environment["RELIEFPATH_URL_OPERATIONS"] == "http://127.0.0.1:7403"
    assert environment["RELIEFPATH_KEYS"] == "/checkout/var/keys"
    assert not [name for name in environment if "DATABASE" in name or "KAFKA" in name]


def test_the_directory_is_listed_in_development_with_our_own_key_only() -> None:
    assert plan().lists_demonstration
    assert not plan(RELIEFPATH_JWKS="https://id.example").lists_demonstration
    assert not plan(RELIEFPATH_JWKS="https://id.example", RELIEFPATH_PROFILE="production").lists_demonstration
    assert plan().directory().command[-2:] == ("simulator", "--directory")


def test_a_given_broker_is_used_and_none_of_our_own_is_started() -> None:
    asked = plan(RELIEFPATH_KAFKA="broker:9092")
    assert asked.kafka == "broker:9092"
    assert "Apache Kafka" not in asked.listens.values()
    assert asked.topics().environment["RELIEFPATH_KAFKA"] == "broker:9092"


def test_several_brokers_are_all_named_to_every_client_and_their_topics_have_copies() -> None:
    alone, three = plan(), dataclasses.replace(plan(), brokers=3)
    assert three.kafka == "127.0.0.1:7421,127.0.0.1:7423,127.0.0.1:7425"
    assert set(three.listens) - set(alone.listens) == {7423, 7424, 7425, 7426}
    assert three.topics().environment["RELIEFPATH_TOPIC_REPLICAS"] == "3"
    assert "RELIEFPATH_TOPIC_REPLICAS" not in alone.topics().environment


def test_a_given_database_is_used_and_the_others_are_provided() -> None:
    asked = plan(RELIEFPATH_DATABASE_REFERRAL="postgresql://elsewhere/referral")
    assert asked.given_databases == {"referral": "postgresql://elsewhere/referral"}
    assert asked.own_databases == ["scheduling", "followup", "operations"]
    assert "PostgreSQL" in asked.listens.values()


def test_with_every_database_given_no_postgresql_is_ours() -> None:
    asked = plan(**{f"RELIEFPATH_DATABASE_{service.upper()}": address for service, address in DATABASES.items()})
    assert asked.own_databases == []
    assert "PostgreSQL" not in asked.listens.values()


def test_each_database_is_migrated_by_its_service_alone() -> None:
    migrations = plan().migrations(DATABASES)
    assert [migration.command[-2:] for migration in migrations] == [
        ("backbone.migrate", service) for service in SERVICES
    ]
    assert all(sum("_DATABASE_" in name for name in migration.environment) == 1 for migration in migrations)


def test_a_new_migration_is_noticed_and_other_files_are_not(tmp_path: Path) -> None:
    versions = tmp_path / "services" / "referral" / "src" / "referral" / "migrations" / "versions"
    versions.mkdir(parents=True)
    (versions / "2026_11_23_create.py").write_text("revision = 1\n")
    asked = Plan.of({}, tmp_path)
    before = asked.migrations_digest
    (versions.parents[1] / "rules.py").touch()
    assert asked.migrations_digest == before
    (versions / "2026_11_24_add.py").write_text("revision = 2\n")
    assert asked.migrations_digest != before


def test_other_settings_of_the_user_reach_every_process() -> None:
    for process in plan(RELIEFPATH_LOG_LEVEL="DEBUG", HOME="/home/someone").processes(DATABASES):
        assert process.environment["RELIEFPATH_LOG_LEVEL"] == "DEBUG"
        assert process.environment["HOME"] == "/home/someone"


def test_an_identity_provider_of_the_user_replaces_the_development_key() -> None:
    asked = plan(RELIEFPATH_JWKS="https://id.example/jwks", RELIEFPATH_ISSUER="https://id.example")
    assert not asked.signs
    environment = asked.processes(DATABASES)[0].environment
    assert environment["RELIEFPATH_JWKS"] == "https://id.example/jwks"
    assert environment["RELIEFPATH_ISSUER"] == "https://id.example"
    assert "RELIEFPATH_KEYS" not in asked.client


def test_a_production_profile_does_not_start_with_the_development_key() -> None:
    with pytest.raises(Failure, match="set RELIEFPATH_JWKS and RELIEFPATH_ISSUER"):
        plan(RELIEFPATH_PROFILE="production")
    assert plan(RELIEFPATH_PROFILE="production", RELIEFPATH_JWKS="/etc/jwks.json").profile == "production"


def test_the_checkout_is_the_one_this_code_lies_in() -> None:
    assert (CHECKOUT / "deploy" / "kafka" / "pom.xml").exists()


def test_secrets_do_not_show_when_a_process_is_printed() -> None:
    assert "secret" not in repr(plan().processes(DATABASES))
