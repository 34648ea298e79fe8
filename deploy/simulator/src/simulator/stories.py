"""The stories: every way a patient may go, each told once in the words of those who act in it.

A story ends where the people's part ends; what must be so then stands beside it and is confirmed by the APIs of all
services.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from reliefpath.vocabulary import CourseKind, Exit, Setting
from reliefpath_client import Referral, referral
from simulator import courses, endings, home, pictures, triage, visits
from simulator.case import Case
from simulator.directory import HOME_EAST, HOME_WEST, PAIN_CENTRE, PAIN_CLINIC
from simulator.endings import Ending
from simulator.patients import Response
from simulator.people import Thing
from simulator.pictures import Picture

TRIAL, TREATMENT = CourseKind.TRIAL, CourseKind.TREATMENT
HOSPITAL = Setting.HOSPITAL
HELPS, NOT_AT_ALL = Response.HELPS, Response.NOT_AT_ALL

BLOCKS: Final = (pictures.RECTUM, pictures.CERVIX)
"""Pictures in which the local block is the trial of its neurolysis, at the pain clinic."""


@dataclass(frozen=True)
class Story:
    """One branch of the path, told for patients of these `pictures`; `quiet` asks for a month of silence afterwards."""

    name: str
    title: str
    tell: Callable[[Case], Awaitable[None]]
    must: Ending
    pictures: tuple[Picture, ...]
    anticoagulated: bool = False
    quiet: bool = False


async def taken_on(case: Case, to: str, setting: Setting = Setting.OUTPATIENT) -> None:
    """Referred, received, accepted, seen and discussed."""
    await triage.refer(case, to, setting=setting)
    await triage.receive(case)
    await triage.accept(case)
    await courses.assess(case)


async def reassessed(case: Case, treatment: Thing) -> None:
    """The treatment's check-ins are done; it helped, and goes on; the referrer gets the closing report."""
    await courses.judge_treatment(case, treatment)
    await case.staff.clinician.do(Referral.course_continue, treatment)
    await endings.complete(case)


async def responds_directly(case: Case) -> None:
    """The first treatment helps."""
    await taken_on(case, PAIN_CLINIC if case.patient.picture is pictures.PANCREAS else PAIN_CENTRE)
    await reassessed(case, await courses.carry_out(case, TREATMENT, case.patient.picture.treatment, HELPS))


async def block_then_neurolysis(case: Case) -> None:
    """A local block helps, and leads to its neurolysis."""
    await taken_on(case, PAIN_CLINIC)
    await trial_then_treatment(case)


async def trial_then_treatment(case: Case) -> None:
    """The trial helps; the treatment is authorised by itself, and helps."""
    picture = case.patient.picture
    trial = await courses.carry_out(case, TRIAL, str(picture.trial), HELPS)
    await courses.judge_trial(case, trial)
    await case.staff.clinician.do(Referral.course_continue, trial)
    await reassessed(case, await courses.carry_out(case, TREATMENT, picture.treatment, HELPS, follows=trial))


async def implanted(case: Case) -> None:
    """An intrathecal trial helps; the pump is authorised by itself, implanted, and reassessed."""
    await taken_on(case, PAIN_CENTRE)
    await trial_then_treatment(case)


async def escalated(case: Case) -> None:
    """The first trial does not help; another modality is tried, helps, and is watched until the last check-in."""
    picture = case.patient.picture
    await taken_on(case, PAIN_CENTRE)
    first = await courses.carry_out(case, TRIAL, str(picture.trial), NOT_AT_ALL)
    await courses.judge_trial(case, first)
    await case.staff.clinician.do(Referral.course_escalate, first, referral.Next(reason_code="no-relief"))
    second = await courses.carry_out(case, TRIAL, str(picture.next_trial), HELPS, follows=first)
    await courses.judge_trial(case, second)
    await case.staff.clinician.do(Referral.course_continue, second)
    await courses.watch_to_the_end(case)
    await endings.complete(case)


