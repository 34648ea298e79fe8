"""A closing takes everything that is open with it, in one transaction, and reminds nobody of anything."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.referral import Place


async def one_sided(place: Place, active: dict[str, Any]) -> None:
    await place.referrer.done(f"/referrals/{active['id']}/enter-in-error", {"reason_code": "wrong-patient"})


async def agreed(place: Place, active: dict[str, Any]) -> None:
    await place.referrer.done(f"/referrals/{active['id']}/request-cancellation", {"reason_code": "moved-away"})
    await place.coordinator.done(f"/referrals/{active['id']}/confirm-cancellation")


async def death(place: Place, active: dict[str, Any]) -> None:
    await place.referrer.done(f"/referrals/{active['id']}/record-death")


@pytest.mark.parametrize(
    ("close", "said", "reason"),
    [
        (one_sided, "ReferralEnteredInError", "referral-entered_in_error"),
        (agreed, "ReferralCancelled", "referral-cancelled"),
        (death, "PatientDied", "patient-died"),
    ],
)
async def test_whatever_is_open_closes_with_the_referral(place: Place, close: Any, said: str, reason: str) -> None:
    active = await place.active()
    courses = [await place.proposed(active["id"]), await place.asked(active["id"], modality="CPB")]
    await place.booked(courses[1])
    await close(place, active)
    told = await place.said(active["journey"])
    at = [type(one).__name__ for one in told].index(said)
    assert [type(one).__name__ for one in told[at + 1 :]] == ["CourseAbandoned", "CourseAbandoned"]
    assert {one.model_dump()["reason_code"] for one in told[at + 1 :]} == {reason}
    for course in courses:
        assert (await place.course(course))["state"] == "abandoned"
    assert await place.rows("SELECT 1 FROM backbone.deadlines WHERE done_at IS NULL") == []
    assert await place.rows("SELECT 1 FROM attentions WHERE state = 'open'") == []


async def test_what_follows_a_closing_is_the_services_own_doing(place: Place) -> None:
    active = await place.active()
    await place.proposed(active["id"])
    await death(place, active)
    rows = await place.rows("SELECT actor FROM backbone.audit WHERE action = 'abandon'")
    assert [row["actor"] for row in rows] == ["system:referral"]
    died = await place.rows("SELECT headers FROM backbone.outbox WHERE headers LIKE '%PatientDied%'")
    assert "referrer:referrer-subject" in died[0]["headers"]


async def test_a_referral_with_an_open_course_is_not_completed(place: Place) -> None:
    active = await place.active()
    course = await place.proposed(active["id"])
    answer = await place.coordinator.post(f"/referrals/{active['id']}/complete", {"report": "Done."})
    assert [one["code"] for one in answer.json()["errors"]] == ["course-open"]
    await place.clinician.done(f"/courses/{course['id']}/abandon", {"reason_code": "changed-mind"})
    await place.coordinator.done(f"/referrals/{active['id']}/complete", {"report": "Done."})


async def test_each_open_state_has_exactly_its_deadlines(place: Place) -> None:
    async def running() -> set[str]:
        rows = await place.rows("SELECT kind FROM backbone.deadlines WHERE done_at IS NULL")
        return {row["kind"] for row in rows}

    sent = await place.requested()
    url = f"/referrals/{sent['id']}"
    assert await running() == {"referral.unanswered", "referral.triage"}
    await place.coordinator.done(f"{url}/receive")
    assert await running() == {"referral.triage"}
    await place.coordinator.done(f"{url}/ask-information", {"items": ["stage"]})
    assert await running() == {"referral.information"}
    await place.referrer.done(f"{url}/supply-information")
    assert await running() == {"referral.triage"}
    await place.coordinator.done(f"{url}/accept", {"urgency": "soon", "override_reason": "known"})
    assert await running() == {"referral.assessment"}
    await place.clinician.done(f"{url}/assess", {"setting": "outpatient"})
    assert await running() == set()
