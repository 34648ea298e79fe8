"""The patient dies at home while a trial runs and check-ins are planned: all of it closes, and nobody is reminded."""

from __future__ import annotations

from tests.support.journeys import Told

STORY = "dies-during-trial"


async def test_the_running_trial_its_check_ins_and_the_handover_close(told: Told) -> None:
    assert [one["state"] for one in await told.listed("followup", "/trials")] == ["abandoned"]
    assert [one["state"] for one in await told.listed("followup", "/handovers")] == ["ended"]
    states = {one["state"] for one in await told.listed("followup", "/check-ins")}
    assert states == {"completed", "cancelled"}


async def test_no_check_in_falls_due_once_the_death_is_heard_of(told: Told) -> None:
    names = await told.names()
    after = names[names.index("PatientDied") + 1 :]
    closed = {"CourseAbandoned", "TrialAbandoned", "CheckInCancelled", "HandoverEnded"}
    assert set(after) - {"CheckInDue"} == closed  # one that was due before may come while the death is on its way
    heard = min(after.index("TrialAbandoned"), after.index("CheckInCancelled"))
    assert "CheckInDue" not in after[heard:]


async def test_the_home_nurse_answered_while_the_patient_was_at_home(told: Told) -> None:
    check_ins = await told.listed("followup", "/check-ins")
    assert {one["answered_by"] for one in check_ins if one["state"] == "completed"} >= {"home_nurse"}


async def test_the_patient_was_at_home_at_the_end(told: Told) -> None:
    shown = await told.shown()
    assert (shown["exit"], shown["setting"]) == ("deceased", "home")
