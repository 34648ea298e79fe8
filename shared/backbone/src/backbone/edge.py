"""The edge of an API: who asks gets a number and a trace, a limit, and always an answer.

Plain ASGI, so that nothing is buffered and no task is left behind when a client goes away.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Final

import structlog
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backbone.database import is_transient
from backbone.problems import Problem, Reason, TooLargeBody, Unavailable
from backbone.rows import new_id
from backbone.telemetry import HTTP_SECONDS, traced

log = structlog.get_logger()

MOST_REQUESTS: Final = 200
"""Requests worked on at once by one process; more are asked to come again."""

SECURITY_HEADERS: Final = (
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
)


class Edge:
    """Wraps an application: request id, trace, body limit while streaming, overload, and failures as problems."""

    def __init__(self, app: ASGIApp, body_limit: int, larger: Mapping[str, int] | None = None) -> None:
        self._app, self._body_limit, self._larger = app, body_limit, dict(larger or {})
        self._working = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        exchange = _Exchange(scope, send)
        with traced(exchange.header("traceparent")) as trace:
            scope.setdefault("state", {})["request_id"] = str(new_id())
            scope["state"]["trace"] = trace
            if self._working >= MOST_REQUESTS and not scope["path"].startswith(("/livez", "/readyz", "/metrics")):
                busy = Unavailable("Too much to do just now. Nothing was changed.")
                await busy.response()(scope, receive, exchange.send)
                return
            self._working += 1
            try:
                await self._answer(scope, receive, exchange)
            finally:
                self._working -= 1
                exchange.observe()

    async def _answer(self, scope: Scope, receive: Receive, exchange: _Exchange) -> None:
        try:
            limit = self._larger.get(scope["path"], self._body_limit)
            if int(exchange.header("content-length") or 0) > limit:
                raise too_large(limit)
            await self._app(scope, _limited(receive, limit), exchange.send)
        except ClientDisconnect:
            log.info("the client went away", route=exchange.route)
        except Exception as error:
            if exchange.status:
                log.error("failed while answering", route=exchange.route, exc_info=error)
                raise ConnectionAbortedError from None
            await _problem_of(error, exchange.route).response()(scope, receive, exchange.send)


class _Exchange:
    """One request and what is said about it."""

    def __init__(self, scope: Scope, send: Send) -> None:
        self._scope, self._send = scope, send
        self._started = time.perf_counter()
        self.status = 0

    def header(self, name: str) -> str | None:
        for given, value in self._scope["headers"]:
            if given == name.encode():
                return bytes(value).decode("latin-1")
        return None

    @property
    def route(self) -> str:
        return str(getattr(self._scope.get("route"), "path", "unknown"))

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message["headers"] = [*message.get("headers", []), *SECURITY_HEADERS]
        await self._send(message)

    def observe(self) -> None:
        seconds = time.perf_counter() - self._started
        HTTP_SECONDS.labels(self._scope["method"], self.route, str(self.status)).observe(seconds)


def too_large(limit: int) -> TooLargeBody:
    """The refusal of a body above a limit in bytes."""
    message = f"The body is larger than {limit} bytes."
    return TooLargeBody(message, [Reason(code="too-large", message=message, satisfy="Send less at once.")])


def _limited(receive: Receive, limit: int) -> Receive:
    taken = 0

    async def take() -> Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > limit:
            raise too_large(limit)
        return message

    return take


def _problem_of(error: Exception, route: str) -> Problem:
    if isinstance(error, Problem):
        return error
    if is_transient(error):
        log.warning("not possible just now", route=route, error=type(error).__name__)
        return Unavailable()
    log.error("a request failed", route=route, exc_info=error)
    return Problem("This is our fault, not yours. Nothing was changed. The trace id helps us to find it.")
