"""Databases for tests: a migrated template per service, made once per run, and a copy of it per test module."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys

import asyncpg

from stack.ports import SERVICES
from tests.support.servers import Servers, finish

EMPTY = "empty"


def execute(address: str, statement: str) -> None:
    """Do this to a database, by a connection of its own."""
    finish(_execute(address, statement))


async def _execute(address: str, statement: str) -> None:
    connection = await asyncpg.connect(address)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


class Databases:
    """The tests' PostgreSQL as tests use it."""

    def __init__(self, servers: Servers) -> None:
        self.cluster, self.server = servers.postgres
        self._addresses = finish(self.cluster.provide([*SERVICES, EMPTY]))
        self._templates: set[str] = set()
        self._numbers = itertools.count(1)

    def migrated(self, service: str) -> str:
        """The address of a new database of this service, at its newest migration, owned by the service's role."""
        if service not in self._templates:
            self._migrate(service)
            self._templates.add(service)
        return self.copy(service, owner=service)

    def empty(self, service: str = EMPTY) -> str:
        """The address of a new database without tables, owned by this service's role, for tests of migrations."""
        return self.copy(EMPTY, owner=service)

    def copy(self, template: str, owner: str) -> str:
        """The address of a new database with what this one, named or addressed, holds; owned by a service's role."""
        name = f"{owner}_{next(self._numbers)}"
        self._command(f'CREATE DATABASE "{name}" TEMPLATE "{template.rpartition("/")[2]}" OWNER "{owner}"')
        return self._addresses[owner].rpartition("/")[0] + f"/{name}"

    def drop(self, address: str) -> None:
        """Remove a database, also while something is still connected to it."""
        self._command(f'DROP DATABASE IF EXISTS "{address.rpartition("/")[2]}" WITH (FORCE)')

    def _migrate(self, service: str) -> None:
        environment = {**os.environ, f"RELIEFPATH_DATABASE_{service.upper()}": self._addresses[service]}
        command = [sys.executable, "-m", "backbone.migrate", service]
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"the migrations of {service} fail:\n{done.stdout}{done.stderr}")

    def _command(self, statement: str) -> None:
        execute(self.cluster.address("postgres"), statement)
