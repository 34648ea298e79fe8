"""Fixtures that every test may ask for, and the order in which tests run: what needs no server first."""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest
import structlog

from stack.keys import Keys
from tests.support.containers import in_containers
from tests.support.containers import servers as chosen_servers
from tests.support.databases import Databases
from tests.support.network import Network
from tests.support.servers import Server, Servers

HERE: Final = Path(__file__).parent
KINDS: Final = ("pure", "db", "kafka", "journey", "container")
NEEDS: Final = {"db": "databases", "kafka": "broker", "journey": "network", "container": "engine"}
"""A test that asks for this fixture, by whatever way, is of this kind."""

structlog.configure(
    processors=[
        structlog.processors.add_log_level,
        structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback),
    ]
)
"""Drawing a traceback with every local value takes minutes when fifty requests fail at once."""


@pytest.fixture(scope="session")
def servers() -> Iterator[Servers]:
    """Our own PostgreSQL and Kafka, embedded or as containers; asking for this alone starts neither."""
    running = chosen_servers()
    yield running
    running.close()


@pytest.fixture(scope="session")
def databases(servers: Servers) -> Databases:
    """Our own PostgreSQL, running."""
    return Databases(servers)


@pytest.fixture(scope="session")
def broker(servers: Servers) -> Server:
    """Our own Kafka as a server that can be killed and started again; `kafka` is its address."""
    return servers.kafka[1]


@pytest.fixture(scope="session")
def kafka(servers: Servers, broker: Server) -> str:
    """The bootstrap address of our own Kafka. Topics are shared: name yours by the test, or create your own."""
    return servers.kafka[0].address


@pytest.fixture(scope="module")
def database(databases: Databases) -> Iterator[Callable[[str], str]]:
    """`database("referral")`: the address of this module's own migrated database of that service."""
    made: dict[str, str] = {}

    def address(service: str) -> str:
        if service not in made:
            made[service] = databases.migrated(service)
        return made[service]

    yield address
    for used in made.values():
        databases.drop(used)


@pytest.fixture
def empty_database(databases: Databases) -> Iterator[Callable[..., str]]:
    """`empty_database("referral")`: the address of a new database without tables, owned by that service's role."""
    made: list[str] = []

    def address(service: str = "empty") -> str:
        made.append(databases.empty(service))
        return made[-1]

    yield address
    for used in made:
        databases.drop(used)


@pytest.fixture(scope="session")
def network(servers: Servers, databases: Databases) -> Iterator[Network]:
    """All services as processes, for journeys: `network.addresses`, `network.token(…)`, `network.client`."""
    running = Network(servers, databases)
    yield running
    running.close()


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    """A development signing key of the tests' own: `keys.jwks` for RELIEFPATH_JWKS, `keys.token(…)` to call with."""
    made = Keys(tmp_path_factory.mktemp("keys"))
    made.ensure()
    return made


@pytest.fixture
def open_folder(servers: Servers) -> Iterator[Path]:
    """A folder that every account can reach, as `tmp_path` is not: root's PostgreSQL is run by another."""
    made = Path(tempfile.mkdtemp(prefix="open-", dir=servers.folder))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Containers are tried when their folder is named, and not by who runs all tests: they take minutes."""
    if collection_path == HERE / "containers":
        named = [Path(config.invocation_params.dir, one.partition("::")[0]).resolve() for one in config.args]
        return not any(path.is_relative_to(collection_path) for path in named) or None
    return None


def pytest_itemcollected(item: pytest.Item) -> None:
    """Mark a test by what it asks for, early enough for `-m` to select by."""
    asked = getattr(item, "fixturenames", ())
    for kind, fixture in NEEDS.items():
        if fixture in asked:
            item.add_marker(kind)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Run what needs no server first, and with containers not what tries the embedded stack itself."""
    items.sort(key=lambda item: KINDS.index(_kind(item)))
    if in_containers():
        left_out = [item for item in items if _tries_the_embedded_stack(item)]
        items[:] = [item for item in items if not _tries_the_embedded_stack(item)]
        config.hook.pytest_deselected(items=left_out)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many tests of each kind passed, and how long they took."""
    passed: list[pytest.TestReport] = terminalreporter.stats.get("passed", [])
    counts = Counter(_kind_of(report) for report in passed)
    seconds = {kind: sum(report.duration for report in passed if _kind_of(report) == kind) for kind in KINDS}
    told = ", ".join(f"{counts[kind]} {kind} ({seconds[kind]:.1f} s)" for kind in KINDS if counts[kind])
    terminalreporter.write_line(f"passed by kind: {told or 'none'}")
    if in_containers():
        with_what = "containers (RELIEFPATH_TEST_WITH=docker), without the tests of the embedded stack itself"
    else:
        with_what = "the embedded stack's (RELIEFPATH_TEST_WITH=docker takes containers)"
    terminalreporter.write_line(f"servers: {with_what}")


def _tries_the_embedded_stack(item: pytest.Item) -> bool:
    return "installation" in getattr(item, "fixturenames", ()) or item.get_closest_marker("embedded") is not None


def _kind(item: pytest.Item) -> str:
    return next((kind for kind in reversed(KINDS) if item.get_closest_marker(kind)), "pure")


def _kind_of(report: pytest.TestReport) -> str:
    return next((kind for kind in reversed(KINDS) if kind in report.keywords), "pure")
