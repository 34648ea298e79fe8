"""Connections whose clients dawdle or send without end: uvicorn waits for ever for them, and keeps all that comes.

What a client may take its time for: the headers of a request, and what is left of a body that was answered unread. A
body that is being read is the edge's business, which can still tell the client.
"""

from __future__ import annotations

import asyncio
from enum import Enum
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from backbone.problems import Malformed, Problem, TooLargeHead, TooSlow

MOST_HEADERS: Final = 65_536
"""Bytes in which the headers of a request must end; what one read brings may go beyond."""

LINGER: Final = 3.0
"""Seconds between a refusal of what had not come whole and the end of its connection: closed at once, it is reset under
a client that still sends, which might never see the answer. The rest of a body is thrown away meanwhile."""


class _Part(Enum):
    """What a client is sending."""

    NOTHING = "nothing"
    HEAD = "head"
    BODY = "body"


class Listener(HttpToolsProtocol):
    """One connection. The keep-alive time of its server is also the time for the headers of a request."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._part, self._head = _Part.NOTHING, 0
        self._parting = False
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._watch(self.timeout_keep_alive)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_watching()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._parting:
            return
        super().data_received(data)
        if self._part is not _Part.BODY and self._is_answered:
            self._watch(self.timeout_keep_alive)
        if self._part is _Part.HEAD:
            self._head += len(data)
            if self._head > MOST_HEADERS:
                self._refuse(TooLargeHead(f"The headers are larger than {MOST_HEADERS} bytes."))

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._part, self._head = _Part.HEAD, 0

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._part is _Part.HEAD:  # and not behind a body: trailers, which nobody reads, would be kept without end
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._stop_watching()
        super().on_headers_complete()
        self._part = _Part.BODY
        self.cycle.transport = _Answering(self)  # type: ignore[assignment]  # all that a cycle does with one

    def on_message_complete(self) -> None:
        self._part = _Part.NOTHING
        self._stop_watching()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self._part is not _Part.NOTHING and self._is_answered:
            self._unset_keepalive_if_required()
            self._watch(LINGER if self._part is _Part.BODY else self.timeout_keep_alive)

    def part(self) -> None:
        """The last answer is given: close, but not before a client that is still sending can have read it."""
        if self._part is _Part.BODY and not self.pipeline:
            self._parting = True
            self._watch(LINGER)
        else:
            self.transport.close()

    def send_400_response(self, msg: str) -> None:
        """What came is no HTTP."""
        self._refuse(Malformed(msg))

    def timeout_keep_alive_handler(self) -> None:
        """Nothing came for long. An answer that was not taken in all that time never will be."""
        if self.transport.get_write_buffer_size():
            self.transport.abort()
        super().timeout_keep_alive_handler()

    @property
    def _is_answered(self) -> bool:
        return self.cycle is None or self.cycle.response_complete  # type: ignore[redundant-expr]  # it is, at first

    def _watch(self, seconds: float) -> None:
        if self._timer is None and not self.transport.is_closing():
            self._timer = self.loop.call_later(seconds, self._give_up)

    def _stop_watching(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _give_up(self) -> None:
        if self._part is _Part.HEAD:
            self._refuse(TooSlow(f"The headers did not come within {self.timeout_keep_alive:g} seconds."))
        else:
            self.transport.close()

    def _refuse(self, problem: Problem) -> None:
        """Say why, and close; only close where an answer has begun, or an earlier request waits for one."""
        if self._part is _Part.BODY and not self.pipeline and not self.cycle.response_started:
            self.cycle.disconnected = True  # this is its answer: nothing more comes, and nothing more is taken
            self.cycle.message_event.set()
        elif self._part is _Part.BODY or not self._is_answered or self.transport.is_closing():
            self.transport.close()
            return
        answer = problem.response()
        head = [b": ".join(header) for header in answer.raw_headers if header[0] != b"connection"]
        lines = [STATUS_LINE[answer.status_code].strip(), b"connection: close", *head, b"", bytes(answer.body)]
        self.transport.write(b"\r\n".join(lines))
        self.transport.write_eof()
        self.transport.pause_reading()
        self.loop.call_later(LINGER, self.transport.close)


class _Answering:
    """The transport as an answer has it, which closes it with its last byte."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self.write, self.is_closing = listener.transport.write, listener.transport.is_closing

    def close(self) -> None:
        self._listener.part()
