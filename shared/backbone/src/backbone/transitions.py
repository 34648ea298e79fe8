"""The only place that changes a state: by the lifecycle's table, with its events and its audit row, or not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from backbone.database import UnitOfWork
from backbone.problems import Stale
from backbone.rows import Stateful
from reliefpath.events import Event
from reliefpath.lifecycle import TO_WHERE_IT_WAS, Command, Facts, Finding, Lifecycle
from reliefpath.vocabulary import Side

ANY_SIDE = frozenset(Side)

Events = Iterable[Event] | Callable[[], Iterable[Event]]


def expect(row: Stateful, version: int | None) -> None:
    """Raise Stale when the caller decided on another version of the row than the present one."""
    if version is not None and version != row.version:
        raise Stale(row.version)


def begin(
    uow: UnitOfWork,
    lifecycle: Lifecycle,
    row: Stateful,
    action: str,
    facts: Facts,
    *,
    sides: frozenset[Side] = ANY_SIDE,
    command: Command | None = None,
    events: Events = (),
    reason: str | None = None,
    rules: Iterable[str] = (),
) -> tuple[Finding, ...]:
    """Create a row by a creation transition. Otherwise the same as `move`."""
    target, advice = lifecycle.decide(action, facts, role=uow.actor.role, sides=sides, command=command)
    row.state = target
    row.version = 1
    uow.session.add(row)
    _tell(uow, lifecycle, row, action, None, events, reason, rules)
    return advice


def move(
    uow: UnitOfWork,
    lifecycle: Lifecycle,
    row: Stateful,
    action: str,
    facts: Facts,
    *,
    sides: frozenset[Side] = ANY_SIDE,
    command: Command | None = None,
    events: Events = (),
    reason: str | None = None,
    rules: Iterable[str] = (),
) -> tuple[Finding, ...]:
    """Do an action: decide by the table, change the state, say the events, write the audit row.

    `events` may be a function, called once the action is decided. Returns the advice that was found. Raises Refused
    with every reason; then nothing has changed.
    """
    before = row.state
    target, advice = lifecycle.decide(action, facts, role=uow.actor.role, sides=sides, command=command)
    _remember_where_it_was(lifecycle, row, before, target)
    row.state = target
    row.version += 1
    row.updated_at = uow.now
    _tell(uow, lifecycle, row, action, before, events, reason, rules)
    return advice


def _remember_where_it_was(lifecycle: Lifecycle, row: Stateful, before: str, target: str) -> None:
    interruptions = {source for one in lifecycle.transitions if one.target is TO_WHERE_IT_WAS for source in one.sources}
    if target not in interruptions:
        row.returns_to = None
    elif before not in interruptions:
        row.returns_to = before


def _tell(
    uow: UnitOfWork,
    lifecycle: Lifecycle,
    row: Stateful,
    action: str,
    before: str | None,
    events: Events,
    reason: str | None,
    rules: Iterable[str],
) -> None:
    rules = tuple(rules)
    emits = lifecycle[action].emits
    for event in events() if callable(events) else events:
        if not isinstance(event, emits):
            raise TypeError(f"{lifecycle.name}: {action} does not say {type(event).__name__}")
        uow.say(row.journey, event, rules)
    uow.record(
        action, lifecycle.name, row.id, journey=row.journey, before=before, after=row.state, reason=reason, rules=rules
    )
