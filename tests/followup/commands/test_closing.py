"""What the end of a journey takes with it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from reliefpath import events
from tests.support.followup import HOME, Place, Story, problem


def end(story: Story, kind: type[events.AboutReferral]) -> events.AboutReferral:
    more = {"reason_code": "x"} if "reason_code" in kind.model_fields else {}
    return kind(referral=story.referral, **more)


CLOSINGS = [
    (events.PatientDied, "patient-died"),
    (events.ReferralCompleted, "referral-completed"),
    (events.ReferralDeclined, "referral-declined"),
    (events.ReferralWithdrawn, "referral-withdrawn"),
    (events.ReferralCancelled, "referral-cancelled"),
    (events.ReferralExpired, "referral-expired"),
    (events.ReferralEnteredInError, "referral-entered-in-error"),
]


@pytest.mark.parametrize(("kind", "reason"), CLOSINGS)
async def test_whatever_is_open_is_closed_quietly_and_nobody_is_asked_ever_after(
    place: Place, kind: type[events.AboutReferral], reason: str
) -> None:
    story = await place.performed(modality="SCS")
    await place.coordinator.done("/handovers", {"journey": str(story.journey), "to": HOME})
    await place.tell(story, end(story, kind))

    trial = await place.trial(story)
    assert (trial["state"], trial["reason_code"]) == ("abandoned", reason)
    assert {(one["state"], one["reason_code"]) for one in await place.check_ins(story)} == {("cancelled", reason)}
    assert (await place.clinician.read(f"/observations/{story.course}"))["state"] == "ended"
    [handover] = (await place.coordinator.read("/handovers"))["items"]
    assert (handover["state"], handover["reason_code"]) == ("ended", reason)
    assert await place.open_deadlines(story) == 0

    told = await place.told(story.journey)
    await place.pass_time(timedelta(days=30))
    assert await place.told(story.journey) == told
    assert not {"CheckInDue", "CheckInMissed", "HandoverTimedOut", "TrialVerdictDue"} & set(told)


async def test_nothing_begins_in_a_journey_that_has_ended(place: Place) -> None:
    story = await place.expected()
    now = await place.database.now()
    await place.tell(story, end(story, events.PatientDied), story.booked(now), story.performed(now))
    never_wanted = Story(journey=story.journey, referral=story.referral)
    await place.tell(story, never_wanted.requested(), never_wanted.booked(now), never_wanted.performed(now))
    assert await place.told(story.journey) == []
    problem(await place.clinician.get(f"/observations/{never_wanted.course}"), 404, "not-found")
    shown = await place.clinician.read(f"/observations/{story.course}")
    assert (shown["state"], shown["performed_at"]) == ("ended", None)


async def test_after_reopening_what_was_closed_stays_closed_and_something_new_may_begin(
    place: Place,
) -> None:
    story = await place.performed(modality="SCS")
    await place.tell(story, end(story, events.ReferralCompleted), end(story, events.ReferralReopened))
    assert (await place.trial(story))["state"] == "abandoned"

    again = Story(modality="PNB", journey=story.journey, referral=story.referral)
    await place.tell(story, again.requested(), again.performed(await place.database.now()))
    assert (await place.trial(again))["state"] == "running"
