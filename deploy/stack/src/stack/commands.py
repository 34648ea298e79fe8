"""What a person asks of the stack: run, up, demo, down, status, token."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Final, TextIO
from uuid import UUID

from reliefpath.vocabulary import Role, facility_id
from stack.card import ROLES, card, directory, works_at
from stack.failure import Failure, first_failure
from stack.folder import Part, State
from stack.footprint import footprint
from stack.keys import PRINTED_LIFETIME
from stack.plan import Plan
from stack.ports import is_free
from stack.report import Report
from stack.session import Session, play
from stack.supervisor import answers_ready

TAKE_DOWN: Final = 20.0
"""Seconds that a detached stack may take to stop before it is killed."""

LONGEST_LIFETIME: Final = timedelta(days=366)
"""How long a token may live that is made for a person."""


def main(arguments: Sequence[str] | None = None, environ: Mapping[str, str] = os.environ) -> int:
    """Do what is asked; 0 when it went well, else 1 and one sentence."""
    parser = argparse.ArgumentParser(prog="stack", description="The local stack of Reliefpath.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("run", help="everything in the foreground, with the demo; Ctrl-C stops it")
    commands.add_parser("up", help="servers and services in the background")
    commands.add_parser("demo", help="send the simulator's patients through what runs")
    commands.add_parser("down", help="stop what runs")
    commands.add_parser("status", help="what runs, and where")
    commands.add_parser("supervise")
    token = commands.add_parser("token", help="a bearer token for the APIs")
    token.add_argument("role", nargs="?", default="", help=", ".join(role.value for role in ROLES))
    token.add_argument("--subject", help="who is asking (default: the role, in development)")
    token.add_argument("--facility", action="append", default=[], help="code of a facility; repeat for more")
    token.add_argument("--journey", help="the one journey that a patient's token shows")
    token.add_argument("--hours", default=str(PRINTED_LIFETIME / timedelta(hours=1)))
    asked = parser.parse_args(arguments)
    try:
        plan = Plan.of(environ)
        match asked.command:
            case "run":
                return run(plan)
            case "up":
                return up(plan)
            case "supervise":
                return supervise(plan)
            case "demo":
                return demo(plan)
            case "down":
                return down(plan)
            case "status":
                return status(plan)
            case _:
                return print_token(plan, asked)
    except (Failure, OSError) as error:
        failure = first_failure(error)
        if failure is None:
            raise
        print(failure, file=sys.stderr)
        return 1


def run(plan: Plan) -> int:
    """Everything in the foreground; stays until Ctrl-C."""
    report = Report(sys.stdout)
    outcome = [0]

    async def then(session: Session) -> None:
        report.say("the demo:")
        outcome[0] = await play(plan.demo())
        if outcome[0] != 0:
            report.say(
                f"The demo ended with code {outcome[0]}: see above; the services' logs are in {plan.folder.logs}."
            )
        report.say(card(plan, "Ctrl-C stops everything and keeps the data."))
        await session.stay()

    asyncio.run(Session(plan, "run", report).run(then))
    return min(abs(outcome[0]), 1)


def up(plan: Plan) -> int:
    """The same in the background; returns when every process is ready."""
    state = plan.folder.state()
    if state and state.ready:
        print(f"Reliefpath already runs from {plan.folder.path} (process {state.pid}).")
        print(card(_running(plan, state), "make down stops everything and keeps the data."))
        return 0
    log = plan.folder.logs / "stack.log"
    log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with log.open("ab") as output, log.open() as told:
        told.seek(0, os.SEEK_END)
        supervisor = subprocess.Popen(
            [sys.executable, "-m", "stack", "supervise"],
            cwd=plan.checkout,
            env=dict(plan.environ),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
        if not _follow(plan, supervisor, told):
            return 1
    print(card(plan, "make demo sends patients through, make down stops everything and keeps the data."))
    return 0


def supervise(plan: Plan) -> int:
    """What `up` starts: everything, without a terminal."""

    async def then(session: Session) -> None:
        await session.stay()

    asyncio.run(Session(plan, "up", Report(sys.stdout)).run(then))
    return 0


def demo(plan: Plan) -> int:
    """The simulator's patients, through the stack that runs."""
    state = _require_ready(plan)
    return min(abs(asyncio.run(play(_running(plan, state).demo()))), 1)


