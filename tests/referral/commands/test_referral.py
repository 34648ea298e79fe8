"""What each action on a referral writes and says."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from referral.commands.referral import EFFECTS, more_urgent
from referral.lifecycle import REFERRAL
from reliefpath.vocabulary import Urgency
from tests.support.referral import Place, draft


async def last(place: Place, journey: str) -> dict[str, Any]:
    """What was last said in a journey."""
    return (await place.said(journey))[-1].model_dump()


def test_every_action_of_the_table_has_its_effect() -> None:
    assert set(EFFECTS) == {one.action for one in REFERRAL.transitions if one.sources}


@pytest.mark.parametrize(
    ("proposed", "expected"),
    [((None, None), None), (("soon", None), "soon"), ((None, "urgent"), "urgent"), (("routine", "urgent"), "urgent")],
)
def test_the_more_urgent_of_wish_and_proposal_counts(proposed: tuple[Any, Any], expected: str | None) -> None:
    assert more_urgent(*(None if one is None else Urgency(one) for one in proposed)) == expected


async def test_a_request_tells_the_receiver_what_is_missing_by_code(place: Place) -> None:
    sent = await place.requested(urgency="emergency")
    said = await last(place, sent["journey"])
    assert set(said["missing"]) == {one["code"] for one in sent["missing"]}
    assert said["proposed_urgency"] == "emergency"
    assert said["reason_code"] == "refractory-cancer-pain"


async def test_an_event_names_the_records_its_urgency_rests_on(place: Place) -> None:
    await place.accepted()
    rows = await place.rows("SELECT headers FROM backbone.outbox WHERE headers LIKE '%ReferralAccepted%'")
    assert "URGENCY-URGENT@1" in rows[0]["headers"]
    audited = await place.rows("SELECT rules FROM backbone.audit WHERE action = 'accept'")
    assert "URGENCY-URGENT@1" in audited[0]["rules"]


async def test_a_draft_that_is_withdrawn_was_never_there_for_others(place: Place) -> None:
    made = await place.referrer.done("/referrals", draft(), version=None)
    gone = await place.referrer.done(f"/referrals/{made['id']}/withdraw", {"reason_code": "mistake"})
    assert gone["state"] == "cancelled"
    assert await place.said() == []
    answer = await place.referrer.post(f"/referrals/{made['id']}/reopen", {"reason_code": "after-all"})
    assert [one["code"] for one in answer.json()["errors"]] == ["never-sent"]


async def test_after_an_interruption_the_receivers_clock_begins_anew_and_the_first_clock_is_kept(place: Place) -> None:
    sent = await place.requested()
    url = f"/referrals/{sent['id']}"
    await place.coordinator.done(f"{url}/receive")
    await place.coordinator.done(f"{url}/ask-information", {"items": ["stage"]})
    await place.pass_time(timedelta(days=5))
    await place.referrer.done(f"{url}/supply-information", {"items": ["stage"]})
    await place.pass_time(timedelta(hours=1))
    shown = (await place.coordinator.get(url)).json()
    assert shown["attentions"] == []
    assert shown["clock_started_at"] == sent["clock_started_at"]
    await place.pass_time(timedelta(hours=4))
    assert [one["kind"] for one in (await place.coordinator.get(url)).json()["attentions"]] == ["triage_overdue"]


async def test_a_conference_keeps_dissent_in_words_and_tells_only_that_there_was_some(place: Place) -> None:
    active = await place.active()
    body = {"attendance": ["pain"], "recommended": ["SCS"], "dissent": "Too frail for surgery."}
    shown = await place.clinician.done(f"/referrals/{active['id']}/confer", body)
    assert "Too frail for surgery." in {note["text"] for note in shown["notes"] if note["kind"] == "dissent"}
    said = await last(place, active["journey"])
    assert (said["recommended"], said["dissent"]) == (("SCS",), True)
    assert "frail" not in str(await place.said())


async def test_a_second_assessment_leads_back_to_the_conference(place: Place) -> None:
    active = await place.active()
    await place.clinician.done(f"/referrals/{active['id']}/assess", {"average_pain": 5, "setting": "outpatient"})
    assert (await place.coordinator.get(f"/journeys/{active['journey']}")).json()["stage"] == "conference"


async def test_two_coordinators_at_once_change_it_once(place: Place) -> None:
    sent = await place.requested()
    url = f"/referrals/{sent['id']}/receive"
    answers = await asyncio.gather(*(place.coordinator.post(url, version=sent["version"]) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [200, 412, 412, 412]
    assert (await place.told(sent["journey"])).count("ReferralReceived") == 1
