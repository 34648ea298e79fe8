"""The life of a trial: planned with its booking, running from its procedure, judged by a clinician."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from followup.rules import trial as rules
from reliefpath import events
from reliefpath.lifecycle import Command, Lifecycle, Transition
from reliefpath.vocabulary import Code, Instant, Role, Side, Verdict
from reliefpath.wording import Because, Text


class TrialState(StrEnum):
    """Where a trial stands."""

    PLANNED = "planned"
    RUNNING = "running"
    AWAITING_VERDICT = "awaiting_verdict"
    JUDGED = "judged"
    ABANDONED = "abandoned"


class Extend(Command):
    """The trial runs until then, for a reason."""

    until: Instant
    reason_code: Code
    note: Text | None = None


class Judge(Command):
    """What the trial did, as a clinician sees it. `reason` is needed when the records suggest another verdict."""

    verdict: Verdict
    reason: Text | None = None


S = TrialState

SYSTEM = frozenset({Role.SYSTEM})
CLINICIAN = frozenset({Role.CLINICIAN})

TRIAL: Final = Lifecycle(
    name="trial",
    states=TrialState,
    terminal=frozenset({S.JUDGED, S.ABANDONED}),
    transitions=(
        Transition(
            action="plan",
            label="Prepare the observation of a trial that is booked",
            target=S.PLANNED,
            by=SYSTEM,
            emits=(events.TrialPlanned,),
        ),
        Transition(
            action="replan",
            label="Move its start with its booking",
            sources=frozenset({S.PLANNED}),
            target=S.PLANNED,
            by=SYSTEM,
            emits=(events.TrialPlanned,),
        ),
        Transition(
            action="release",
            label="Wait for another booking",
            sources=frozenset({S.PLANNED}),
            target=S.PLANNED,
            by=SYSTEM,
        ),
        Transition(
            action="start",
            label="Run from the procedure on",
            sources=frozenset({S.PLANNED}),
            target=S.RUNNING,
            by=SYSTEM,
            emits=(events.TrialStarted,),
        ),
        Transition(
            action="await-verdict",
            label="Ask for the verdict, now that its time is over",
            sources=frozenset({S.RUNNING}),
            target=S.AWAITING_VERDICT,
            by=SYSTEM,
            guards=(rules.its_time_is_over, rules.no_answer_is_awaited),
            emits=(events.TrialVerdictDue,),
        ),
        Transition(
            action="conclude",
            label="End the trial before its time",
            sources=frozenset({S.RUNNING}),
            target=S.AWAITING_VERDICT,
            by=CLINICIAN,
            side=Side.RECEIVER,
            command=Because,
            emits=(events.TrialVerdictDue,),
        ),
        Transition(
            action="extend",
            label="Let the trial run longer",
            sources=frozenset({S.RUNNING, S.AWAITING_VERDICT}),
            target=S.RUNNING,
            by=CLINICIAN,
            side=Side.RECEIVER,
            command=Extend,
            guards=(rules.the_new_end_lies_ahead, rules.it_stays_within_the_usual_length),
            emits=(events.TrialExtended,),
        ),
        Transition(
            action="judge",
            label="Say what the trial did",
            sources=frozenset({S.AWAITING_VERDICT}),
            target=S.JUDGED,
            by=CLINICIAN,
            side=Side.RECEIVER,
            command=Judge,
            guards=(rules.another_verdict_than_suggested_has_a_reason, rules.what_the_answers_leave_open),
            emits=(events.TrialJudged,),
        ),
        Transition(
            action="abandon",
            label="Give it up without a verdict",
            sources=frozenset({S.PLANNED, S.RUNNING, S.AWAITING_VERDICT}),
            target=S.ABANDONED,
            by=SYSTEM,
            emits=(events.TrialAbandoned,),
        ),
    ),
)
