"""The one engine behind every lifecycle: a table of transitions, and what can be read off it.

Rule 1: whatever decides whether something may happen to a referral, a course, an appointment, a trial, a check-in or a
handover is in that lifecycle's table or referenced from it. Routes, allowed actions, database checks, diagrams and
tests are derived from the table; nothing else changes a state.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, Protocol

from pydantic import BaseModel, ConfigDict

from reliefpath.events import Event
from reliefpath.vocabulary import Role, Side


class Command(BaseModel):
    """What somebody wants done: the body of an action. Unknown fields are refused, so that a typo is never ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ReasonKind(StrEnum):
    """Why an action is refused. INCOMPLETE means that a fact is unknown, which is never taken as satisfied."""

    STATE = "state"
    ROLE = "role"
    SIDE = "side"
    UNMET = "unmet"
    INCOMPLETE = "incomplete"


class Finding(BaseModel):
    """One thing a rule found: what is not as it must be, what would satisfy it, and by which record.

    `rules` holds record references, `id@version`. `pointer` is a JSON pointer into the command, when one field is
    to blame. `advisory` findings are shown and recorded; they refuse nothing.
    """

    model_config = ConfigDict(frozen=True)

    code: str
    message: str
    satisfy: str
    kind: ReasonKind = ReasonKind.UNMET
    rules: tuple[str, ...] = ()
    pointer: str | None = None
    advisory: bool = False


class Refused(Exception):
    """An action that may not happen now. Carries every reason, and what may be done instead."""

    def __init__(self, action: str, reasons: Iterable[Finding], allowed: Iterable[str] = ()) -> None:
        self.action = action
        self.reasons = tuple(reasons)
        self.allowed = tuple(allowed)
        super().__init__(f"{action}: " + "; ".join(reason.code for reason in self.reasons))


class Return(StrEnum):
    """A target that is not fixed: back to the state before an interruption, or no other state than the present one."""

    TO_WHERE_IT_WAS = "where it was"
    STAYS = "where it is"


TO_WHERE_IT_WAS: Final = Return.TO_WHERE_IT_WAS
STAYS: Final = Return.STAYS

Guard = Callable[[Any, Any], Iterable[Finding]]
"""A named pure function of (facts, command) that yields every finding. `command` is None when only asked beforehand."""


class Facts(Protocol):
    """What every lifecycle's facts have: the state, and the state to return to after an interruption."""

    @property
    def state(self) -> StrEnum:
        """The state it is in."""

    @property
    def returns_to(self) -> StrEnum | None:
        """The state before an interruption; None when it is not interrupted."""


@dataclass(frozen=True, slots=True)
class Transition:
    """One row of a lifecycle's table.

    `by` names who may do it; SYSTEM alone means that no route offers it. `side` restricts it to one end of a referral.
    `emits` is what is said once it is done. A transition with no `sources` creates the thing.
    """

    action: str
    label: str
    target: StrEnum
    by: frozenset[Role]
    command: type[Command] = Command
    sources: frozenset[StrEnum] = frozenset()
    emits: tuple[type[Event], ...] = ()
    guards: tuple[Guard, ...] = ()
    side: Side | None = None

    @property
    def offered(self) -> bool:
        """Whether a person may do it, so that a route and a button exist for it."""
        return self.by != frozenset({Role.SYSTEM})


@dataclass(frozen=True, slots=True)
class Allowed:
    """One action as shown to one caller: possible now, or what stands in its way."""

    action: str
    label: str
    possible: bool
    unmet: tuple[Finding, ...]
    advice: tuple[Finding, ...]