def down(plan: Plan) -> int:
    """Stop what runs from this data folder, however it was started."""
    if not plan.folder.is_held():
        print(f"Nothing runs from {plan.folder.path}.")
        return 0
    state = plan.folder.state()
    if state is None:
        raise Failure("Reliefpath is just starting or stopping: try again in a moment.")
    os.kill(state.pid, signal.SIGTERM)
    deadline = time.monotonic() + TAKE_DOWN
    while plan.folder.is_held():
        if time.monotonic() > deadline:
            os.kill(state.pid, signal.SIGKILL)  # the leash ends everything it started
            deadline = float("inf")
        time.sleep(0.05)
    print(f"Stopped everything that ran from {plan.folder.path}; the data stay there.")
    return 0


def status(plan: Plan) -> int:
    """What runs, where, since when; 0 only when all of it is ready."""
    state = plan.folder.state()
    if state is None:
        print(f"Nothing runs from {plan.folder.path}: start it with make run or make up.")
        return 1
    ready = asyncio.run(_readiness(state))
    if not state.ready:
        print("It is still starting.")
    print(f"{'process':<22}{'port':>6}{'pid':>9}{'restarts':>10}  up        ready")
    for part in state.parts:
        told = "yes" if ready[part.name] else "no"
        up_for = time.strftime("%H:%M:%S", time.gmtime(time.time() - part.started))
        print(f"{part.name:<22}{part.port or '':>6}{part.pid:>9}{part.restarts:>10}  {up_for}  {told}")
    print(f"{footprint([state.pid])}; make {state.command}, process {state.pid}; logs in {plan.folder.logs}")
    return 0 if state.ready and all(ready.values()) else 1


def print_token(plan: Plan, asked: argparse.Namespace) -> int:
    """A bearer token, alone on standard output."""
    if asked.role not in ROLES:
        wrong = f"There is no role {asked.role!r}" if asked.role else "Name a role"
        raise Failure(f"{wrong}: make token ROLE=coordinator (one of {', '.join(role.value for role in ROLES)}).")
    if not plan.signs:
        raise Failure("Tokens come from your own identity provider, since RELIEFPATH_JWKS is set.")
    role, lifetime = Role(asked.role), _lifetime(asked.hours)
    if role is Role.PATIENT and not _is_id(asked.journey):
        raise Failure("A patient's token shows one journey: make token ROLE=patient JOURNEY=ID, with the journey's id.")
    facilities = [str(facility_id(code)) for code in asked.facility]
    if not facilities:
        state = plan.folder.state()
        facilities = works_at(role, directory(_running(plan, state)) if state else [])
    if not facilities and role is not Role.PATIENT:
        print("This token names no facility, so it shows no journey: add FACILITY=CODE.", file=sys.stderr)
    print(plan.keys.token(role, asked.subject or role.value, facilities, lifetime, asked.journey))
    return 0


def _lifetime(hours: str) -> timedelta:
    try:
        asked = float(hours)
    except ValueError:
        asked = 0.0
    if not 0 < asked <= LONGEST_LIFETIME / timedelta(hours=1):
        raise Failure(f"HOURS={hours}: a token lives for more than 0 hours and at most a year.")
    return timedelta(hours=asked)


def _is_id(text: str | None) -> bool:
    try:
        return bool(UUID(text or ""))
    except ValueError:
        return False


def _follow(plan: Plan, supervisor: subprocess.Popen[bytes], told: TextIO) -> bool:
    """Pass on what the starting stack says, until it is ready (True) or has ended (False)."""
    try:
        while supervisor.poll() is None:
            sys.stdout.write(told.read())
            sys.stdout.flush()
            state = plan.folder.state()
            if state and state.ready and state.pid == supervisor.pid:
                return True
            time.sleep(0.1)
        sys.stderr.write(told.read())
    except KeyboardInterrupt:
        supervisor.terminate()
        supervisor.wait()
        print("\nInterrupted: everything that was started is stopped again.", file=sys.stderr)
    return False


async def _readiness(state: State) -> dict[str, bool]:
    """By process: whether it says that it is ready, or for a server whether it listens."""

    async def ready(part: Part) -> bool:
        port = part.port or 0
        return await answers_ready(port) if part.tells_readiness else not is_free(port)

    answers = await asyncio.gather(*(ready(part) for part in state.parts))
    return {part.name: answer for part, answer in zip(state.parts, answers, strict=True)}


def _require_ready(plan: Plan) -> State:
    state = plan.folder.state()
    if state is None or not state.ready:
        verb = "is not ready yet: wait for it" if state else "is not running: start it with make up, or make run"
        raise Failure(f"Reliefpath {verb}, then make demo.")
    return state


def _running(plan: Plan, state: State) -> Plan:
    """The plan by which the running stack was started, whatever RELIEFPATH_PORT says now."""
    return Plan.of({**plan.environ, "RELIEFPATH_PORT": str(state.base_port)}, plan.checkout)
