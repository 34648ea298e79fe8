"""Visits: a time is found that is safe, the patient comes (or does not), and it takes place."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from reliefpath_client import Scheduling, every, scheduling
from reliefpath_client.scheduling import Purpose, SlotShown
from simulator.case import Case
from simulator.people import Shown, Thing
from simulator.play import WentWrong

ASSESSMENT: Final[Purpose] = "assessment"
PROCEDURE: Final[Purpose] = "procedure"
MINUTES: Final = {ASSESSMENT: 60, PROCEDURE: 90}
NOTICE: Final = timedelta(hours=18)
"""How long before a visit a patient is told of it, at least."""
LOOK_AHEAD_DAYS: Final = 45
"""How many days ahead a time is looked for: within what a payer authorises."""
FORMS: Final = {"enoxaparin": "prophylactic"}
"""The form in which synthetic patients take a drug, where the records tell forms apart."""


async def requested(case: Case, purpose: Purpose, course: str | None = None) -> Thing:
    """The appointment that a scheduler has to find a time for."""

    async def look() -> Thing | None:
        appointments = case.staff.scheduler.apis.scheduling.appointments
        asked = every(appointments, journey=case.journey, purpose=purpose, state=["requested"], course=course)
        async for one in asked:
            return Thing("scheduling", "appointment", one["id"])
        return None

    return await case.until(f"a time has to be found for the {purpose}", look)


async def book(case: Case, appointment: Thing, *, asking: bool = False) -> datetime:
    """Decide with prescribers what is left off, then take the first slot, if wanted by asking the patient.

    When the visit ends.
    """
    await _decide_holds(case, appointment)
    async with case.staff.desk:
        slot = await _first_slot(case, appointment)
        starts_at, minutes, resources = slot["starts_at"], slot["minutes"], slot["resources"]
        if asking:
            offered = scheduling.Offer(starts_at=starts_at, minutes=minutes, resources=resources)
            await case.staff.scheduler.do(Scheduling.appointment_offer, appointment, offered)
        else:
            booked = scheduling.Slot(starts_at=starts_at, minutes=minutes, resources=resources)
            await case.staff.scheduler.do(Scheduling.appointment_book, appointment, booked)
    if asking:
        await case.person.do(Scheduling.appointment_accept, appointment)
    return datetime.fromisoformat(slot["ends_at"])


async def _first_slot(case: Case, appointment: Thing) -> SlotShown:
    scheduler = case.staff.scheduler
    purpose = (await scheduler.read(appointment))["purpose"]
    begins = (case.now + NOTICE).isoformat()
    found = await scheduler.apis.scheduling.appointment_slots(
        appointment.id, minutes=MINUTES[purpose], from_=begins, days=LOOK_AHEAD_DAYS, most=1
    )
    if not found["slots"]:
        raise WentWrong(f"There is no slot for the {purpose} at {case.at}: {found['unmet'] or 'all are taken'}.")
    return found["slots"][0]


async def attend(case: Case, appointment: Thing) -> None:
    """The patient comes on the day, and the visit takes place."""
    shown = await case.staff.scheduler.read(appointment)
    await case.pause(datetime.fromisoformat(shown["ends_at"]))
    await case.staff.scheduler.do(Scheduling.appointment_arrive, appointment)
    needs = sorted({need for hold in shown["holds"] for need in hold["needs"]})
    confirmed = scheduling.Start(confirmed=needs) if needs else scheduling.Start()
    await case.staff.clinician.do(Scheduling.appointment_start, appointment, confirmed)
    await case.staff.clinician.do(Scheduling.appointment_fulfil, appointment)


async def cancel(case: Case, appointment: Thing) -> None:
    """The patient cannot come, and says so in time."""
    unwell = scheduling.Cancel(reason_code="unwell", still_wanted=True)
    await case.person.do(Scheduling.appointment_cancel, appointment, unwell)


async def miss(case: Case, appointment: Thing) -> None:
    """The patient does not come, and the scheduler writes it down."""
    shown = await case.staff.scheduler.read(appointment)
    await case.pause(datetime.fromisoformat(shown["ends_at"]))
    await case.staff.scheduler.do(Scheduling.appointment_miss, appointment, scheduling.Miss(reason_code="unknown"))


async def _decide_holds(case: Case, appointment: Thing) -> None:
    """Whatever hinders clotting is left off from today, as agreed with its prescriber; or talked about, if unknown."""
    shown: Shown = await case.staff.clinician.read(appointment)
    for hold in shown["holds"]:
        if hold["decided"] or hold["asks"] == "nothing":
            continue
        if hold["asks"] == "a_hold":
            now = case.now.isoformat()
            agreed = scheduling.RecordHold(drug=hold["drug"], last_dose_at=now, renal_impairment=False)
            if hold["drug"] in FORMS:
                agreed["form"] = FORMS[hold["drug"]]
            await case.staff.clinician.do(Scheduling.appointment_record_hold, appointment, agreed)
        else:
            talked = scheduling.RecordDiscussion(drug=hold["drug"], reason_code="agreed-with-prescriber")
            await case.staff.clinician.do(Scheduling.appointment_record_discussion, appointment, talked)
