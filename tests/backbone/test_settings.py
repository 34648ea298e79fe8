"""Settings come from the environment, or from files that it names, and whatever is missing or wrong is named."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from pydantic import ValidationError

from backbone.service import SERVICES
from backbone.settings import Settings, from_files, read_settings
from reliefpath.vocabulary import Profile


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("RELIEFPATH_"):
            monkeypatch.delenv(name)


def test_without_a_word_an_installation_is_strict() -> None:
    assert Settings().profile is Profile.PRODUCTION


def test_every_setting_is_a_variable_of_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RELIEFPATH_KAFKA", "one:9092,two:9092")
    monkeypatch.setenv("RELIEFPATH_HTTP_PORT", "7401")
    monkeypatch.setenv("RELIEFPATH_WATCHDOG", "2.5")
    settings = Settings()
    assert (settings.kafka, settings.http_port, settings.watchdog) == ("one:9092,two:9092", 7401, 2.5)


def test_every_setting_says_what_it_is_for() -> None:
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []


def test_a_setting_cannot_be_changed_while_a_process_runs() -> None:
    with pytest.raises(ValidationError):
        Settings().kafka = "elsewhere"  # type: ignore[misc]  # that is the point


@pytest.mark.parametrize("service", SERVICES)
def test_every_service_has_a_database_and_an_address(monkeypatch: pytest.MonkeyPatch, service: str) -> None:
    monkeypatch.setenv(f"RELIEFPATH_DATABASE_{service.upper()}", "postgresql://there/it")
    monkeypatch.setenv(f"RELIEFPATH_URL_{service.upper()}", "http://there:7400/")
    assert Settings().database_of(service) == "postgresql://there/it"
    assert getattr(Settings(), f"url_{service}") == "http://there:7400"


def test_what_is_not_set_is_named_as_its_variable() -> None:
    with pytest.raises(LookupError, match=r"^RELIEFPATH_DATABASE_REFERRAL is not set$"):
        Settings().database_of("referral")
    with pytest.raises(LookupError, match=r"^RELIEFPATH_JWKS is not set$"):
        Settings(issuer="https://issuer").require("issuer", "jwks")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("profile", "staging"), ("http_port", "70000"), ("http_port", "many"), ("topic_replicas", "0"),
        ("kafka_timeout", "0"), ("handler_tries", "0"), ("body_limit", "10"), ("database_connections", "1"),
    ],
)  # fmt: skip
def test_a_value_that_cannot_be_meant_is_refused(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"RELIEFPATH_{name.upper()}", value)
    with pytest.raises(ValidationError) as refused:
        Settings()
    assert [error["loc"] for error in refused.value.errors()] == [(name,)]


def test_in_production_keys_do_not_come_over_an_open_line() -> None:
    with pytest.raises(ValidationError, match="https address"):
        Settings(jwks="http://issuer/jwks")
    assert Settings(jwks="https://issuer/jwks").jwks
    assert Settings(jwks="/etc/jwks.json").jwks
    assert Settings(jwks="http://issuer/jwks", profile=Profile.DEVELOPMENT).jwks


def test_a_variable_that_is_none_of_ours_is_none_of_our_business(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RELIEFPATH_DATA", "/var/lib/stack")
    Settings()


def test_an_api_that_could_not_hold_a_single_body_does_not_start() -> None:
    with pytest.raises(ValidationError, match="RELIEFPATH_BODIES_AT_ONCE is less than one body may have"):
        Settings(bodies_at_once=1_048_576)


def test_a_secret_may_stand_in_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "address").write_text("postgresql://referral:secret@there/referral\n")
    (tmp_path / "limit").write_text("2048\n")
    monkeypatch.setenv("RELIEFPATH_DATABASE_REFERRAL_FILE", str(tmp_path / "address"))
    monkeypatch.setenv("RELIEFPATH_BODY_LIMIT_FILE", str(tmp_path / "limit"))
    monkeypatch.setenv("RELIEFPATH_KAFKA", "there:9092")
    settings = read_settings()
    assert settings.database_of("referral") == "postgresql://referral:secret@there/referral"
    assert (settings.body_limit, settings.kafka) == (2048, "there:9092")


@pytest.mark.parametrize("text", [None, b"", b" \n", b"\xff\xfe"])
def test_a_file_without_a_readable_secret_is_refused_in_a_sentence_that_names_the_variable(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: bytes | None
) -> None:
    path = tmp_path / "address"
    if text is not None:
        path.write_bytes(text)
    monkeypatch.setenv("RELIEFPATH_DATABASE_REFERRAL_FILE", str(path))
    with pytest.raises(LookupError, match=r"^RELIEFPATH_DATABASE_REFERRAL_FILE names a") as refused:
        read_settings()
    assert str(path) not in str(refused.value)


def test_what_stands_in_a_file_is_checked_as_if_it_were_given_and_never_quoted(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "address").write_text("mysql://secret")
    monkeypatch.setenv("RELIEFPATH_DATABASE_REFERRAL_FILE", str(tmp_path / "address"))
    with pytest.raises(LookupError, match=r"^RELIEFPATH_DATABASE_REFERRAL: it is no PostgreSQL address") as refused:
        read_settings()
    assert "secret" not in str(refused.value)


def test_a_setting_that_is_given_twice_is_given_once_too_often(tmp_path: Path) -> None:
    given = {"RELIEFPATH_KAFKA": "here:9092", "RELIEFPATH_KAFKA_FILE": str(tmp_path / "kafka")}
    with pytest.raises(LookupError, match=r"^RELIEFPATH_KAFKA and RELIEFPATH_KAFKA_FILE are both set"):
        from_files(given)
