"""One trial: planned, run and asked about by the service; extended, concluded and judged by a clinician."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import select
from sqlmodel import col

from backbone.access import Principal, require_visible
from backbone.database import UnitOfWork
from backbone.deadlines import cancel_deadlines, set_deadline
from backbone.problems import NotFound
from backbone.rows import new_id
from backbone.transitions import begin, expect, move
from followup.commands.journey import ITSELF, sides_of
from followup.commands.remark import remark
from followup.commands.series import check_ins_of, drop, readings_of, schedule
from followup.lifecycle import TRIAL, CheckInState, TrialState
from followup.lifecycle import trial as actions
from followup.rules.contacts import further_contacts, modality_rules, schedule_rules, trial_ends_at
from followup.rules.response import Observed, Suggestion, suggest, window_of
from followup.rules.trial import TrialFacts, verdict_by
from followup.tables import CheckIn, Observation, Trial
from reliefpath import events
from reliefpath.events import Event
from reliefpath.lifecycle import Command
from reliefpath.rulebook import Rulebook
from reliefpath.vocabulary import CourseKind, Side, Verdict
from reliefpath.wording import Because

END: Final = "trial-end"
AWAITED: Final = frozenset({CheckInState.SCHEDULED, CheckInState.DUE})


@dataclass
class Step:
    """One action about to be done: the rows, what is wanted, and everything that was looked at."""

    uow: UnitOfWork
    trial: Trial
    observation: Observation
    check_ins: Sequence[CheckIn]
    facts: TrialFacts
    command: Any = None

    @property
    def suggestion(self) -> Suggestion:
        """What the records suggest now."""
        return self.facts.suggestion


async def trial_of(uow: UnitOfWork, course: UUID) -> Trial | None:
    """The trial that a course is, if it is one and was booked."""
    return (await uow.session.execute(select(Trial).where(col(Trial.course) == course))).scalar_one_or_none()


async def prepare(uow: UnitOfWork, trial: Trial, command: Any = None) -> Step:
    """Everything that is looked at before an action on a trial, and when it is shown."""
    observation = await uow.session.get_one(Observation, trial.course)
    check_ins = await check_ins_of(uow, [trial.course])
    return Step(uow, trial, observation, check_ins, facts_of(uow, trial, observation, check_ins), command)


def facts_of(uow: UnitOfWork, trial: Trial, observation: Observation, check_ins: Sequence[CheckIn]) -> TrialFacts:
    """The facts of a trial: only what was asked for within its own time counts."""
    rulebook = Rulebook.load()
    within = [one for one in check_ins if trial.ends_at is not None and one.due_at <= trial.ends_at]
    window = None
    if observation.performed_at is not None:
        window = window_of(observation.modality, CourseKind.TRIAL, observation.performed_at, trial.ends_at, rulebook)
    observed = Observed(
        modality=observation.modality,
        readings=readings_of(within),
        baseline=observation.baseline_pain,
        goal=observation.personal_pain_goal,
        window=window,
    )
    return TrialFacts(
        state=TrialState(trial.state),
        now=uow.now,
        rulebook=rulebook,
        modality=observation.modality,
        suggestion=suggest(observed, rulebook),
        started_at=trial.started_at,
        ends_at=trial.ends_at,
        awaited=sum(one.state in AWAITED and one.due_at <= uow.now for one in within),
    )


async def plan(uow: UnitOfWork, observation: Observation, starts_at: datetime) -> Trial:
    """Prepare the trial that is booked for then, or move the one there is. One that has begun stays as it is."""
    trial = await trial_of(uow, observation.id)
    with uow.acting(ITSELF):
        if trial is None:
            trial = Trial(
                id=new_id(),
                journey=observation.journey,
                state=TrialState.PLANNED,
                course=observation.id,
                starts_at=starts_at,
            )
            facts = facts_of(uow, trial, observation, [])
            begin(uow, TRIAL, trial, "plan", facts, events=[_planned(trial, starts_at)])
        elif trial.state == TrialState.PLANNED and trial.starts_at != starts_at:
            facts = facts_of(uow, trial, observation, [])
            trial.starts_at = starts_at
            move(uow, TRIAL, trial, "replan", facts, events=[_planned(trial, starts_at)])
    await uow.session.flush()
    return trial


async def release(uow: UnitOfWork, course: UUID) -> None:
    """The booking fell through; the trial waits for another."""
    trial = await trial_of(uow, course)
    if trial is None or trial.state != TrialState.PLANNED or trial.starts_at is None:
        return
    step = await prepare(uow, trial)
    with uow.acting(ITSELF):
        move(uow, TRIAL, trial, "release", step.facts)
    trial.starts_at = None


async def start(uow: UnitOfWork, observation: Observation, performed_at: datetime) -> None:
    """The procedure was done: the trial runs from then on, as long as the record for its modality says."""
    trial = await trial_of(uow, observation.id) or await plan(uow, observation, performed_at)
    if trial.state != TrialState.PLANNED:
        return
    rulebook = Rulebook.load()
    ends_at = trial_ends_at(observation.modality, performed_at, rulebook)
    step = await prepare(uow, trial)
    trial.started_at, trial.ends_at = performed_at, ends_at
    with uow.acting(ITSELF):
        move(
            uow,
            TRIAL,
            trial,
            "start",
            step.facts,
            events=[events.TrialStarted(trial=trial.id, course=trial.course, ends_at=ends_at)],
            rules=modality_rules(observation.modality, rulebook),
        )
    await set_deadline(uow, END, journey=trial.journey, subject=trial.id, due_at=ends_at)


async def come_to_its_end(uow: UnitOfWork, trial: Trial) -> None:
    """Ask for the verdict if the trial's time is over and no answer is awaited; otherwise it runs on."""
    if trial.state != TrialState.RUNNING or trial.ends_at is None or uow.now < trial.ends_at:
        return
    step = await prepare(uow, trial)
    if step.facts.awaited:
        return
    with uow.acting(ITSELF):
        move(
            uow,
            TRIAL,
            trial,
            "await-verdict",
            step.facts,
            events=lambda: _verdict_due(step),
            rules=step.suggestion.rules,
        )
    await cancel_deadlines(uow, subject=trial.id, kind=END)


