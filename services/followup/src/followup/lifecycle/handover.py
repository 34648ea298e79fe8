"""The life of a handover: a home team is asked, answers or not, takes over, and one day gives the care back.

Its sender is the facility that hands over, its receiver the home team.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final
from uuid import UUID

from followup.rules import handover as rules
from reliefpath import events
from reliefpath.lifecycle import Command, Lifecycle, Transition
from reliefpath.vocabulary import Code, Role, Setting, Side
from reliefpath.wording import Because, Text


class HandoverState(StrEnum):
    """Where a handover stands."""

    OFFERED = "offered"
    ACCEPTED = "accepted"
    REFUSED = "refused"
    TIMED_OUT = "timed_out"
    ACTIVE = "active"
    RETURNED = "returned"
    ENDED = "ended"


class Offer(Command):
    """A home team, by its facility code, is asked to take a patient over.

    `follows` is the refused or unanswered handover before. `despite` says how something is provided for that the
    patient needs at home and the team does not list.
    """

    journey: UUID
    to: Code
    follows: UUID | None = None
    despite: Text | None = None
    note: Text | None = None


class Remark(Command):
    """An action that may be commented on."""

    note: Text | None = None


class GiveBack(Command):
    """The patient is cared for elsewhere from now on, for a reason."""

    setting: Setting
    reason_code: Code
    note: Text | None = None


S = HandoverState

HOSPITAL_SIDE = frozenset({Role.COORDINATOR, Role.CLINICIAN})
HOME_TEAM = frozenset({Role.HOME_NURSE})
SYSTEM = frozenset({Role.SYSTEM})

HANDOVER: Final = Lifecycle(
    name="handover",
    states=HandoverState,
    terminal=frozenset({S.REFUSED, S.TIMED_OUT, S.RETURNED, S.ENDED}),
    transitions=(
        Transition(
            action="offer",
            label="Ask a home team to take over",
            target=S.OFFERED,
            by=HOSPITAL_SIDE,
            command=Offer,
            guards=(
                rules.the_journey_is_open,
                rules.no_other_handover_is_open,
                rules.it_is_a_home_team,
                rules.it_takes_patients,
                rules.it_can_do_what_is_needed,
                rules.what_it_follows_was_declined,
            ),
            emits=(events.HandoverOffered,),
        ),
        Transition(
            action="accept",
            label="Agree to take over",
            sources=frozenset({S.OFFERED}),
            target=S.ACCEPTED,
            by=HOME_TEAM,
            side=Side.RECEIVER,
            command=Remark,
            emits=(events.HandoverAccepted,),
        ),
        Transition(
            action="refuse",
            label="Say that the team cannot take over",
            sources=frozenset({S.OFFERED}),
            target=S.REFUSED,
            by=HOME_TEAM,
            side=Side.RECEIVER,
            command=Because,
            emits=(events.HandoverRefused,),
        ),
        Transition(
            action="time-out",
            label="The team did not answer",
            sources=frozenset({S.OFFERED}),
            target=S.TIMED_OUT,
            by=SYSTEM,
            emits=(events.HandoverTimedOut,),
        ),
        Transition(
            action="activate",
            label="Record that the team has taken over",
            sources=frozenset({S.ACCEPTED}),
            target=S.ACTIVE,
            by=HOME_TEAM | HOSPITAL_SIDE,
            command=Remark,
            emits=(events.HandoverActivated,),
        ),
        Transition(
            action="return",
            label="Give the care back",
            sources=frozenset({S.ACTIVE}),
            target=S.RETURNED,
            by=HOME_TEAM | HOSPITAL_SIDE,
            command=GiveBack,
            emits=(events.HandoverReturned,),
        ),
        Transition(
            action="end",
            label="End it",
            sources=frozenset({S.OFFERED, S.ACCEPTED, S.ACTIVE}),
            target=S.ENDED,
            by=HOME_TEAM | HOSPITAL_SIDE | SYSTEM,
            command=Because,
            emits=(events.HandoverEnded,),
        ),
    ),
)
