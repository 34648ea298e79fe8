"""What every call has in common: a token, a key for every change, the version read, and problems as exceptions."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Any, ClassVar, Final, Self
from urllib.parse import quote
from uuid import uuid4

import httpx2

TRIES: Final = 5
AGAIN: Final = frozenset({502, 503, 504})
LONGEST_PAUSE: Final = 20.0
"""Seconds that a service may ask us to wait before the next try. Who asks for more is not tried again."""

CONNECTING: Final = 10.0
"""Seconds until a connection has to stand, for callers with more patience than that."""

LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})
GZIP: Final = b"\x1f\x8b"


class Unreachable(Exception):
    """Nobody answers at the address, not in time, or somebody else does: `status` is what they said, if anything."""

    def __init__(self, sentence: str, status: int | None = None) -> None:
        self.status = status
        super().__init__(sentence)


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason of a refusal, and what would satisfy it. `pointer` is a JSON pointer into what was sent."""

    code: str
    message: str
    satisfy: str | None = None
    pointer: str | None = None
    rules: tuple[str, ...] = ()


class Refusal(Exception):
    """A problem document (RFC 9457) that an API answered with; `document` is all of it, as it came."""

    def __init__(self, status: int, document: Mapping[str, Any]) -> None:
        self.status, self.document = status, document
        self.type: str = str(document.get("type") or "about:blank")
        self.title: str = str(document.get("title") or "")
        self.detail: str = str(document.get("detail") or "")
        self.errors: tuple[Reason, ...] = tuple(_reasons(document.get("errors")))
        self.allowed_actions = _texts(document.get("allowed_actions"))
        self.trace_id: str | None = document.get("trace_id")
        reasons = "; ".join(one.message for one in self.errors)
        super().__init__(f"{status} {self.title}: {reasons or self.detail}")

    @property
    def codes(self) -> set[str]:
        """The codes of all its reasons."""
        return {one.code for one in self.errors}


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation of a contract. `takes` is its body's media type, `keyed` whether it takes an Idempotency-Key."""

    method: str
    path: str
    takes: str | None = None
    keyed: bool = False


