"""Handing care over to a team that looks after people at home."""

from __future__ import annotations

from datetime import timedelta

from reliefpath.vocabulary import Setting
from reliefpath_client import Followup, every, followup
from simulator import triage
from simulator.case import Case
from simulator.people import Thing


async def offer(case: Case, team: str, follows: Thing | None = None) -> Thing:
    """The coordinator asks a home team to take the patient over."""
    body: followup.Offer = {"journey": case.journey, "to": team, "note": "Prefers mornings."}
    if follows is not None:
        body["follows"] = follows.id
    shown = await case.staff.coordinator.apis.followup.handover_offer(body)
    return Thing("followup", "handover", shown["id"])


async def take_over(case: Case, handover: Thing, team: str) -> None:
    """The team's nurse finds the offer, agrees, visits, and has taken over: the patient is now cared for at home."""
    nurse = case.cast.nurses[team]

    async def look() -> bool | None:
        offered = [one["id"] async for one in every(nurse.apis.followup.handovers, state=["offered"])]
        return True if handover.id in offered else None

    await case.until("the home team sees the offer", look)
    await nurse.do(Followup.handover_accept, handover, followup.Remark(note="First visit tomorrow."))
    await case.pause(case.now + timedelta(hours=20))
    await nurse.do(Followup.handover_activate, handover)
    case.home_team, case.setting = team, Setting.HOME

    async def moved() -> bool | None:
        journey = await case.staff.coordinator.apis.referral.journey(case.journey)
        return True if journey["setting"] == Setting.HOME.value else None

    await case.until("the journey is at home", moved)


async def let_time_out(case: Case, handover: Thing) -> None:
    """The team does not answer; the coordinator is told, and sees to it."""

    async def look() -> bool | None:
        shown = await case.staff.coordinator.read(handover)
        return True if shown["state"] == "timed_out" else None

    await case.until("the unanswered handover has timed out", look, within=timedelta(days=4))
    await triage.clear(case, "handover_timed_out")


async def end(case: Case, handover: Thing) -> None:
    """The pain service's part is over; the home team goes on by itself, and writes it down."""
    await case.respondent.do(Followup.handover_end, handover, followup.Because(reason_code="pain-service-done"))
