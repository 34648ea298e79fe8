"""The edge of an API: who asks gets a number and a trace, a limit, and always an answer.

Plain ASGI, so that nothing is buffered and no task is left behind when a client goes away.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Final

import structlog
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backbone.database import fault_of, is_transient
from backbone.problems import Problem, Reason, TooLargeBody, TooSlow, Unavailable
from backbone.rows import new_id
from backbone.settings import Settings
from backbone.telemetry import HTTP_SECONDS, traced

log = structlog.get_logger()

SECURITY_HEADERS: Final = (
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
)


class Edge:
    """Wraps an application: request id, trace, limits of size, number and time, and failures as problems."""

    def __init__(self, app: ASGIApp, settings: Settings, larger: Mapping[str, int] | None = None) -> None:
        self._app, self._settings, self._larger = app, settings, dict(larger or {})
        self._under_way: set[_Exchange] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Have a request answered. Raises ConnectionAbortedError when it fails after its answer began (ASGI)."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limit = self._larger.get(scope["path"], self._settings.body_limit)
        exchange = _Exchange(scope, receive, send, limit, self._settings.client_timeout, self._may_hold)
        with traced(exchange.header("traceparent")) as trace:
            scope.setdefault("state", {})["request_id"] = str(new_id())
            scope["state"]["trace"] = trace
            full = len(self._under_way) >= self._settings.requests_at_once
            try:
                if full and not scope["path"].startswith(("/livez", "/readyz", "/metrics")):
                    await exchange.refuse(Unavailable("Too much to do just now. Nothing was changed."))
                    return
                self._under_way.add(exchange)
                await self._answer(exchange)
            finally:
                self._under_way.discard(exchange)
                exchange.observe()

    def hurry(self) -> None:
        """Give up whatever is under way, so that it is answered before this process ends."""
        for exchange in self._under_way:
            with suppress(RuntimeError):  # it is being answered already
                exchange.time.reschedule(asyncio.get_running_loop().time())

    async def _answer(self, exchange: _Exchange) -> None:
        try:
            exchange.check_length()
            async with asyncio.timeout(self._settings.answer_timeout) as exchange.time:
                await self._app(exchange.scope, exchange.receive, exchange.send)
        except ClientDisconnect:
            log.info("the client went away", route=exchange.route)
        except Exception as error:
            if exchange.status:
                log.error("failed while answering", route=exchange.route, exc_info=error)
                raise ConnectionAbortedError from None
            late = isinstance(error, TimeoutError) and exchange.time.expired()
            await exchange.refuse(_too_late() if late else _problem_of(error, exchange.route))

    def _may_hold(self, more: int) -> bool:
        return sum(one.taken for one in self._under_way) + more <= self._settings.bodies_at_once


class _Exchange:
    """One request, how much of it has come, and what is said about it."""

    def __init__(
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
        limit: int,
        patience: float,
        may_hold: Callable[[int], bool],
    ) -> None:
        self.scope, self._receive, self._send = scope, receive, send
        self._limit, self._patience, self._may_hold = limit, patience, may_hold
        self._started = time.perf_counter()
        self._whole = False
        self.time = asyncio.timeout(None)
        self.taken = 0
        self.status = 0

    def header(self, name: str) -> str | None:
        for given, value in self.scope["headers"]:
            if given == name.encode():
                return bytes(value).decode("latin-1")
        return None

    @property
    def route(self) -> str:
        return str(getattr(self.scope.get("route"), "path", "unknown"))

    def check_length(self) -> None:
        """Raise TooLargeBody when the body is said to be larger than it may be."""
        if int(self.header("content-length") or 0) > self._limit:
            raise too_large(self._limit)

    async def receive(self) -> Message:
        """The next part of the body. Raises TooSlow, TooLargeBody, Unavailable."""
        if self._whole:
            return await self._receive()  # only that the client goes away, which may take as long as it likes
        asked = time.perf_counter()
        try:
            async with asyncio.timeout(self._patience):
                message = await self._receive()
        except TimeoutError:
            raise TooSlow("The body did not come in time. Nothing was changed.") from None
        self._patience -= time.perf_counter() - asked  # what we do in between is not the client's fault
        part = len(message.get("body", b""))
        if self.taken + part > self._limit:
            raise too_large(self._limit)
        if not self._may_hold(part):
            raise Unavailable("Too much is being sent just now. Nothing was changed.")
        self.taken += part
        self._whole = not message.get("more_body", False)
        return message

    async def refuse(self, problem: Problem) -> None:
        """Answer with a problem."""
        await problem.response()(self.scope, self._receive, self.send)

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message["headers"] = [*message.get("headers", []), *SECURITY_HEADERS]
        await self._send(message)

    def observe(self) -> None:
        seconds = time.perf_counter() - self._started
        HTTP_SECONDS.labels(self.scope["method"], self.route, str(self.status)).observe(seconds)


def too_large(limit: int) -> TooLargeBody:
    """The refusal of a body above a limit in bytes."""
    message = f"The body is larger than {limit} bytes."
    return TooLargeBody(message, [Reason(code="too-large", message=message, satisfy="Send less at once.")])


def _too_late() -> Unavailable:
    return Unavailable("This took too long and was given up. Repeat it with the same Idempotency-Key: it is done once.")


def _problem_of(error: Exception, route: str) -> Problem:
    if isinstance(error, Problem):
        return error
    if is_transient(error):
        log.warning("not possible just now", route=route, error=fault_of(error))
        return Unavailable()
    log.error("a request failed", route=route, exc_info=error)
    return Problem("This is our fault, not yours. Nothing was changed. The trace id helps us to find it.")
