"""How a case ends, and whether every service knows it: nothing left open anywhere, and nobody reminded of anything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from reliefpath.vocabulary import Exit, Setting, Stage
from simulator.case import Case
from simulator.people import Shown
from simulator.play import WentWrong

OPEN_ELSEWHERE: Final[Mapping[tuple[str, str], frozenset[str]]] = {
    ("scheduling", "/appointments"): frozenset({"fulfilled", "cancelled", "missed", "rescheduled"}),
    ("followup", "/trials"): frozenset({"judged", "abandoned"}),
    ("followup", "/check-ins"): frozenset({"completed", "lost", "cancelled"}),
    ("followup", "/handovers"): frozenset({"refused", "timed_out", "returned", "ended"}),
}
"""The lists of the other services, and the states in which a thing of theirs is closed."""

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
    setting: str
    events: int


async def complete(case: Case) -> None:
    """The clinician sends the closing report, without which nothing is complete."""
    await case.staff.clinician.do("complete", case.thing(), report=REPORT, outcome_code="as-planned")


async def die(case: Case) -> None:
    """The patient dies; the referrer, who hears of it first, records it."""
    await case.cast.referrer.do("record-death", case.thing(), died_on=case.now.date().isoformat())
    case.agenda.forget()


async def confirm(case: Case, must: Ending) -> Standing:
    """See that the case ended as it must, in referral and by operations' telling, and that nothing is open anywhere."""

    async def look() -> Standing | None:
        standing = await standing_of(case)
        return standing if standing is not None and standing.stage == must.stage else None

    standing = await case.until(f"the journey is {must.stage}", look)
    journey = await case.staff.coordinator.get("referral", f"/journeys/{case.journey}")
    told = {name: journey[name] for name in ("stage", "exit", "setting")}
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
    shown = await case.cast.operator.get("operations", f"/journeys/{case.journey}")
    if shown["stage"] is None:
        return None
    return Standing(shown["stage"], shown["exit"], shown["setting"], len(shown["events"]))


async def what_is_open(case: Case, journey: Shown) -> list[str]:
    """Whatever is still open of the journey, in any service."""
    closed: dict[str, Any] = {
        "referrals": {"completed", "declined", "redirected", "expired", "cancelled", "entered_in_error"},
        "courses": {"continued", "repeated", "escalated", "stopped", "declined_by_patient", "denied", "abandoned"},
    }
    left = [
        f"{collection} in {one['state']}"
        for collection, states in closed.items()
        for one in journey[collection]
        if one["state"] not in states
    ]
    left += ["attentions"] * journey["open_attentions"]
    for (service, path), over in OPEN_ELSEWHERE.items():
        async for one in case.staff.coordinator.listed(service, path, journey=case.journey):
            if one["state"] not in over:
                left.append(f"{path[1:]} in {one['state']}")
    return left


def _said(standing: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in standing.items())
