"""A referral as it is shown to each side."""

from __future__ import annotations

from tests.support.referral import RECEIVER, SENDER, Place, draft


async def test_the_patient_is_shown_as_the_sender_described_them(place: Place) -> None:
    body = draft()
    made = await place.referrer.done("/referrals", body, version=None)
    patient = made["patient"]
    assert (patient["family"], patient["given"], patient["birth_date"]) == ("Doe", ["Jane"], "1950-03-04")
    assert patient["identifiers"] == [{**body["patient"]["identifiers"][0], "type": None}]
    assert not patient["died"]


async def test_both_facilities_are_named_and_the_callers_sides_told(place: Place) -> None:
    sent = await place.requested()
    assert (sent["from_facility"]["code"], sent["to_facility"]["code"]) == (SENDER, RECEIVER)
    assert sent["your_sides"] == ["sender"]
    shown = (await place.coordinator.get(f"/referrals/{sent['id']}")).json()
    assert shown["your_sides"] == ["receiver"]


async def test_each_side_is_shown_its_own_actions(place: Place) -> None:
    sent = await place.requested()
    assert {one["action"]: one["possible"] for one in sent["allowed_actions"]} == {
        "withdraw": True,
        "enter-in-error": True,
        "record-death": True,
    }
    shown = (await place.coordinator.get(f"/referrals/{sent['id']}")).json()
    assert {one["action"] for one in shown["allowed_actions"]} >= {"receive", "record-death"}


async def test_what_was_done_is_shown_in_the_order_in_which_it_was_done(place: Place) -> None:
    active = await place.active()
    url = f"/referrals/{active['id']}"
    await place.clinician.done(f"{url}/confer", {"attendance": ["pain"], "recommended": ["PNB"]})
    await place.clinician.done(f"{url}/assess", {"average_pain": 4, "setting": "home"})
    await place.proposed(active["id"], modality="PNB")
    await place.proposed(active["id"], modality="CPB")
    shown = (await place.clinician.get(url)).json()
    assert [one["average_pain"] for one in shown["assessments"]] == [7, 4]
    assert [one["recommended"] for one in shown["conferences"]] == [["PNB"]]
    assert [one["modality"] for one in shown["courses"]] == ["PNB", "CPB"]
