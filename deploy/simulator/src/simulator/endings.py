"""How a case ends, and whether every service knows it: nothing left open anywhere, and nobody reminded of anything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from reliefpath.vocabulary import Exit, Setting, Stage
from reliefpath_client import Referral, every, referral
from simulator.case import Case
from simulator.play import WentWrong

CLOSED: Final[Mapping[str, frozenset[str]]] = {
    "referrals": frozenset({"completed", "declined", "redirected", "expired", "cancelled", "entered_in_error"}),
    "courses": frozenset(
        {"continued", "repeated", "escalated", "stopped", "declined_by_patient", "denied", "abandoned"}
    ),
    "appointments": frozenset({"fulfilled", "cancelled", "missed", "rescheduled"}),
    "trials": frozenset({"judged", "abandoned"}),
    "check-ins": frozenset({"completed", "lost", "cancelled"}),
    "handovers": frozenset({"refused", "timed_out", "returned", "ended"}),
}
"""What a journey is made of in any service, and the states in which each is closed."""

REPORT: Final = "What was done, what it did, and what we advise for the time to come."
QUIET_FOR: Final = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Ending:
    """How a story must end."""

    exit: Exit
    setting: Setting = Setting.OUTPATIENT
    stage: Stage = Stage.CLOSED


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a journey stands by operations' telling, which rests on the events of all services."""

    stage: str
    exit: str | None
    setting: str | None
    events: int


async def complete(case: Case) -> None:
    """The clinician sends the closing report, without which nothing is complete."""
    await case.staff.clinician.do(
        Referral.referral_complete, case.thing(), referral.Complete(report=REPORT, outcome_code="as-planned")
    )


async def die(case: Case) -> None:
    """The patient dies; the referrer, who hears of it first, records it."""
    death = referral.RecordDeath(died_on=case.now.date().isoformat())
    await case.cast.referrer.do(Referral.referral_record_death, case.thing(), death)
    case.agenda.forget()


async def confirm(case: Case, must: Ending) -> Standing:
    """See that the case ended as it must, in referral and by operations' telling, and that nothing is open anywhere."""

    async def look() -> Standing | None:
        standing = await standing_of(case)
        return standing if standing is not None and standing.stage == must.stage else None

    standing = await case.until(f"the journey is {must.stage}", look)
    journey = await case.staff.coordinator.apis.referral.journey(case.journey)
    told = {"stage": journey["stage"], "exit": journey["exit"], "setting": journey["setting"]}
    wanted = {"stage": must.stage.value, "exit": must.exit.value, "setting": must.setting.value}
    if told != wanted:
        raise WentWrong(f"The journey must end as {_said(wanted)}, but ended as {_said(told)}.")
    if told != {name: getattr(standing, name) for name in told}:
        raise WentWrong(f"Referral says {_said(told)}, but operations says {standing.stage}, {standing.exit}.")
    left = await what_is_open(case, journey)
    if left:
        raise WentWrong("The journey is closed, but open are: " + ", ".join(left) + ".")
    return standing


async def confirm_silence(case: Case) -> None:
    """See that for a month nothing more is said of the journey, in any service."""
    before = await standing_of(case)
    await case.pause(case.now + QUIET_FOR)
    after = await standing_of(case)
    if before != after:
        raise WentWrong("Something was said of the journey after its end.")


async def standing_of(case: Case) -> Standing | None:
    """Where the journey stands by operations' telling; None while operations has not heard of its referral."""
    shown = await case.cast.operator.apis.operations.journey(case.journey)
    if shown["stage"] is None:
        return None
    return Standing(shown["stage"], shown["exit"], shown["setting"], len(shown["events"]))


async def what_is_open(case: Case, journey: referral.JourneyShown) -> list[str]:
    """Whatever is still open of the journey, in any service."""
    apis, within = case.staff.coordinator.apis, case.journey
    states: dict[str, list[str]] = {
        "referrals": [one["state"] for one in journey["referrals"]],
        "courses": [one["state"] for one in journey["courses"]],
        "appointments": [one["state"] async for one in every(apis.scheduling.appointments, journey=within)],
        "trials": [one["state"] async for one in every(apis.followup.trials, journey=within)],
        "check-ins": [one["state"] async for one in every(apis.followup.check_ins, journey=within)],
        "handovers": [one["state"] async for one in every(apis.followup.handovers, journey=within)],
    }
    left = [f"{name} in {state}" for name, found in states.items() for state in found if state not in CLOSED[name]]
    return left + ["attentions"] * journey["open_attentions"]


def _said(standing: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in standing.items())
