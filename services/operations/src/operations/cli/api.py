"""The APIs as the command calls them: where they answer, with which token, and what became of a call."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final, TypeVar, get_args

import reliefpath_client
from operations.cli.failure import USAGE, Failure, Refused, Unreachable
from reliefpath.vocabulary import Role
from reliefpath_client import Client, Operations, Refusal
from reliefpath_client.operations import Service

SERVICES: Final[tuple[str, ...]] = get_args(Service)
"""The services as their contracts name them: backbone names them too, and takes a second or two to import."""
PATIENCE: Final = 30.0
"""Seconds an API may take to answer: more than it gives itself."""


TRIES: Final = 3
"""How often what can be repeated is sent: somebody waits at the terminal."""

Api = TypeVar("Api", bound=Client)
Result = TypeVar("Result")


def run(work: Coroutine[Any, Any, Result]) -> Result:
    """Do what calls the APIs, and tell what went wrong as the command does. Raises Refused, Unreachable."""
    try:
        return asyncio.run(work)
    except Refusal as refusal:
        raise Refused(refusal.status, refusal.document) from None
    except reliefpath_client.Unreachable as away:
        nobody = " Does it run? Locally: make status, or make run." if away.status is None else ""
        raise Unreachable(f"{away}{nobody}") from None


def connect(kind: type[Api], service: str, role: str, facility: str | None = None) -> Api:
    """A service's API, to be used in this role. Raises Unreachable without an address, Failure without a token.

    `facility` is the code of the one the caller acts for; it matters only where the local stack signs the token.
    """
    stack = LocalStack.find(os.environ)
    name = f"RELIEFPATH_URL_{service.upper()}"
    address = os.environ.get(name) or (stack.clients.get(name) if stack else None)
    if not address:
        raise Unreachable(f"Nothing runs here and {name} is not set. Start Reliefpath with make run, or set it.")
    token = os.environ.get("RELIEFPATH_TOKEN")
    if not token and stack and signs_for(service):
        token = _printed_token(stack.state, role, facility)
    if not token:
        raise Failure(f"RELIEFPATH_TOKEN is not set: {address} wants a token for the role {role}.", USAGE)
    try:
        return kind(address, token, patience=PATIENCE, tries=TRIES)
    except ValueError as wrong:
        raise Failure(str(wrong), USAGE) from None


def operations() -> Operations:
    """The operations API, for somebody of operations. Raises Unreachable, Failure."""
    return connect(Operations, "operations", Role.OPERATIONS)


def signs_for(service: str) -> bool:
    """Whether the local stack signs the token for this service: none is set, and the address is the stack's own."""
    stack = LocalStack.find(os.environ)
    name = f"RELIEFPATH_URL_{service.upper()}"
    given, own = os.environ.get(name), stack.clients.get(name) if stack else None
    return not os.environ.get("RELIEFPATH_TOKEN") and own is not None and given in {None, "", own}


@dataclass(frozen=True)
class LocalStack:
    """The development stack of the checkout that this command is installed from, as far as it tells."""

    state: Path
    clients: Mapping[str, str]

    @classmethod
    def find(cls, environ: Mapping[str, str]) -> LocalStack | None:
        """The stack that runs, by its state file, or None. Nothing of it is imported: a deployed command has none."""
        found = importlib.util.find_spec("stack")
        if found is None or found.origin is None or len(Path(found.origin).parents) < 5:
            return None
        checkout = Path(found.origin).parents[4]
        state = checkout / (environ.get("RELIEFPATH_DATA") or "var") / "stack.json"
        try:
            clients = json.loads(state.read_text())["clients"]
        except (OSError, ValueError, KeyError, TypeError):
            return None
        if not isinstance(clients, dict):
            return None
        return cls(state, {str(name): str(value) for name, value in clients.items()})


@cache
def _printed_token(state: Path, role: str, facility: str | None) -> str | None:
    """A token from the stack of this state file, as `make token` prints it; None when it does not sign any."""
    asked = [sys.executable, "-m", "stack", "token", role, *(["--facility", facility] if facility else [])]
    try:
        told = subprocess.run(asked, capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return told.stdout.strip() if told.returncode == 0 else None
