"""Containers run what the local stack runs, with its settings; confined, bounded and seen by this machine alone."""

from __future__ import annotations

import json
import os
import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from stack import kafka, postgres
from stack.folder import DataFolder
from stack.plan import Plan
from stack.ports import SERVICES, Ports
from tests.architecture.sources import ROOT

TEXT: Final = (ROOT / "docker-compose.yml").read_text()
COMPOSE: Final[dict[str, Any]] = yaml.safe_load(TEXT)
PARTS: Final[dict[str, Any]] = COMPOSE["services"]
PROCESSES: Final = [name for name, part in PARTS.items() if name.endswith(("-api", "-worker"))]
SERVERS: Final = ("postgres", "kafka")
JOBS: Final = [name for name in PARTS if name not in {*PROCESSES, *SERVERS}]
PLAN: Final = Plan({}, ROOT, DataFolder(Path("var")), Ports())
PUBLISHED: Final = re.compile(r"127\.0\.0\.1:\$\{(RELIEFPATH_PORT_[A-Z]+):-(\d+)\}:\d+")
EPHEMERAL: Final = 32_768
"""From here on Linux gives ports to outgoing connections."""


def settings(environment: dict[str, str]) -> set[str]:
    """The settings that an environment holds, whether given or in a file."""
    return {name.removesuffix("_FILE") for name in environment if name.startswith("RELIEFPATH_")}


def test_every_process_of_the_local_stack_is_a_container_with_its_command_and_its_settings() -> None:
    planned = PLAN.processes(dict.fromkeys(SERVICES, "postgresql://there/it"))
    assert sorted(process.name for process in planned) == sorted(PROCESSES)
    for process in planned:
        part = PARTS[process.name]
        assert ["python", *process.command[1:]] == part["command"]
        assert settings(part["environment"]) == settings(dict(process.environment)) - {"RELIEFPATH_INSTANCE"}


def test_settings_that_name_no_address_have_the_values_of_the_local_stack() -> None:
    (process, *_) = PLAN.processes(dict.fromkeys(SERVICES, "postgresql://there/it"))
    for name in ("PROFILE", "ISSUER", "AUDIENCE"):
        given = PARTS["referral-api"]["environment"][f"RELIEFPATH_{name}"]
        assert given == f"${{RELIEFPATH_{name}:-{process.environment[f'RELIEFPATH_{name}']}}}"


def test_every_job_of_the_local_stack_is_a_job_here() -> None:
    planned = [PLAN.topics(), PLAN.directory(), PLAN.demo(), *PLAN.migrations(dict.fromkeys(SERVICES, ""))]
    commands = [["python", *job.command[1:]] for job in planned]
    assert [command for command in commands if command not in [PARTS[job]["command"] for job in JOBS]] == []


@pytest.mark.parametrize("name", PROCESSES)
def test_a_process_starts_after_what_it_needs_and_is_given_time_to_end(name: str) -> None:
    part, service = PARTS[name], name.partition("-")[0]
    after = {one: how["condition"] for one, how in part["depends_on"].items()}
    needed = "key" if name.endswith("-api") else "topics"
    assert after == dict.fromkeys((f"{service}-migrations", needed), "service_completed_successfully")
    assert part["healthcheck"]["test"] == ["CMD", "python", "-m", "backbone.ask", "/readyz"]
    assert part["restart"] == "unless-stopped"
    assert float(part["stop_grace_period"].removesuffix("s")) > 10
    assert "container_name" not in part, "it could not be scaled"


@pytest.mark.parametrize("name", [*PROCESSES, *JOBS])
def test_our_containers_are_confined_and_know_their_own_database_only(name: str) -> None:
    part = PARTS[name]
    assert part["read_only"] is True
    assert part["cap_drop"] == ["ALL"]
    assert part["security_opt"] == ["no-new-privileges:true"]
    assert "user" not in part, "the image says who"
    service = name.partition("-")[0]
    secrets = [f"database_{service}"] if service in SERVICES else part.get("secrets", [])
    assert part.get("secrets", []) == secrets
    assert name == "databases" or len(secrets) <= 1


@pytest.mark.parametrize("name", PARTS, ids=lambda name: f"the {name}")
def test_every_container_is_bounded_in_memory_and_logs(name: str) -> None:
    assert PARTS[name]["mem_limit"]
    assert PARTS[name]["logging"]["options"].keys() == {"max-size", "max-file"}