@dataclass(frozen=True)
class Lifecycle:
    """A named table of transitions over an enumeration of states."""

    name: str
    states: type[StrEnum]
    terminal: frozenset[StrEnum]
    transitions: tuple[Transition, ...]
    _by_action: dict[str, Transition] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        by_action: dict[str, Transition] = {}
        for transition in self.transitions:
            if transition.action in by_action:
                raise ValueError(f"{self.name}: the action {transition.action!r} stands in the table twice")
            by_action[transition.action] = transition
        object.__setattr__(self, "_by_action", by_action)

    def __getitem__(self, action: str) -> Transition:
        return self._by_action[action]

    @property
    def open_states(self) -> frozenset[StrEnum]:
        """Every state in which something may still happen to the thing without reopening it."""
        return frozenset(self.states) - self.terminal

    def decide(
        self,
        action: str,
        facts: Facts,
        *,
        role: Role,
        sides: frozenset[Side] = frozenset(Side),
        command: Command | None = None,
    ) -> tuple[StrEnum, tuple[Finding, ...]]:
        """The state this action leads to, and the advice found on the way.

        Raises Refused with every reason at once: wrong state, wrong role, wrong side and each unmet guard.
        """
        transition = self._by_action[action]
        unmet, advice = self._examine(transition, facts, role, sides, command)
        if unmet:
            raise Refused(action, unmet, [a.action for a in self.allowed(facts, role=role, sides=sides) if a.possible])
        target = transition.target
        if target is TO_WHERE_IT_WAS:
            if facts.returns_to is None:
                raise ValueError(f"{self.name}: {action} returns to where it was, but nobody wrote that down")
            target = facts.returns_to
        return facts.state if target is STAYS else target, advice

    def allowed(self, facts: Facts, *, role: Role, sides: frozenset[Side] = frozenset(Side)) -> tuple[Allowed, ...]:
        """What this caller may do from the present state, each action with the guards that are not met yet."""
        actions = []
        for transition in self.transitions:
            if facts.state not in transition.sources or role not in transition.by or not transition.offered:
                continue
            unmet, advice = self._examine(transition, facts, role, sides, None)
            actions.append(Allowed(transition.action, transition.label, not unmet, unmet, advice))
        return tuple(actions)

    def _examine(
        self, transition: Transition, facts: Facts, role: Role, sides: frozenset[Side], command: Command | None
    ) -> tuple[tuple[Finding, ...], tuple[Finding, ...]]:
        found: list[Finding] = []
        if transition.sources and facts.state not in transition.sources:
            found.append(
                Finding(
                    code="wrong-state",
                    kind=ReasonKind.STATE,
                    message=f"The {self.name} is {facts.state}; {transition.action} needs "
                    + " or ".join(sorted(transition.sources))
                    + ".",
                    satisfy="Read the resource again and choose one of its allowed actions.",
                )
            )
        if role not in transition.by:
            found.append(
                Finding(
                    code="wrong-role",
                    kind=ReasonKind.ROLE,
                    message=f"A {role} may not {transition.action} a {self.name}.",
                    satisfy="Ask somebody with the role " + " or ".join(sorted(transition.by)) + ".",
                )
            )
        elif transition.side is not None and transition.side not in sides and role is not Role.SYSTEM:
            found.append(
                Finding(
                    code="wrong-side",
                    kind=ReasonKind.SIDE,
                    message=f"Only the {transition.side} may {transition.action} this {self.name}.",
                    satisfy=f"Ask the facility that is the {transition.side}.",
                )
            )
        if not found:
            for guard in transition.guards:
                found.extend(guard(facts, command))
        return (
            tuple(finding for finding in found if not finding.advisory),
            tuple(finding for finding in found if finding.advisory),
        )

    def diagram(self) -> str:
        """The lifecycle as a Mermaid state diagram, drawn from the table."""
        lines = ["stateDiagram-v2"]
        for transition in self.transitions:
            if not transition.sources:
                lines.append(f"    [*] --> {transition.target}: {transition.action}")
            for source in sorted(transition.sources):
                if transition.target is STAYS:
                    lines.append(f"    {source} --> {source}: {transition.action}")
                elif transition.target is TO_WHERE_IT_WAS:
                    lines.append(f"    {source} --> where_it_was: {transition.action}")
                else:
                    lines.append(f"    {source} --> {transition.target}: {transition.action}")
        return "\n".join(lines)