async def abandon(uow: UnitOfWork, trial: Trial, reason_code: str) -> None:
    """Give a trial up without a verdict, because something else closed it."""
    if trial.state not in TRIAL.open_states:
        return
    step = await prepare(uow, trial)
    with uow.acting(ITSELF):
        move(
            uow,
            TRIAL,
            trial,
            "abandon",
            step.facts,
            events=[events.TrialAbandoned(trial=trial.id, course=trial.course, reason_code=reason_code)],
            reason=reason_code,
        )
    trial.reason_code = reason_code
    await cancel_deadlines(uow, subject=trial.id)


async def find(uow: UnitOfWork, principal: Principal, id: UUID) -> Trial:
    """The trial, its journey locked. Raises NotFound when there is none, or none the caller may see."""
    journey = await uow.session.scalar(select(col(Trial.journey)).where(col(Trial.id) == id))
    if journey is None:
        raise NotFound("trial")
    await require_visible(uow, principal, journey, "trial")
    await uow.lock(journey)
    return await uow.session.get_one(Trial, id)


async def sides(uow: UnitOfWork, principal: Principal, step: Step) -> frozenset[Side]:
    """The sides on which the caller stands towards a trial."""
    return await sides_of(uow, principal, step.trial.journey, step.observation.facility)


async def perform(
    uow: UnitOfWork, principal: Principal, id: UUID, action: str, command: Command, expected: int | None
) -> Trial:
    """Do one action for a person. Raises NotFound, Stale, Refused."""
    trial = await find(uow, principal, id)
    expect(trial, expected)
    step = await prepare(uow, trial, command)
    move(
        uow,
        TRIAL,
        trial,
        action,
        step.facts,
        sides=await sides(uow, principal, step),
        command=command,
        events=lambda: EFFECTS[action](step),
        reason=getattr(command, "reason_code", None),
        rules=step.suggestion.rules,
    )
    await uow.session.flush()
    await _follow(step, action)
    return trial