def test_ports_are_published_to_this_machine_only_below_those_of_outgoing_connections_and_can_be_chosen() -> None:
    published = [port for part in PARTS.values() for port in part.get("ports", [])]
    read = [PUBLISHED.fullmatch(port) for port in published]
    assert [port for port, found in zip(published, read, strict=True) if found is None] == []
    ports = [int(found[2]) for found in read if found]
    assert len(set(ports)) == len(ports)
    assert max(ports) < EPHEMERAL
    assert ports[-len(SERVICES) :] == [PLAN.ports.api(service) for service in SERVICES]
    assert ports[:2] == [PLAN.ports.postgres, PLAN.ports.kafka(1)[0][0]]


def test_the_servers_are_set_up_as_those_of_the_local_stack() -> None:
    told = dict(
        line.split("=", 1)
        for line in (ROOT / "deploy" / "kafka" / "server.properties").read_text().splitlines()
        if line and not line.startswith("#")
    )
    same = {name: value for name, value in kafka.SETTINGS.items() if name != "listener.security.protocol.map"}
    assert {name: told.get(name) for name in same} == same
    asked = PARTS["postgres"]["command"]
    for name in ("max_connections", "password_encryption", "timezone", "log_timezone"):
        assert f"--{name}={postgres.SETTINGS[name]}" in asked
    version = kafka.pinned_version(ROOT / "deploy" / "kafka" / "pom.xml")
    assert PARTS["kafka"]["image"] == f"apache/kafka:{version}"


def test_what_holds_data_is_a_named_volume() -> None:
    kept = {name: part["volumes"][0].split(":")[0] for name, part in PARTS.items() if name in SERVERS}
    assert kept == {"postgres": "postgres", "kafka": "kafka"}
    assert set(COMPOSE["volumes"]) == {"postgres", "kafka", "keys", "jwks"}


def test_only_who_signs_gets_the_key_and_who_checks_gets_its_public_half_to_read() -> None:
    mounts = {name: part.get("volumes", []) for name, part in PARTS.items() if name not in SERVERS}
    signing = {name for name, volumes in mounts.items() if any(one.startswith("keys:") for one in volumes)}
    assert signing == {"key", "directory", "demo"}
    assert {name for name, volumes in mounts.items() if volumes == ["jwks:/var/lib/reliefpath/jwks:ro"]} == {
        name for name in PROCESSES if name.endswith("-api")
    }
    assert PARTS["directory"]["profiles"] == PARTS["demo"]["profiles"] == ["demo"]


def test_no_password_stands_in_a_file_that_is_kept() -> None:
    assert "postgresql://" not in TEXT
    assert "PASSWORD:" not in TEXT
    assert all(set(secret) == {"file"} for secret in COMPOSE["secrets"].values())
    assert "/.secrets/" in (ROOT / ".gitignore").read_text().splitlines()
    assert (ROOT / ".dockerignore").read_text().splitlines()[1] == "*", "an image takes in what it names only"


def test_secrets_are_made_once_and_kept_from_other_accounts(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    making = [str(ROOT / "deploy" / "secrets"), str(folder)]
    subprocess.run(making, check=True)
    first = {path.name: path.read_text() for path in folder.iterdir()}
    assert sorted(first) == sorted(COMPOSE["secrets"])
    assert folder.stat().st_mode & 0o777 == 0o700
    assert len(set(first.values())) == len(first)
    assert all(f"postgresql://{service}:" in first[f"database_{service}"] for service in SERVICES)
    subprocess.run(making, check=True)
    assert {path.name: path.read_text() for path in folder.iterdir()} == first


def test_the_image_names_no_registry_and_runs_as_a_number() -> None:
    lines = (ROOT / "deploy" / "Dockerfile").read_text().splitlines()
    assert {line.split()[1] for line in lines if line.startswith("FROM")} == {"python:3.13-slim", "services"}
    assert [line for line in lines if line.startswith("USER")] == ["USER 10001:10001"]
    version = tomllib.loads((ROOT / "shared" / "reliefpath" / "pyproject.toml").read_text())["project"]["version"]
    assert f"ARG VERSION={version}" in lines
    for line in lines:
        if line.startswith(("CMD", "ENTRYPOINT")):
            assert json.loads(line.split(maxsplit=1)[1]), "in exec form signals reach the process"
    assert not re.search(r"index-url|http://|apt-get", "\n".join(lines))
    assert os.access(ROOT / "deploy" / "secrets", os.X_OK)


def test_what_is_checked_here_is_checked_for_the_public_too() -> None:
    steps = (ROOT / ".ci" / "run").read_text()
    made = re.findall(r"^ *(?:PYTEST_ADDOPTS=-x timeout [^m]*)?(make [a-z-]+)", steps, re.MULTILINE)
    jobs = yaml.safe_load((ROOT / ".github" / "workflows" / "checks.yml").read_text())["jobs"].values()
    assert made == [step["run"] for job in jobs for step in job["steps"] if "run" in step]
