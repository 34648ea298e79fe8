"""The APIs as the command calls them: where they answer, with which token, and what they said."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final, Self
from urllib.parse import urlsplit
from uuid import uuid4

import httpx2

from operations.cli.failure import USAGE, Failure, Refused, Unreachable

SERVICES: Final = ("referral", "scheduling", "followup", "operations")
PATIENCE: Final = 30.0
"""Seconds an API may take to answer: more than it gives itself."""

LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})


@dataclass(frozen=True)
class Reply:
    """What an API answered when it did not refuse."""

    status: int
    body: Any


class Api:
    """One service's API with one token."""

    def __init__(self, address: str, token: str, transport: httpx2.BaseTransport | None = None) -> None:
        self._address = address.rstrip("/")
        try:
            host = urlsplit(address).hostname
        except ValueError:
            raise Failure(f"{address!r} is no address of an API.", USAGE) from None
        self._client = httpx2.Client(
            timeout=httpx2.Timeout(PATIENCE, connect=3),
            transport=transport,
            headers={"Authorization": f"Bearer {token}", "Accept": "application/json"},
            follow_redirects=False,
            trust_env=host not in LOOPBACK,  # a proxy cannot reach this machine's own services
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def get(self, path: str, **query: Any) -> Any:
        """What is at an address. Raises Refused, Unreachable."""
        return self._send("GET", path, params={name: value for name, value in query.items() if value}).body

    def put(self, path: str, body: Mapping[str, Any]) -> Any:
        """Put something at an address. Raises Refused, Unreachable."""
        return self._send("PUT", path, json=dict(body)).body

    def post(
        self,
        path: str,
        body: Mapping[str, Any] | bytes,
        *,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, Any] | None = None,
    ) -> Reply:
        """Do something, under a key of its own. Bytes are sent as they are. Raises Refused, Unreachable."""
        sent: dict[str, Any] = {"content": body} if isinstance(body, bytes) else {"json": dict(body)}
        given = {"Idempotency-Key": str(uuid4()), **(headers or {})}
        return self._send("POST", path, headers=given, params=dict(query or {}), **sent)

    def pages(self, path: str, most: int, **query: Any) -> Iterator[Mapping[str, Any]]:
        """The pages of a list, one after the other, until `most` items have been seen."""
        seen, cursor = 0, None
        while seen < most:
            page = self.get(path, **query, cursor=cursor, limit=min(most - seen, 200))
            page = page if isinstance(page, dict) else {"items": page}
            yield page
            seen += len(page.get("items") or ())
            cursor = page.get("next")
            if not cursor:
                return

    def _send(self, method: str, path: str, **more: Any) -> Reply:
        try:
            response = self._client.request(method, self._address + path, **more)
        except httpx2.InvalidURL:
            raise Failure(f"{self._address!r} is no address of an API.", USAGE) from None
        except httpx2.TimeoutException:
            raise Unreachable(f"{self._address} did not answer within {PATIENCE:g} seconds.") from None
        except httpx2.TransportError:
            raise Unreachable(
                f"{self._address} does not answer. Does it run? Locally: make status, or make run."
            ) from None
        return _read(self._address, response)


def _read(address: str, response: httpx2.Response) -> Reply:
    try:
        body = response.json()
    except ValueError:
        body = None
    if response.status_code >= 400:
        problem = body if isinstance(body, dict) else {"title": response.reason_phrase}
        if response.status_code in {502, 504} or (response.status_code == 503 and not isinstance(body, dict)):
            raise Unreachable(f"{address} answers {response.status_code}: what it stands for cannot be reached.")
        raise Refused(response.status_code, problem)
    if body is None or response.status_code >= 300:
        raise Unreachable(f"{address} answers, but not as Reliefpath does ({response.status_code}). Is it the address?")
    return Reply(response.status_code, body)


def connect(service: str, role: str, facility: str | None = None) -> Api:
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
    return Api(address, token)


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