class Client:
    """An API as one caller sees it. Safe to repeat: a change that may not have arrived is sent again under its key.

    A PUT needs no key: what is already as it says is answered as changed.

    `patience` is how many seconds one answer may take until it is whole, `tries` how often what can be repeated is
    sent, and `trace` says the W3C traceparent of what a call is part of. Raises ValueError for what is no address.
    """

    OPERATIONS: ClassVar[Mapping[str, Operation]] = {}

    def __init__(
        self,
        address: str,
        token: str,
        *,
        patience: float = 15.0,
        tries: int = TRIES,
        trace: Callable[[], str | None] | None = None,
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        self.address = address.rstrip("/")
        self._patience, self._tries, self._trace = patience, tries, trace
        self._client = httpx2.AsyncClient(
            timeout=httpx2.Timeout(patience, connect=min(patience, CONNECTING)),
            transport=transport,
            headers={"Authorization": f"Bearer {token}", "Accept": "application/json"},
            follow_redirects=False,
            trust_env=_host(address) not in LOOPBACK,  # a proxy cannot reach this machine's own services
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close its connections."""
        await self._client.aclose()

    async def call(
        self,
        operation: str,
        *place: str | int,
        body: Mapping[str, object] | bytes | None = None,
        version: int | None = None,
        key: str | None = None,
        query: Mapping[str, object] | None = None,
    ) -> Any:
        """An operation by its id, for callers who learn only at run time which: what it answers, as it is.

        `place` is what its path names, in that order. Bytes are sent as they are, and may be gzipped. `version` is the
        one that was read; a change is done once under its `key`, which is made up unless it is given.
        Raises Refusal, Unreachable, and LookupError for what the contract does not have.
        """
        known = self.OPERATIONS.get(operation)
        if known is None:
            raise LookupError(f"{type(self).__name__} has no operation {operation}.")
        if known.takes is None and body:
            raise LookupError(f"{operation} takes no body.")
        headers = {} if version is None else {"If-Match": f'"{version}"'}
        if known.keyed:
            headers["Idempotency-Key"] = key or str(uuid4())
        content = None
        if known.takes is not None:
            content = body if isinstance(body, bytes) else _written(body or {})
            headers["Content-Type"] = known.takes
            if content.startswith(GZIP):
                headers["Content-Encoding"] = "gzip"
        asked = {name: value for name, value in (query or {}).items() if value is not None}
        address = self.address + _path(operation, known.path, place)
        answer = await self._send(known.method, address, headers=headers, content=content, params=asked)
        return self._read(answer)

    async def _send(self, method: str, address: str, *, headers: dict[str, str], **more: Any) -> httpx2.Response:
        trace = self._trace() if self._trace else None
        if trace:
            headers["traceparent"] = trace
        attempt = 0
        while True:
            attempt += 1
            pause = 0.2 * 2**attempt
            try:
                answer = await self._whole(method, address, headers=headers, **more)
            except httpx2.RequestError as error:
                if attempt >= self._tries:
                    raise self._unreachable(error) from error
            else:
                asked = _asked_pause(answer)
                if answer.status_code not in AGAIN or attempt >= self._tries or asked > LONGEST_PAUSE:
                    return answer
                pause = max(pause, asked)
            await asyncio.sleep(pause)

    async def _whole(self, method: str, address: str, **more: Any) -> httpx2.Response:
        """The whole answer to a request, from its sending to the last byte, within our patience."""
        try:
            # The limit that httpx2 knows is for each read; a service that answers drop by drop would outlast it.
            async with asyncio.timeout(self._patience):
                return await self._client.request(method, address, **more)
        except TimeoutError as late:
            raise httpx2.ReadTimeout("The answer is not whole in time.") from late

    def _unreachable(self, error: httpx2.RequestError) -> Unreachable:
        if isinstance(error, httpx2.TimeoutException):
            return Unreachable(f"{self.address} did not answer within {self._patience:g} seconds.")
        return Unreachable(f"{self.address} does not answer ({type(error).__name__}).")

    def _read(self, answer: httpx2.Response) -> Any:
        status, sound = answer.status_code, True
        try:
            body = answer.json()
        except (ValueError, RecursionError):
            body, sound = None, False
        if status >= 400:
            document = body if isinstance(body, dict) else None
            if status in {502, 504} or (status == 503 and document is None):
                raise Unreachable(f"{self.address} answers {status}: what it stands for cannot be reached.", status)
            raise Refusal(status, document if document is not None else {"title": answer.reason_phrase})
        if status >= 300 or not sound:
            told = f"{self.address} answers, but not as Reliefpath does ({status}). Is it the address?"
            raise Unreachable(told, status)
        return body


def _host(address: str) -> str:
    try:
        parts = httpx2.URL(address)
    except httpx2.InvalidURL:
        parts = httpx2.URL()
    if not parts.host or parts.scheme not in {"http", "https"}:
        raise ValueError(f"{address!r} is no address of an API.")
    return parts.host


def _path(operation: str, path: str, place: tuple[str | int, ...]) -> str:
    names = re.findall(r"\{(\w+)\}", path)
    if len(names) != len(place):
        raise TypeError(f"{operation} takes {', '.join(names) or 'no place'}, and was given {len(place)}.")
    if any(str(one) in {"", ".", ".."} for one in place):  # an address without them is another one
        raise ValueError(f"{operation} was given a place that is none.")
    return path.format(**{name: quote(str(one), safe="") for name, one in zip(names, place, strict=True)})


def _written(body: Mapping[str, object]) -> bytes:
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def _asked_pause(answer: httpx2.Response) -> float:
    """How many seconds a service asks us to wait (RFC 9110, 10.2.3); 0 when it does not."""
    asked = answer.headers.get("Retry-After", "")
    if asked.isdecimal():
        return float(asked)
    try:
        until = parsedate_to_datetime(asked)
    except ValueError:
        return 0.0
    until = until if until.tzinfo else until.replace(tzinfo=UTC)
    return max(0.0, (until - datetime.now(UTC)).total_seconds())


def _texts(found: object) -> tuple[str, ...]:
    return tuple(map(str, found)) if isinstance(found, list) else ()


def _reasons(errors: object) -> list[Reason]:
    found = [one for one in errors if isinstance(one, Mapping)] if isinstance(errors, list) else []
    return [
        Reason(
            code=str(one.get("code") or ""),
            message=str(one.get("message") or one.get("code") or ""),
            satisfy=one.get("satisfy"),
            pointer=one.get("pointer"),
            rules=_texts(one.get("rules")),
        )
        for one in found
    ]