async def _follow(step: Step, action: str) -> None:
    """What an action means for the trial's check-ins and its end."""
    uow, trial, now = step.uow, step.trial, step.uow.now
    before = step.facts.ends_at or now
    if action == "extend" and trial.ends_at is not None:
        await set_deadline(uow, END, journey=trial.journey, subject=trial.id, due_at=trial.ends_at)
        await _carry_on(step, since=max(before, now))
        return
    await cancel_deadlines(uow, subject=trial.id, kind=END)
    of_the_trial = [one for one in step.check_ins if one.due_at <= before]
    if action == "conclude":
        await drop(uow, [one for one in of_the_trial if one.due_at > now], "trial-concluded")
    else:
        await drop(uow, of_the_trial, "trial-judged")


async def _carry_on(step: Step, since: datetime) -> None:
    """Ask on in the same step as before until the new end; times at which somebody is asked already are left out."""
    observation, performed_at, ends_at = step.observation, step.observation.performed_at, step.trial.ends_at
    if performed_at is None or ends_at is None:
        return
    rulebook = Rulebook.load()
    there = {one.due_at - performed_at for one in step.check_ins}
    further = further_contacts(
        observation.modality, CourseKind.TRIAL, rulebook, after=since - performed_at, until=ends_at - performed_at
    )
    await schedule(
        step.uow,
        observation,
        performed_at,
        [contact for contact in further if contact.after not in there],
        schedule_rules(observation.modality, CourseKind.TRIAL, rulebook),
    )


def _planned(trial: Trial, starts_at: datetime) -> events.TrialPlanned:
    return events.TrialPlanned(trial=trial.id, course=trial.course, starts_at=starts_at)


def _verdict_due(step: Step) -> Iterator[Event]:
    trial, suggestion = step.trial, step.suggestion
    trial.suggested, trial.relief = suggestion.verdict, suggestion.relief
    trial.verdict_by = verdict_by(step.uow.now, step.facts.rulebook)
    yield events.TrialVerdictDue(
        trial=trial.id, course=trial.course, suggested=suggestion.verdict, relief=suggestion.relief
    )


def _conclude(step: Step) -> Iterator[Event]:
    command: Because = step.command
    step.trial.ends_at, step.trial.reason_code = step.uow.now, command.reason_code
    remark(step.uow, step.trial, "conclude", command.note)
    yield from _verdict_due(step)


def _extend(step: Step) -> Iterator[Event]:
    command: actions.Extend = step.command
    trial = step.trial
    trial.ends_at, trial.reason_code, trial.verdict_by = command.until, command.reason_code, None
    trial.suggested, trial.relief = None, None
    remark(step.uow, trial, "extend", command.note)
    yield events.TrialExtended(
        trial=trial.id, course=trial.course, ends_at=command.until, reason_code=command.reason_code
    )


def _judge(step: Step) -> Iterator[Event]:
    command: actions.Judge = step.command
    trial, suggestion = step.trial, step.suggestion
    trial.verdict, trial.judged_at = command.verdict, step.uow.now
    trial.suggested, trial.relief = suggestion.verdict, suggestion.relief
    remark(step.uow, trial, "judge", command.reason)
    yield events.TrialJudged(
        trial=trial.id,
        course=trial.course,
        verdict=Verdict(command.verdict),
        suggested=suggestion.verdict,
        relief=suggestion.relief,
    )


EFFECTS: Final[dict[str, Callable[[Step], Iterator[Event]]]] = {
    "conclude": _conclude,
    "extend": _extend,
    "judge": _judge,
}
"""What each action of a person writes and says, once it is decided."""
