"""Logs without patient data, metrics, and the trace that follows a request from HTTP through Kafka to its effects."""

from __future__ import annotations

import asyncio
import logging
import secrets
import sys
from collections import deque
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_trace: ContextVar[str | None] = ContextVar("trace", default=None)

# fmt: off
OF_EVERY_LINE: Final = frozenset({"event", "instance", "level", "line", "service", "timestamp", "trace"})
LOGGABLE: Final = OF_EVERY_LINE | {
    "count", "error", "event_type", "kind", "offset", "operation", "partition", "reason", "resource", "resource_id",
    "route", "seconds", "task", "topic",
}
# fmt: on
"""The fields a log line may carry: ids, codes, counts and times. Anything else is dropped, whoever logs it."""

REGISTRY: Final = CollectorRegistry()

LOOK: Final = 0.1
LOOP_WINDOW: Final = 60.0
"""Seconds over which the worst loop lag is told: no scrape that comes at least as often misses it."""

Kind = TypeVar("Kind", Counter, Gauge, Histogram)


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric as it is declared: what it means and what to watch for are the words of docs/metrics.md."""

    name: str
    kind: str
    labels: tuple[str, ...]
    meaning: str
    watch_for: str


METRICS: Final[list[Metric]] = []


def _declare(kind: type[Kind], name: str, meaning: str, watch_for: str, *labels: str) -> Kind:
    METRICS.append(Metric(name, kind.__name__.lower(), labels, meaning, watch_for))
    return kind(name, meaning, labels, registry=REGISTRY)


HTTP_SECONDS = _declare(
    Histogram, "reliefpath_http_seconds", "Time to answer a request.",
    "5xx; a slow `route`. 503 is a database that is away.", "method", "route", "status",
)  # fmt: skip
OUTBOX_DEPTH = _declare(
    Gauge, "reliefpath_outbox_depth", "Events said and not sent yet, of the whole service, as each worker sees it.",
    "Growth: Kafka is away or nothing relays. Take the largest of the workers, not the sum. Of each of the 16 buckets"
    " 1,000 are counted and no more.",
)  # fmt: skip
OUTBOX_AGE = _declare(
    Gauge, "reliefpath_outbox_age_seconds", "Age of the oldest event not sent yet.",
    "More than 10 s: the APIs call themselves degraded, too.",
)  # fmt: skip
RELAYED = _declare(
    Counter, "reliefpath_relayed_total", "Events sent and acknowledged: its rate is the relay's throughput.",
    "No rate while the outbox is not empty: after `RELIEFPATH_WATCHDOG` seconds the relay is rebuilt.",
)  # fmt: skip
HEARD = _declare(
    Counter, "reliefpath_heard_total",
    "Messages read, by what became of them: its rate is the consumer's throughput.",
    "`parked`, `retrying` and `dead_letter`. Many `duplicate` is a speaker that sends again, and harmless.",
    "topic", "outcome",
)  # fmt: skip
UNKNOWN = _declare(
    Counter, "reliefpath_unknown_types_total", "Events of a type this program does not know, skipped.",
    "Any: a speaker is newer than this hearer.", "topic",
)  # fmt: skip
REACTION_SECONDS = _declare(
    Histogram, "reliefpath_reaction_seconds", "Handler time: how long a reaction to an event takes, failed or not.",
    "A type that grows slower: its topic's lag follows.", "type",
)  # fmt: skip
LAG_SECONDS = _declare(
    Gauge, "reliefpath_lag_seconds",
    "How long the oldest event not heard yet has waited since it was recorded, by real time.",
    "More than a few seconds for longer than a minute. `reliefpath lag` shows which partition.", "topic",
)  # fmt: skip
LAG_RECORDS = _declare(
    Gauge, "reliefpath_lag_records", "Messages of this worker's partitions not read yet.",
    "Growth. The sum over a service's workers is the service's.", "topic",
)  # fmt: skip
OFFSETS_GONE = _declare(
    Gauge, "reliefpath_offsets_gone", "Partitions that cannot be read on until somebody says where.",
    "Any: see the runbook, a partition says `gone`.",
)  # fmt: skip
HELD = _declare(
    Gauge, "reliefpath_held", "Events that could not take effect yet, of the whole service.",
    "`parked` needs a person. `missing` or `waiting` that does not go down: a speaker's word does not come.", "status",
)  # fmt: skip
PARKED_JOURNEYS = _declare(
    Gauge, "reliefpath_parked_journeys",
    "Journeys, and facilities of the directory, that a parked event holds up, of the whole service.",
    "Any: `reliefpath parked list`.",
)  # fmt: skip
RETRIES = _declare(
    Counter, "reliefpath_retries_total",
    "Tries after the first: of a `batch` that the database did not take, of an event that was `held`.",
    "A lasting rate of `batch`: the database is away or overloaded.", "of",
)  # fmt: skip
DEADLINES = _declare(
    Counter, "reliefpath_deadlines_total", "Deadlines, by what became of them.",
    "`parked` needs a person: `reliefpath deadlines list`. `failed` and `put_off` are tried again by themselves.",
    "kind", "outcome",
)  # fmt: skip
DEADLINE_SECONDS = _declare(
    Histogram, "reliefpath_deadline_seconds", "Handler time: how long a deadline's handler takes, failed or not.",
    "A kind that grows slower.", "kind",
)  # fmt: skip
LOOP_LAG = _declare(
    Gauge, "reliefpath_loop_lag_seconds", "The latest that the event loop ran a timer within the last minute.",
    "More than 0.5 s: something computes or blocks in the loop, and everything in the process waits for it.",
)  # fmt: skip


async def measure_loop() -> None:
    """Keep the worst lag of the event loop within the window in its metric, until cancelled."""
    loop = asyncio.get_running_loop()
    worst: deque[tuple[float, float]] = deque()  # when and how late, each later than all that follow
    while True:
        due = loop.time() + LOOK
        await asyncio.sleep(LOOK)
        now = loop.time()
        late = max(0.0, now - due)
        while worst and worst[-1][1] <= late:
            worst.pop()
        worst.append((now, late))
        while worst[0][0] < now - LOOP_WINDOW:
            worst.popleft()
        LOOP_LAG.set(worst[0][1])


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
        level = logging.ERROR if record.levelno >= logging.ERROR else logging.WARNING
        line = f"{record.module}:{record.lineno}"
        structlog.get_logger().log(level, "library", operation=record.name, line=line, exc_info=record.exc_info)