async def declined_by_patient(case: Case) -> None:
    """The patient decides against the procedure, and goes back with advice."""
    await taken_on(case, PAIN_CLINIC)
    course = await courses.propose(case, TRIAL, str(case.patient.picture.trial))
    await case.staff.clinician.do(Referral.course_decline, course, referral.Because(reason_code="prefers-no-needle"))
    case.path[-1] += ": declined"
    await endings.complete(case)


async def declined_at_triage(case: Case) -> None:
    """The pain service does not see the patient, and tells the referrer what to do instead."""
    await triage.refer(case, PAIN_CLINIC)
    await triage.receive(case)
    await triage.decline(case)


async def informed(case: Case) -> None:
    """Something is missing; the referrer supplies it, and the path goes on."""
    await triage.refer(case, PAIN_CLINIC, leaving_out=["ecog"])
    await triage.receive(case)
    shown = await case.read()
    await triage.ask(case, *(one["code"] for one in shown["missing"] if not one["advisory"]))
    await triage.supply(case)
    await triage.accept(case)
    await courses.assess(case)
    await trial_then_treatment(case)


async def redirected(case: Case) -> None:
    """The clinic cannot do what is needed; the larger centre can."""
    await triage.refer(case, PAIN_CLINIC)
    await triage.receive(case)
    await triage.redirect(case, PAIN_CENTRE)
    await triage.receive(case)
    await triage.accept(case)
    await courses.assess(case)
    await reassessed(case, await courses.carry_out(case, TREATMENT, case.patient.picture.treatment, HELPS))


async def rebooked(case: Case) -> None:
    """The patient takes an offered time, cancels it hours later, and another is found."""
    await taken_on(case, PAIN_CLINIC)
    course = await courses.propose(case, TRIAL, str(case.patient.picture.trial))
    await courses.decide(case, course)
    appointment = await visits.requested(case, visits.PROCEDURE, course.id)
    await visits.book(case, appointment, asking=True)
    await case.pause(case.now + timedelta(hours=1))
    await visits.cancel(case, appointment)
    await performed_after_all(case, course)


async def missed(case: Case) -> None:
    """The patient does not come to the procedure; somebody looks, and it is booked again."""
    await taken_on(case, PAIN_CLINIC)
    course = await courses.propose(case, TRIAL, str(case.patient.picture.trial))
    await courses.decide(case, course)
    appointment = await visits.requested(case, visits.PROCEDURE, course.id)
    await visits.book(case, appointment)
    await visits.miss(case, appointment)
    await triage.clear(case, "appointment_missed")
    await performed_after_all(case, course, unheard=1)


async def performed_after_all(case: Case, course: Thing, *, unheard: int = 0) -> None:
    """The trial takes place at another time, helps, and leads to its treatment."""
    appointment = await visits.requested(case, visits.PROCEDURE, course.id)
    await visits.book(case, appointment)
    await visits.attend(case, appointment)
    await courses.observe(case, course, HELPS, unheard=unheard)
    await courses.judge_trial(case, course)
    await case.staff.clinician.do(Referral.course_continue, course)
    treatment = case.patient.picture.treatment
    await reassessed(case, await courses.carry_out(case, TREATMENT, treatment, HELPS, follows=course))


async def dies_before_procedure(case: Case) -> None:
    """The patient dies in hospital with a procedure booked and a home team just asked."""
    await taken_on(case, PAIN_CENTRE, HOSPITAL)
    course = await courses.propose(case, TRIAL, str(case.patient.picture.trial))
    await courses.decide(case, course)
    await visits.book(case, await visits.requested(case, visits.PROCEDURE, course.id))
    await home.offer(case, HOME_EAST)
    await endings.die(case)


