"""The whole of Reliefpath for journeys: every API and worker as a process of its own, on the tests' servers."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from reliefpath.vocabulary import Role
from stack.assembly import assemble
from stack.folder import DataFolder
from stack.plan import CHECKOUT, Plan
from stack.ports import SERVICES, Ports
from stack.report import Report
from stack.supervisor import Supervisor
from tests.support.databases import Databases
from tests.support.processes import environment
from tests.support.servers import Servers, finish
from tests.support.standins import free_span


class Network:
    """Running services, started as the stack starts them; their servers are given, as a deployment's would be."""

    def __init__(self, servers: Servers, databases: Databases) -> None:
        broker, _ = servers.another_kafka("journeys")
        given = {f"RELIEFPATH_DATABASE_{service.upper()}": databases.migrated(service) for service in SERVICES}
        folder = DataFolder(servers.folder / "journeys-var")
        folder.path.mkdir()
        environ = {**environment(), **given, "RELIEFPATH_KAFKA": broker.address}
        self.plan = Plan(environ, CHECKOUT, folder, Ports(free_span()))
        self.supervisor = Supervisor(folder.logs)
        with (folder.path / "report.txt").open("w") as told:
            try:
                finish(assemble(self.plan, self.supervisor, Report(told)))
            except BaseException:
                self.close()
                raise

    @property
    def addresses(self) -> Mapping[str, str]:
        """Where each API answers, by service."""
        return self.plan.addresses

    @property
    def client(self) -> dict[str, str]:
        """The settings of a client: addresses, issuer, and the key to sign with."""
        return self.plan.client

    def token(
        self, role: Role | str, *facilities: UUID | str, subject: str = "", journey: UUID | str | None = None
    ) -> str:
        """A bearer token for this network."""
        return self.plan.keys.token(role, subject or str(role), facilities, journey=journey)

    def close(self) -> None:
        """Stop every process."""
        finish(self.supervisor.stop())
