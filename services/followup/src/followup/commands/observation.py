"""The observation of one course: expected, started with its check-ins, and ended; after a treatment, reassessed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID

from backbone.access import admit
from backbone.database import UnitOfWork
from backbone.transitions import begin, move
from followup.commands import trial as trials
from followup.commands.journey import ITSELF
from followup.commands.series import check_ins_of, drop, readings_of, schedule, unsettled
from followup.lifecycle import OBSERVATION, CheckInState, ObservationState
from followup.rules.contacts import planned_contacts, schedule_rules
from followup.rules.observation import ObservationFacts
from followup.rules.response import Observed, Suggestion, suggest, window_of
from followup.tables import CheckIn, Observation
from reliefpath import events
from reliefpath.events import Event
from reliefpath.rulebook import Rulebook
from reliefpath.vocabulary import CourseKind


def facts_of(observation: Observation, check_ins: Sequence[CheckIn] = ()) -> ObservationFacts:
    """The facts of an observation."""
    return ObservationFacts(
        state=ObservationState(observation.state),
        kind=CourseKind(observation.kind),
        unsettled=len(unsettled(check_ins)),
    )


def suggestion_of(observation: Observation, check_ins: Sequence[CheckIn]) -> Suggestion:
    """What all the answers so far suggest about a treatment."""
    rulebook, window = Rulebook.load(), None
    if observation.performed_at is not None:
        window = window_of(observation.modality, CourseKind(observation.kind), observation.performed_at, None, rulebook)
    observed = Observed(
        modality=observation.modality,
        readings=readings_of(check_ins),
        baseline=observation.baseline_pain,
        goal=observation.personal_pain_goal,
        window=window,
    )
    return suggest(observed, rulebook)


async def expected(uow: UnitOfWork, journey: UUID, about: events.AboutCourse) -> Observation:
    """The observation of the course an event is about, with whatever the event adds to what was known of it."""
    row = await uow.session.get(Observation, about.course)
    if row is None:
        row = Observation(
            id=about.course,
            journey=journey,
            state=ObservationState.EXPECTED,
            referral=about.referral,
            kind=about.kind,
            modality=about.modality,
        )
        with uow.acting(ITSELF):
            begin(uow, OBSERVATION, row, "expect", facts_of(row))
    if row.state == ObservationState.EXPECTED:
        told: Any = about
        for name in ("facility", "baseline_pain", "personal_pain_goal"):
            said = getattr(told, name, None)
            if said is not None:
                setattr(row, name, said)
        if row.facility is not None:
            await admit(uow, journey, [row.facility])
    await uow.session.flush()
    return row


async def start(uow: UnitOfWork, observation: Observation, performed: events.CoursePerformed) -> None:
    """The course was performed: plan its check-ins, and begin its trial if it is one."""
    if observation.state != ObservationState.EXPECTED:
        return
    rulebook, kind = Rulebook.load(), CourseKind(observation.kind)
    contacts = planned_contacts(observation.modality, kind, rulebook)
    rules = schedule_rules(observation.modality, kind, rulebook)
    observation.performed_at = performed.performed_at
    said = events.ObservationStarted(course=observation.id, kind=kind, check_ins=len(contacts))
    with uow.acting(ITSELF):
        move(uow, OBSERVATION, observation, "start", facts_of(observation), events=[said], rules=rules)
    await schedule(uow, observation, performed.performed_at, contacts, rules)
    if kind is CourseKind.TRIAL:
        await trials.start(uow, observation, performed.performed_at)
    await settle(uow, observation)


async def settle(uow: UnitOfWork, observation: Observation) -> None:
    """Go on if nothing is awaited any more.

    A trial whose time is over comes to its verdict, a treatment whose check-ins are all settled to its reassessment.
    """
    await uow.session.flush()
    if observation.kind == CourseKind.TRIAL:
        trial = await trials.trial_of(uow, observation.id)
        if trial is not None:
            await trials.come_to_its_end(uow, trial)
        return
    check_ins = await check_ins_of(uow, [observation.id])
    if observation.state != ObservationState.WATCHING or unsettled(check_ins):
        return
    suggestion = suggestion_of(observation, check_ins)
    with uow.acting(ITSELF):
        move(
            uow,
            OBSERVATION,
            observation,
            "reassess",
            facts_of(observation, check_ins),
            events=lambda: _reassessment_due(observation, check_ins, suggestion),
            rules=suggestion.rules,
        )


async def end(uow: UnitOfWork, observation: Observation, reason_code: str) -> None:
    """Watch a course no longer: its trial is given up unless it was judged, its open check-ins are dropped."""
    if observation.state not in OBSERVATION.open_states:
        return
    with uow.acting(ITSELF):
        move(uow, OBSERVATION, observation, "end", facts_of(observation), reason=reason_code)
    trial = await trials.trial_of(uow, observation.id)
    if trial is not None:
        await trials.abandon(uow, trial, reason_code)
    await drop(uow, await check_ins_of(uow, [observation.id]), reason_code)


def _reassessment_due(
    observation: Observation, check_ins: Sequence[CheckIn], suggestion: Suggestion
) -> Iterator[Event]:
    observation.suggested, observation.relief = suggestion.verdict, suggestion.relief
    yield events.ReassessmentDue(
        course=observation.id,
        suggested=suggestion.verdict,
        relief=suggestion.relief,
        completed=sum(one.state == CheckInState.COMPLETED for one in check_ins),
        planned=observation.planned,
    )
