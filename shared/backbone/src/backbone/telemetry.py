"""Logs without patient data, metrics, and the trace that follows a request from HTTP through Kafka to its effects."""

from __future__ import annotations

import logging
import secrets
import sys
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_trace: ContextVar[str | None] = ContextVar("trace", default=None)

# fmt: off
LOGGABLE: Final = frozenset({
    "action", "address", "attempt", "attempts", "bucket", "buckets", "cause", "code", "count", "due_at",
    "duration_ms", "error", "event", "event_type", "exception", "field", "instance", "journey", "kind", "lag",
    "level", "line", "method", "next", "offset", "operation", "partition", "partitions", "port", "profile",
    "reason", "resource", "resource_id", "role", "route", "seconds", "seq", "service", "status", "stream",
    "subject_hash", "task", "timestamp", "topic", "trace", "tries", "version",
})
# fmt: on
"""The fields a log line may carry: ids, codes, counts and times. Anything else is dropped, whoever logs it."""

REGISTRY: Final = CollectorRegistry()

HTTP_SECONDS = Histogram(
    "reliefpath_http_seconds", "Time to answer a request.", ["method", "route", "status"], registry=REGISTRY
)
OUTBOX_DEPTH = Gauge("reliefpath_outbox_depth", "Events said and not sent yet.", registry=REGISTRY)
OUTBOX_AGE = Gauge("reliefpath_outbox_age_seconds", "Age of the oldest event not sent yet.", registry=REGISTRY)
RELAYED = Counter("reliefpath_relayed_total", "Events sent and acknowledged.", registry=REGISTRY)
HEARD = Counter(
    "reliefpath_heard_total", "Messages read, by what became of them.", ["topic", "outcome"], registry=REGISTRY
)
UNKNOWN = Counter(
    "reliefpath_unknown_types_total",
    "Events of a type this program does not know, skipped.",
    ["topic"],
    registry=REGISTRY,
)
REACTION_SECONDS = Histogram("reliefpath_reaction_seconds", "Time a reaction takes.", ["type"], registry=REGISTRY)
LAG_SECONDS = Gauge("reliefpath_lag_seconds", "Age of the oldest unread message.", ["topic"], registry=REGISTRY)
LAG_RECORDS = Gauge("reliefpath_lag_records", "Messages not read yet.", ["topic"], registry=REGISTRY)
OFFSETS_GONE = Gauge(
    "reliefpath_offsets_gone", "Partitions that cannot be read on until somebody says where.", registry=REGISTRY
)
HELD = Gauge("reliefpath_held", "Events that could not take effect yet.", ["status"], registry=REGISTRY)
RETRIES = Counter("reliefpath_retries_total", "Tries after the first.", ["of"], registry=REGISTRY)
DEADLINES = Counter(
    "reliefpath_deadlines_total", "Deadlines, by what became of them.", ["kind", "outcome"], registry=REGISTRY
)
LOOP_LAG = Gauge("reliefpath_loop_lag_seconds", "How late the event loop last ran a timer.", registry=REGISTRY)


def new_trace() -> str:
    """A W3C traceparent for work that nobody else began."""
    return f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"


def child_of(trace: str | None) -> str:
    """The traceparent of a step of the same trace; a new trace when the given one is not well formed."""
    parts = (trace or "").split("-")
    if len(parts) != 4 or len(parts[1]) != 32 or not set(parts[1]) <= set("0123456789abcdef") or set(parts[1]) == {"0"}:
        return new_trace()
    return f"00-{parts[1]}-{secrets.token_hex(8)}-01"


def current_trace() -> str | None:
    """The traceparent of what is being done now."""
    return _trace.get()


@contextmanager
def traced(trace: str | None) -> Iterator[str]:
    """Do the block as a step of this trace."""
    step = child_of(trace)
    token = _trace.set(step)
    try:
        yield step
    finally:
        _trace.reset(token)


def _only_loggable(_: Any, __: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    trace = current_trace()
    if trace:
        line["trace"] = trace.split("-")[1]
    return {name: value for name, value in line.items() if name in LOGGABLE}


def _errors_without_values(_: Any, __: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """An exception is logged by its type and place: its message may quote a patient's data."""
    error = line.pop("exc_info", None)
    if error is True:
        error = sys.exc_info()[1]
    elif isinstance(error, tuple):
        error = error[1]
    if isinstance(error, BaseException):
        line["error"] = type(error).__name__
        frames = []
        step = error.__traceback__
        while step is not None:
            frames.append(f"{step.tb_frame.f_globals.get('__name__')}:{step.tb_lineno}")
            step = step.tb_next
        line["line"] = " < ".join(reversed(frames[-6:]))
    return line


def configure_logs(level: str, **fields: str) -> None:
    """Write one JSON object per line to standard error, with these fields on every line."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _errors_without_values,
            _only_loggable,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
    )
    structlog.contextvars.bind_contextvars(**fields)
    logging.basicConfig(handlers=[_ToStructlog()], level=logging.WARNING, force=True)


class _ToStructlog(logging.Handler):
    """Libraries' own log lines: their level and name only, and never their arguments."""

    def emit(self, record: logging.LogRecord) -> None:
        log = structlog.get_logger()
        say = log.error if record.levelno >= logging.ERROR else log.warning
        say("library", operation=record.name, line=f"{record.module}:{record.lineno}", exc_info=record.exc_info)
