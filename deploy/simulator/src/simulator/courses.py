"""Courses: what a pain team proposes, decides with the patient, has authorised and does, and what became of it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from reliefpath.vocabulary import CourseKind, Verdict
from reliefpath_client import Followup, Referral, every, followup, referral
from simulator import visits
from simulator.case import Case
from simulator.patients import Response
from simulator.people import Shown, Thing

AUTHORISED_FOR: Final = timedelta(days=60)
AFTER_ALL_ANSWERS: Final = timedelta(days=7)
"""Within which a review is due once the last answer could be given."""


async def assess(case: Case) -> None:
    """The first visit, and what the clinician found; then the case conference."""
    appointment = await visits.requested(case, visits.ASSESSMENT)
    await visits.book(case, appointment)
    await visits.attend(case, appointment)
    await record_assessment(case)


async def record_assessment(case: Case) -> None:
    """What the clinician found, and what the case conference recommends."""
    patient = case.patient
    await case.staff.clinician.do(
        Referral.referral_assess,
        case.thing(),
        referral.Assess(
            average_pain=patient.average,
            worst_pain=patient.worst,
            personal_pain_goal=patient.goal,
            setting=case.setting.value,
            goal="To sit at the table with the family.",
        ),
    )
    picture = patient.picture
    options = [one for one in (picture.trial, picture.treatment, picture.next_trial) if one]
    await case.staff.coordinator.do(
        Referral.referral_confer,
        case.thing(),
        referral.Confer(
            attendance=["pain-clinician", "oncologist", "palliative-nurse"],
            options=options,
            recommended=options[:1],
        ),
    )


async def propose(case: Case, kind: CourseKind, modality: str, follows: Thing | None = None) -> Thing:
    """The clinician proposes a modality."""
    body: referral.Propose = {"kind": kind.value, "modality": modality}
    if follows is not None:
        body["follows"] = follows.id
    shown = await case.staff.clinician.apis.referral.course_propose(case.referral, body)
    case.path.append(f"{modality} trial" if kind is CourseKind.TRIAL else modality)
    return case.thing("course", shown["id"])


async def decide(case: Case, course: Thing) -> None:
    """Patient and clinician decide for it; the payer is asked and agrees; scheduling is asked for a time."""
    clinician, coordinator = case.staff.clinician, case.staff.coordinator
    await clinician.do(
        Referral.course_agree,
        course,
        referral.Agree(
            goal="To sleep through the night.",
            options_discussed=["this", "medication-only", "no-procedure"],
            risks_discussed=["bleeding", "infection", "no-relief"],
            leaflet="leaflet-2026-1",
            personal_pain_goal=case.patient.goal,
        ),
    )
    asked = referral.SubmitAuthorisation(payer="payer-a", submission=f"{case.label}/{len(case.path)}")
    await coordinator.do(Referral.course_submit_authorisation, course, asked)
    until = (case.now + AUTHORISED_FOR).isoformat()
    agreed = referral.Authorise(reference=f"AUTH-{case.label}-{len(case.path)}", valid_until=until)
    await coordinator.do(Referral.course_authorise, course, agreed)
    await coordinator.do(Referral.course_request, course)


async def carry_out(
    case: Case, kind: CourseKind, modality: str, response: Response, *, follows: Thing | None = None
) -> Thing:
    """From the proposal to the procedure, done and under observation."""
    course = await propose(case, kind, modality, follows)
    await decide(case, course)
    appointment = await visits.requested(case, visits.PROCEDURE, course.id)
    await visits.book(case, appointment)
    await visits.attend(case, appointment)
    await observe(case, course, response)
    return course


async def observe(case: Case, course: Thing, response: Response, *, unheard: int = 0) -> None:
    """The procedure is known to be done, and its effect is being watched."""
    await _state(case, course, "observing")
    await case.agenda.note(case.staff.coordinator, course.id, response, unheard=unheard)


async def judge_trial(case: Case, course: Thing) -> Verdict:
    """The trial runs its time, a clinician judges it as the answers suggest, and the course hears of it."""
    trial = await verdict_due(case, course)
    return await give_verdict(case, course, trial)


async def verdict_due(case: Case, course: Thing) -> Thing:
    """The trial's time is over."""
    clinician = case.staff.clinician
    trials = [one async for one in every(clinician.apis.followup.trials, journey=case.journey)]
    shown = next(one for one in trials if one["course"] == course.id)
    trial = Thing("followup", "trial", shown["id"])

    async def look() -> bool | None:
        return True if (await clinician.read(trial))["state"] == "awaiting_verdict" else None

    ends_at = datetime.fromisoformat(shown["ends_at"]) if shown["ends_at"] else None
    await case.until("the trial awaits its verdict", look, not_before=ends_at, within=AFTER_ALL_ANSWERS)
    return trial


async def give_verdict(case: Case, course: Thing, trial: Thing) -> Verdict:
    """A clinician judges the trial as the answers suggest."""
    shown = await case.staff.clinician.read(trial)
    verdict = Verdict(shown["suggestion"]["verdict"])
    await case.staff.clinician.do(Followup.trial_judge, trial, followup.Judge(verdict=verdict.value))
    await _state(case, course, "judged")
    case.path[-1] += f": {verdict}"
    return verdict


async def judge_treatment(case: Case, course: Thing) -> Verdict:
    """The check-ins after the treatment are done, and a clinician says what it did."""

    async def look() -> Shown | None:
        shown = await case.staff.clinician.read(course)
        return shown if shown["review_due_at"] else None

    last = case.agenda.last(course.id)
    shown = await case.until("the treatment's review is due", look, not_before=last, within=AFTER_ALL_ANSWERS)
    verdict = Verdict(shown["suggested"])
    await case.staff.clinician.do(Referral.course_judge, course, referral.Judge(verdict=verdict.value))
    case.path[-1] += f": {verdict}"
    return verdict


async def watch_to_the_end(case: Case) -> None:
    """Whatever is still planned to be asked is answered."""

    async def look() -> bool | None:
        return None if case.agenda.planned else True

    await case.until("the last check-in is answered", look, not_before=case.agenda.end, within=AFTER_ALL_ANSWERS)


async def _state(case: Case, course: Thing, state: str) -> None:
    async def look() -> bool | None:
        return True if (await case.staff.clinician.read(course))["state"] == state else None

    await case.until(f"the course is {state}", look)
