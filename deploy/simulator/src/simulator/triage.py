"""From the referrer's letter to the pain service's answer."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Final

from reliefpath.vocabulary import Setting, facility_id
from reliefpath_client import Referral, every, referral
from simulator.bundles import bundle_of
from simulator.case import Case
from simulator.people import Person, Shown, Thing
from simulator.play import WentWrong

REASON: Final = "refractory-cancer-pain"
ADVICE: Final = (
    "An interventional procedure is unlikely to help now. Please rotate the opioid, and refer again if the pain stays "
    "above the patient's own goal."
)


async def refer(case: Case, to: str, *, leaving_out: Iterable[str] = (), setting: Setting = Setting.OUTPATIENT) -> None:
    """The referrer sends the patient's record to a pain service."""
    case.at, case.began, case.setting = to, setting, setting
    bundle = bundle_of(case.patient, case.run, case.now, leaving_out)
    shown = await case.cast.referrer.apis.referral.intake(bundle, to=to, reason_code=REASON, setting=setting.value)
    case.referral, case.journey = shown["id"], shown["referral"]["journey"]


async def receive(case: Case) -> None:
    """The coordinator finds the referral in the worklist and takes it in hand."""
    coordinator = case.staff.coordinator

    async def look() -> bool | None:
        return await _stands(case, coordinator, "requested")

    await case.until("the referral stands in the worklist", look)
    await coordinator.do(Referral.referral_receive, case.thing())


async def _stands(case: Case, reader: Person, state: referral.ReferralState) -> bool | None:
    """Whether the referral stands in somebody's worklist in this state; None when it does not yet."""
    listed = [one["id"] async for one in every(reader.apis.referral.referrals, state=[state])]
    return True if case.referral in listed else None


async def accept(case: Case) -> None:
    """The coordinator accepts it, as urgent as the records propose."""
    shown = await case.read()
    decided = referral.Accept(urgency=shown["proposal"]["urgency"] or "soon")
    await case.staff.coordinator.do(Referral.referral_accept, case.thing(), decided)


async def decline(case: Case) -> None:
    """A clinician declines it and tells the referrer what to do instead."""
    advice = referral.Decline(reason_code="conservative-options-left", advice=ADVICE)
    await case.staff.clinician.do(Referral.referral_decline, case.thing(), advice)


async def ask(case: Case, *items: str) -> None:
    """The coordinator asks the referrer for what is missing."""
    asked = referral.AskInformation(items=list(items), question="Please send what is listed as missing.")
    await case.staff.coordinator.do(Referral.referral_ask_information, case.thing(), asked)


async def supply(case: Case) -> None:
    """The referrer finds the question in the worklist, and answers with the patient's function."""
    referrer = case.cast.referrer

    async def look() -> bool | None:
        return await _stands(case, referrer, "awaiting_information")

    await case.until("the referrer sees the question", look)
    asked = (await referrer.read(case.thing()))["asked_items"]
    fact = referral.FactGiven(kind="ecog", value=case.patient.ecog, on=case.now.date().isoformat())
    found = referral.SupplyInformation(items=asked, facts=[fact], answer="As seen on the ward today.")
    await referrer.do(Referral.referral_supply_information, case.thing(), found)


async def redirect(case: Case, to: str) -> None:
    """A clinician redirects it to a larger place; from here on that place's people act."""
    parent = case.referral
    onwards = referral.Redirect(to=to, reason_code="needs-what-we-cannot-do")
    await case.staff.clinician.do(Referral.referral_redirect, case.thing(), onwards)
    case.at = to
    coordinator = case.staff.coordinator

    async def look() -> str | None:
        async for one in every(coordinator.apis.referral.referrals, state=["requested"]):
            if one["journey"] == case.journey and one["to_facility"]["id"] == str(facility_id(to)):
                return one["id"]
        return None

    case.referral = await case.until("the larger place sees the referral", look, within=timedelta(days=1))
    child = await case.read()
    if child["parent"] != parent:
        raise WentWrong("The referral at the larger place does not name the one it goes on from as its parent.")


async def clear(case: Case, kind: str) -> None:
    """The coordinator finds what needs a hand, and sees to it."""

    async def look() -> Shown | None:
        shown = await case.read()
        return next((one for one in shown["attentions"] if one["kind"] == kind and one["state"] == "open"), None)

    attention = await case.until(f"the coordinator is told: {kind}", look, within=timedelta(days=5))
    thing = Thing("referral", "attention", attention["id"])
    await case.staff.coordinator.do(Referral.attention_clear, thing, referral.Clear(outcome_code="seen-to"))