async def dies_during_trial(case: Case) -> None:
    """Tried in hospital; the patient dies at home while check-ins are planned and the home team is in charge."""
    await taken_on(case, PAIN_CENTRE, HOSPITAL)
    await courses.carry_out(case, TRIAL, str(case.patient.picture.trial), HELPS)
    handover = await home.offer(case, HOME_WEST)
    await home.take_over(case, handover, HOME_WEST)
    await case.pause(case.now + timedelta(days=2))
    await endings.die(case)


async def goes_home(case: Case) -> None:
    """After the treatment in hospital a home team takes over, and answers for the patient."""
    await taken_on(case, PAIN_CENTRE, HOSPITAL)
    treatment = await courses.carry_out(case, TREATMENT, case.patient.picture.treatment, HELPS)
    handover = await home.offer(case, HOME_EAST)
    await home.take_over(case, handover, HOME_EAST)
    await courses.judge_treatment(case, treatment)
    await case.staff.clinician.do(Referral.course_continue, treatment)
    await home.end(case, handover)
    await endings.complete(case)


async def home_team_silent(case: Case) -> None:
    """The first home team does not answer, so the patient stays in hospital until the second was asked."""
    await taken_on(case, PAIN_CENTRE, HOSPITAL)
    treatment = await courses.carry_out(case, TREATMENT, case.patient.picture.treatment, HELPS)
    unanswered = await home.offer(case, HOME_EAST)
    await home.let_time_out(case, unanswered)
    handover = await home.offer(case, HOME_WEST, follows=unanswered)
    await home.take_over(case, handover, HOME_WEST)
    await courses.judge_treatment(case, treatment)
    await case.staff.clinician.do(Referral.course_continue, treatment)
    await home.end(case, handover)
    await endings.complete(case)


COMPLETED: Final = Ending(Exit.COMPLETED)
AT_HOME: Final = Ending(Exit.COMPLETED, Setting.HOME)
FIRST_TREATMENT: Final = (pictures.PANCREAS, pictures.VERTEBRA)

STORIES: Final = (
    Story("responds", "responds directly", responds_directly, COMPLETED, FIRST_TREATMENT),
    Story("escalated", "no response, next modality", escalated, COMPLETED, (pictures.CHEST_WALL, pictures.CERVIX)),
    Story("implanted", "trial, implant, reassessment", implanted, COMPLETED, (pictures.DIFFUSE,)),
    Story("block", "block, neurolysis", block_then_neurolysis, COMPLETED, BLOCKS, anticoagulated=True),
    Story("declined-by-patient", "declined by patient", declined_by_patient, COMPLETED, BLOCKS),
    Story("declined-at-triage", "declined at triage with advice", declined_at_triage, Ending(Exit.DECLINED), BLOCKS),
    Story("informed", "information asked and supplied", informed, COMPLETED, BLOCKS),
    Story("redirected", "redirected to a larger centre", redirected, COMPLETED, (pictures.MESOTHELIOMA,)),
    Story("rebooked", "cancelled and rebooked", rebooked, COMPLETED, BLOCKS),
    Story("missed", "did not come, rebooked", missed, COMPLETED, BLOCKS),
    Story(
        "dies-before-procedure",
        "death before the procedure",
        dies_before_procedure,
        Ending(Exit.DECEASED, HOSPITAL),
        BLOCKS,
        quiet=True,
    ),
    Story(
        "dies-during-trial",
        "death at home, trial running",
        dies_during_trial,
        Ending(Exit.DECEASED, Setting.HOME),
        (pictures.DIFFUSE,),
        quiet=True,
    ),
    Story("goes-home", "handed over to the home team", goes_home, AT_HOME, (pictures.PANCREAS,)),
    Story("home-team-silent", "home team silent, second asked", home_team_silent, AT_HOME, (pictures.PANCREAS,)),
)
"""Every branch once."""


async def play_out(story: Story, case: Case) -> endings.Standing:
    """Tell the story of a case to its end, and see that it ended as it must."""
    await story.tell(case)
    standing = await endings.confirm(case, story.must)
    if story.quiet:
        await endings.confirm_silence(case)
    return standing
