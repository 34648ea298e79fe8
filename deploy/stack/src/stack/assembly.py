"""The order in which a stack comes up: servers, then topics and schemas, then services, then a directory."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Final

from stack import kafka, postgres
from stack.child import Process
from stack.folder import replace
from stack.plan import Plan
from stack.ports import is_free, require_free
from stack.report import Report, Step
from stack.supervisor import Supervisor, answers_ready

SERVER_RANK: Final = 0
SERVICE_RANK: Final = 1
ENDING: Final = 3.0
"""Seconds that processes of a killed stack may take to give their ports back."""


async def assemble(plan: Plan, supervisor: Supervisor, report: Report) -> None:
    """Bring everything up and return when every process is ready. Raises Failure (in a group or alone)."""
    started = time.monotonic()
    await _require_free(plan)
    java = kafka.require_java(plan.environ) if not plan.given_kafka else ""
    identity = plan.folder.identity()
    if plan.signs:
        plan.keys.ensure()
    cluster = _cluster(plan, report) if plan.own_databases else None
    own = {"PostgreSQL": cluster.home} if cluster else {}
    own |= {"Kafka": plan.folder.kafka} if java else {}
    plan.folder.require_whole(own)
    report.say(f"Reliefpath in {plan.folder.path}, ports from {plan.ports.base}")
    async with asyncio.TaskGroup() as servers:
        providing = servers.create_task(_databases(plan, cluster, identity, supervisor, report))
        servers.create_task(_topics(plan, java, supervisor, report))
    plan.folder.mark_whole(own)
    await _start_services(plan, providing.result(), supervisor, report)
    if plan.lists_demonstration:
        await _list_demonstration(plan, supervisor, report)
    report.say(f"  everything is ready after {time.monotonic() - started:.1f} s")


async def _databases(
    plan: Plan, cluster: postgres.PostgreSQL | None, identity: str, supervisor: Supervisor, report: Report
) -> dict[str, str]:
    """Every service's database, running and in its newest form; their addresses by service."""
    databases = dict(plan.given_databases)
    if cluster:
        databases |= await _start_postgres(plan, cluster, identity, supervisor, report)
    mark = cluster.home / "migrated" if cluster and not plan.given_databases else None
    newest = plan.migrations_digest
    if mark and mark.exists() and mark.read_text() == newest:
        return databases
    with report.step("migrations") as step:
        step.note = f"of {len(databases)} databases"
        async with asyncio.TaskGroup() as migrating:
            for migration in plan.migrations(databases):
                remedy = "the database could not be brought to its newest form"
                migrating.create_task(supervisor.must(migration, remedy))
    if mark:
        replace(mark, newest)
    return databases


async def _topics(plan: Plan, java: str, supervisor: Supervisor, report: Report) -> None:
    """A broker that runs, unless one was given, and its topics."""
    if java:
        await _start_kafka(plan, java, supervisor, report)
    with report.step("topics"):
        await supervisor.must(plan.topics(), "the topics could not be created")


async def _start_postgres(
    plan: Plan, cluster: postgres.PostgreSQL, identity: str, supervisor: Supervisor, report: Report
) -> dict[str, str]:
    with report.step("PostgreSQL") as step:
        step.note = "starting" if cluster.home.exists() else "making its data folder"
        await cluster.prepare(supervisor.once, identity)
        step.note = "starting"
        await supervisor.start(cluster.process(), SERVER_RANK, cluster.answers)
        databases = await cluster.provide(plan.own_databases)
        step.note = f"{cluster.installation.version} on port {cluster.port}, {len(databases)} databases"
    return databases


async def _start_kafka(plan: Plan, java: str, supervisor: Supervisor, report: Report) -> None:
    pom = plan.checkout / "deploy" / "kafka" / "pom.xml"
    version = kafka.pinned_version(pom)
    with report.step("Apache Kafka") as step:
        jars = await _jars(plan, pom, supervisor, step)
        nodes = kafka.cluster(java, jars, plan.folder.kafka, plan.ports.kafka(plan.brokers))
        step.note = "starting" if plan.folder.kafka.exists() else "formatting its log"
        await asyncio.gather(*(node.prepare(supervisor.once, version) for node in nodes))
        step.note = "starting"
        async with asyncio.TaskGroup() as starting:
            for node in nodes:
                starting.create_task(supervisor.start(node.process(), SERVER_RANK, node.answers))
        step.note = f"{version} on port {', '.join(str(node.port) for node in nodes)}"


async def _jars(plan: Plan, pom: Path, supervisor: Supervisor, step: Step) -> Path:
    def say(note: str) -> None:
        step.note = note

    return await kafka.jars(pom, plan.checkout / ".kafka", supervisor.once, plan.environ, say)


async def _start_services(plan: Plan, databases: dict[str, str], supervisor: Supervisor, report: Report) -> None:
    processes = plan.processes(databases)
    with report.step("services") as step:
        ready: list[str] = []

        async def start(process: Process) -> None:
            await supervisor.start(process, SERVICE_RANK, lambda: answers_ready(process.port or 0))
            ready.append(process.name)
            step.note = f"{len(ready)} of {len(processes)} processes ready"

        async with asyncio.TaskGroup() as starting:
            for process in processes:
                starting.create_task(start(process))


async def _list_demonstration(plan: Plan, supervisor: Supervisor, report: Report) -> None:
    """Everything runs without it, so that a failure is only told."""
    done = await supervisor.once(plan.directory())
    if done.exit_code != 0:
        report.say(f"  The demonstration's facilities are not listed: {done.last_line()} (see {done.log})")


def _cluster(plan: Plan, report: Report) -> postgres.PostgreSQL:
    installation, home = postgres.locate(plan.folder.postgres, plan.folder.refuge, report.say)
    return postgres.PostgreSQL(installation, home, plan.ports.postgres)


async def _require_free(plan: Plan) -> None:
    """Raise Failure for ports in use, once a stack that was killed had time to be gone."""
    deadline = time.monotonic() + ENDING
    while not all(is_free(port) for port in plan.listens) and time.monotonic() < deadline:
        await asyncio.sleep(0.1)
    require_free(plan.listens)
