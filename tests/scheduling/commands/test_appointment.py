"""What people do to an appointment: rows, events, audit and deadlines of every action."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from reliefpath import events
from reliefpath.rulebook import Rulebook
from reliefpath.vocabulary import Role
from scheduling.commands.appointment import ACTIONS
from scheduling.lifecycle import APPOINTMENT
from tests.support.scheduling import SENDER, Place, accepted


async def held(place: Place, appointment: str) -> list[str]:
    """The codes of what is reserved for an appointment."""
    rows = await place.rows(
        "SELECT code FROM allocations a JOIN resources r ON r.id = a.resource"
        " WHERE appointment = :id AND a.active ORDER BY code",
        id=UUID(appointment),
    )
    return [row["code"] for row in rows]


async def deadlines(place: Place) -> list[datetime]:
    """When open deadlines are due."""
    return [row["due_at"] for row in await place.rows("SELECT due_at FROM backbone.deadlines WHERE done_at IS NULL")]


def moment(shown: Any) -> datetime:
    return datetime.fromisoformat(shown)


def test_there_is_something_to_do_for_every_action_a_person_may_take_and_for_no_other() -> None:
    assert set(ACTIONS) == {one.action for one in APPOINTMENT.transitions if one.offered and one.sources}


async def test_a_booking_reserves_every_resource_and_says_when_and_where(place: Place) -> None:
    made = await place.requested()
    shown = await place.scheduler.done(f"/appointments/{made['id']}/book", await place.slot())
    assert shown["state"] == "booked"
    assert await held(place, made["id"]) == ["dr-1", "room-1"]
    assert [one["code"] for one in shown["resources"]] == ["dr-1", "room-1"]
    *_, booked = await place.said(made["journey"])
    assert isinstance(booked, events.AppointmentBooked)
    assert booked.starts_at == moment(shown["starts_at"])
    assert booked.ends_at - booked.starts_at == timedelta(hours=1)
    (row,) = await place.rows("SELECT before, after, actor FROM backbone.audit WHERE action = 'book'")
    assert row == {"before": "requested", "after": "booked", "actor": "scheduler:scheduler-subject"}


async def test_a_visit_goes_its_way_from_booking_to_its_end(place: Place) -> None:
    made = await place.booked(hours=2)
    path = f"/appointments/{made['id']}"
    await place.patient(made["journey"]).done(f"{path}/confirm")
    await place.pass_time(timedelta(hours=2))
    await place.scheduler.done(f"{path}/arrive")
    await place.clinician.done(f"{path}/start")
    shown = await place.clinician.done(f"{path}/fulfil")
    assert shown["state"] == "fulfilled"
    assert await place.told(made["journey"]) == [
        "AppointmentRequested",
        "AppointmentBooked",
        "AppointmentConfirmed",
        "PatientArrived",
        "AppointmentStarted",
        "AppointmentFulfilled",
    ]
    assert [one["action"] for one in shown["allowed_actions"]] == []


async def test_an_offer_holds_its_slot_until_the_time_to_answer_is_over(place: Place) -> None:
    made = await place.requested()
    shown = await place.scheduler.done(f"/appointments/{made['id']}/offer", await place.slot(hours=240))
    wait = Rulebook.load().operation("OPS-OFFER-ANSWER").wait.longest
    assert timedelta(0) <= await place.now() + wait - moment(shown["answer_by"]) < timedelta(minutes=1)
    assert await held(place, made["id"]) == ["dr-1", "room-1"]
    assert await deadlines(place) == [moment(shown["answer_by"])]
    await place.pass_time(wait)
    after = await place.only(made["journey"])
    assert (after["state"], after["starts_at"], after["answer_by"]) == ("requested", None, None)
    assert await held(place, made["id"]) == []
    assert await place.told(made["journey"]) == ["AppointmentRequested", "AppointmentOffered", "AppointmentRequested"]


async def test_an_offer_for_very_soon_is_to_be_answered_before_it_begins(place: Place) -> None:
    made = await place.requested()
    slot = await place.slot(hours=3)
    shown = await place.scheduler.done(f"/appointments/{made['id']}/offer", slot)
    assert moment(shown["answer_by"]) == moment(slot["starts_at"])


async def test_a_patient_takes_what_was_offered_and_the_deadline_is_gone(place: Place) -> None:
    made = await place.requested()
    slot = await place.slot(hours=240)
    await place.scheduler.done(f"/appointments/{made['id']}/offer", slot)
    shown = await place.patient(made["journey"]).done(f"/appointments/{made['id']}/accept")
    assert (shown["state"], shown["answer_by"]) == ("booked", None)
    assert moment(shown["starts_at"]) == moment(slot["starts_at"])
    assert await deadlines(place) == []
    await place.pass_time(timedelta(days=9))
    assert (await place.only(made["journey"]))["state"] == "booked"


async def test_a_patient_gives_an_offered_time_back(place: Place) -> None:
    made = await place.requested()
    await place.scheduler.done(f"/appointments/{made['id']}/offer", await place.slot(hours=240))
    shown = await place.patient(made["journey"]).done(
        f"/appointments/{made['id']}/release", {"reason_code": "does-not-suit"}
    )
    assert shown["state"] == "requested"
    assert await held(place, made["id"]) == []
    assert await deadlines(place) == []


async def test_booking_another_slot_than_the_offered_one_gives_the_offered_one_back(place: Place) -> None:
    made = await place.requested()
    await place.scheduler.done(f"/appointments/{made['id']}/offer", await place.slot(hours=240))
    slot = await place.slot(240, 60, "room-2", "dr-1")
    await place.scheduler.done(f"/appointments/{made['id']}/book", slot)
    assert await held(place, made["id"]) == ["dr-1", "room-2"]
    assert await deadlines(place) == []


async def test_a_cancelled_appointment_that_is_still_wanted_has_a_successor(place: Place) -> None:
    made = await place.booked()
    shown = await place.patient(made["journey"]).done(f"/appointments/{made['id']}/cancel", {"reason_code": "unwell"})
    assert (shown["state"], shown["cancelled_by"], shown["reason_code"]) == ("cancelled", "patient", "unwell")
    assert await held(place, made["id"]) == []
    successor = await place.only(made["journey"])
    assert shown["replaced_by"] == successor["id"]
    kept = ("referral", "purpose", "facility", "urgency", "setting", "see_by")
    assert {name: successor[name] for name in kept} == {name: made[name] for name in kept}
    assert (successor["state"], successor["replaces"], successor["starts_at"]) == ("requested", made["id"], None)
    cancelled, requested = (await place.said(made["journey"]))[-2:]
    assert isinstance(cancelled, events.AppointmentCancelled)
    assert isinstance(requested, events.AppointmentRequested)
    assert str(cancelled.successor) == successor["id"]
    assert (cancelled.by, cancelled.reason_code) == (Role.PATIENT, "unwell")
    assert str(requested.replaces) == made["id"]
    (audited,) = await place.rows(
        "SELECT actor FROM backbone.audit WHERE action = 'request' AND resource_id = :id", id=UUID(successor["id"])
    )
    assert audited["actor"] == "system:scheduling"


async def test_a_cancelled_appointment_that_is_no_longer_wanted_has_none(place: Place) -> None:
    made = await place.booked()
    body = {"reason_code": "moved-away", "still_wanted": False}
    shown = await place.scheduler.done(f"/appointments/{made['id']}/cancel", body)
    assert shown["replaced_by"] is None
    (*_, cancelled) = await place.said(made["journey"])
    assert isinstance(cancelled, events.AppointmentCancelled)
    assert cancelled.successor is None


async def test_the_senders_people_may_cancel_what_the_receiver_booked(place: Place) -> None:
    made = await place.booked()
    referrer = place.person(Role.REFERRER, SENDER)
    await referrer.done(f"/appointments/{made['id']}/cancel", {"reason_code": "admitted"})


async def test_a_missed_appointment_needs_another_time(place: Place) -> None:
    made = await place.booked(hours=1)
    early = await place.scheduler.post(f"/appointments/{made['id']}/miss")
    assert [one["code"] for one in early.json()["errors"]] == ["not-begun"]
    await place.pass_time(timedelta(hours=1))
    shown = await place.scheduler.done(f"/appointments/{made['id']}/miss")
    assert shown["state"] == "missed"
    assert (await place.only(made["journey"]))["replaces"] == made["id"]
    assert (await place.told(made["journey"]))[-2:] == ["AppointmentMissed", "AppointmentRequested"]


async def test_a_rescheduled_appointment_frees_its_time_and_its_successor_is_booked_at_once(place: Place) -> None:
    made = await place.booked()
    to = await place.slot(hours=48)
    shown = await place.scheduler.done(
        f"/appointments/{made['id']}/reschedule", {"reason_code": "machine-down", "to": to}
    )
    assert shown["state"] == "rescheduled"
    successor = await place.only(made["journey"])
    assert (successor["id"], successor["state"]) == (shown["replaced_by"], "booked")
    assert moment(successor["starts_at"]) == moment(to["starts_at"])
    assert (await place.told(made["journey"]))[-3:] == [
        "AppointmentRescheduled",
        "AppointmentRequested",
        "AppointmentBooked",
    ]


async def test_an_appointment_can_be_moved_to_a_time_that_overlaps_its_own(place: Place) -> None:
    made = await place.booked()
    starts_at = moment(made["starts_at"]) + timedelta(minutes=30)
    to = {**await place.slot(), "starts_at": starts_at.isoformat()}
    await place.scheduler.done(f"/appointments/{made['id']}/reschedule", {"reason_code": "later", "to": to})
    assert moment((await place.only(made["journey"]))["starts_at"]) == starts_at


async def test_an_appointment_rescheduled_without_a_slot_waits_for_one(place: Place) -> None:
    made = await place.booked()
    await place.scheduler.done(f"/appointments/{made['id']}/reschedule", {"reason_code": "machine-down"})
    assert (await place.only(made["journey"]))["state"] == "requested"


async def test_a_refused_move_leaves_everything_as_it_was(place: Place) -> None:
    made, other = await place.booked(hours=24), await place.booked(hours=48)
    to = await place.slot(hours=48)
    answer = await place.scheduler.post(f"/appointments/{made['id']}/reschedule", {"reason_code": "later", "to": to})
    assert answer.status_code == 409
    assert {(one["code"], one["pointer"]) for one in answer.json()["errors"]} == {
        ("resource-taken", "/to/resources/0"),
        ("resource-taken", "/to/resources/1"),
    }
    assert (await place.only(made["journey"]))["version"] == made["version"]
    assert await held(place, made["id"]) == await held(place, other["id"]) == ["dr-1", "room-1"]
    assert await place.told(made["journey"]) == ["AppointmentRequested", "AppointmentBooked"]


async def test_a_hold_agreed_with_the_prescriber_opens_the_slots_after_it(place: Place) -> None:
    made = await place.procedure(antithrombotics=("apixaban",))
    path = f"/appointments/{made['id']}"
    (hold,) = made["holds"]
    assert (hold["asks"], hold["decided"]) == ("a_hold", None)
    last_dose = (await place.now()).replace(microsecond=0)
    body = {"drug": "apixaban", "last_dose_at": last_dose.isoformat()}
    shown = await place.clinician.done(f"{path}/record-hold", body)
    (hold,) = shown["holds"]
    earliest = last_dose + timedelta(hours=hold["hours_before"])
    assert (hold["decided"], moment(hold["earliest"])) == ("hold", earliest)
    assert (shown["state"], shown["version"]) == ("requested", made["version"] + 1)
    slots = await place.scheduler.read(f"{path}/slots", minutes=90)
    assert slots["unmet"] == []
    assert timedelta(0) <= moment(slots["slots"][0]["starts_at"]) - earliest < timedelta(minutes=15)
    taken = {name: slots["slots"][0][name] for name in ("starts_at", "minutes", "resources")}
    assert (await place.scheduler.done(f"{path}/book", taken))["state"] == "booked"
    (rules,) = [row["rules"] for row in await place.rows("SELECT rules FROM backbone.audit WHERE action = 'book'")]
    assert "MODALITY-SCS@1" in rules
    assert any(one.startswith("HOLD-") for one in rules)


async def test_a_hold_moves_with_a_rescheduled_appointment_and_its_window_is_reckoned_anew(place: Place) -> None:
    made = await place.procedure(antithrombotics=("apixaban",))
    path = f"/appointments/{made['id']}"
    await place.clinician.done(
        f"{path}/record-hold", {"drug": "apixaban", "last_dose_at": (await place.now()).isoformat()}
    )
    kit = ("room-1", "dr-1", "c-arm")
    await place.scheduler.done(f"{path}/book", await place.slot(120, 90, *kit))
    too_soon = await place.slot(24, 90, *kit)
    answer = await place.scheduler.post(f"{path}/reschedule", {"reason_code": "sooner", "to": too_soon})
    assert [one["code"] for one in answer.json()["errors"]] == ["hold-too-short"]
    await place.scheduler.done(f"{path}/reschedule", {"reason_code": "later", "to": await place.slot(144, 90, *kit)})
    successor = await place.only(made["journey"])
    assert [one["decided"] for one in successor["holds"]] == ["hold"]


@pytest.mark.parametrize("at_once", [True, False])
async def test_the_form_of_a_procedure_moves_with_a_rescheduled_appointment_and_so_does_what_it_needs(
    place: Place, at_once: bool
) -> None:
    made = await place.procedure(modality="PNB", antithrombotics=("warfarin",))
    path = f"/appointments/{made['id']}"
    last_dose = await place.now() - timedelta(days=9)
    await place.clinician.done(f"{path}/record-hold", {"drug": "warfarin", "last_dose_at": last_dose.isoformat()})
    kit = ("room-1", "dr-1", "ultrasound")
    await place.scheduler.done(f"{path}/book", await place.slot(24, 60, *kit, variant="paravertebral"))
    needed = [one["needs"] for one in (await place.only(made["journey"]))["holds"]]
    to = {"to": await place.slot(72, 60, *kit)} if at_once else {}
    await place.scheduler.done(f"{path}/reschedule", {"reason_code": "later", **to})
    successor = await place.only(made["journey"])
    assert successor["variant"] == "paravertebral"
    assert [one["needs"] for one in successor["holds"]] == needed


async def test_a_hold_does_not_outlive_a_missed_appointment(place: Place) -> None:
    made = await place.procedure(antithrombotics=("apixaban",))
    path = f"/appointments/{made['id']}"
    last_dose = await place.now() - timedelta(days=9)
    await place.clinician.done(f"{path}/record-hold", {"drug": "apixaban", "last_dose_at": last_dose.isoformat()})
    await place.scheduler.done(f"{path}/book", await place.slot(1, 60, "room-1", "dr-1", "c-arm"))
    await place.pass_time(timedelta(hours=2))
    await place.scheduler.done(f"{path}/miss")
    assert [one["decided"] for one in (await place.only(made["journey"]))["holds"]] == [None]


async def test_what_was_decided_later_counts_and_what_was_decided_before_stays_written_down(place: Place) -> None:
    made = await place.procedure(antithrombotics=("warfarin",))
    path = f"/appointments/{made['id']}"
    await place.clinician.done(
        f"{path}/record-hold", {"drug": "warfarin", "last_dose_at": (await place.now()).isoformat()}
    )
    shown = await place.clinician.done(
        f"{path}/record-discussion", {"drug": "warfarin", "reason_code": "mechanical-valve"}
    )
    assert [one["decided"] for one in shown["holds"]] == ["discussion"]
    assert await place.value("SELECT count(*) FROM holds") == 2


async def test_a_drug_nobody_had_told_of_is_added_when_something_is_decided_about_it(place: Place) -> None:
    made = await place.procedure()
    shown = await place.clinician.done(
        f"/appointments/{made['id']}/record-hold",
        {"drug": "clopidogrel", "last_dose_at": (await place.now()).isoformat()},
    )
    assert shown["antithrombotics"] == ["clopidogrel"]
    assert [one["drug"] for one in shown["holds"]] == ["clopidogrel"]


async def test_what_was_looked_at_before_the_beginning_is_written_down(place: Place) -> None:
    made = await place.procedure(antithrombotics=("warfarin",))
    path = f"/appointments/{made['id']}"
    last_dose = await place.now() - timedelta(days=9)
    await place.clinician.done(f"{path}/record-hold", {"drug": "warfarin", "last_dose_at": last_dose.isoformat()})
    await place.scheduler.done(f"{path}/book", await place.slot(1, 60, "room-1", "dr-1", "c-arm"))
    await place.pass_time(timedelta(hours=1))
    await place.scheduler.done(f"{path}/arrive")
    answer = await place.clinician.post(f"{path}/start")
    assert [one["code"] for one in answer.json()["errors"]] == ["need-unconfirmed"]
    shown = await place.clinician.done(f"{path}/start", {"confirmed": ["normal_inr"]})
    assert [one["confirmed"] for one in shown["holds"]] == [["normal_inr"]]


async def test_a_dose_taken_after_all_is_recorded_on_arrival_and_keeps_the_procedure_from_beginning(
    place: Place,
) -> None:
    made = await place.procedure(antithrombotics=("apixaban",))
    path = f"/appointments/{made['id']}"
    last_dose = await place.now() - timedelta(days=9)
    await place.clinician.done(f"{path}/record-hold", {"drug": "apixaban", "last_dose_at": last_dose.isoformat()})
    await place.scheduler.done(f"{path}/book", await place.slot(1, 60, "room-1", "dr-1", "c-arm"))
    await place.pass_time(timedelta(hours=1))
    await place.scheduler.done(f"{path}/arrive")
    this_morning = await place.now() - timedelta(hours=2)
    await place.clinician.done(f"{path}/record-hold", {"drug": "apixaban", "last_dose_at": this_morning.isoformat()})
    answer = await place.clinician.post(f"{path}/start")
    assert [one["code"] for one in answer.json()["errors"]] == ["hold-too-short"]
    body = {"drug": "apixaban", "reason_code": "low-risk-form"}
    await place.clinician.done(f"{path}/record-discussion", body)
    assert (await place.clinician.done(f"{path}/start"))["state"] == "in_progress"


async def test_nobody_arrives_for_an_appointment_of_another_day(place: Place) -> None:
    made = await place.booked(hours=72)
    answer = await place.scheduler.post(f"/appointments/{made['id']}/arrive")
    assert [one["code"] for one in answer.json()["errors"]] == ["too-early"]


async def test_a_patient_is_not_booked_in_two_places_at_once(place: Place) -> None:
    journey = uuid4()
    first = await place.requested(journey)
    await place.scheduler.done(f"/appointments/{first['id']}/book", await place.slot())
    await place.hear(accepted(), journey)
    (second,) = (await place.scheduler.read("/appointments", journey=str(journey), state="requested"))["items"]
    answer = await place.scheduler.post(
        f"/appointments/{second['id']}/book", await place.slot(24, 60, "room-2", "dr-2")
    )
    assert [one["code"] for one in answer.json()["errors"]] == ["patient-elsewhere"]
    assert len(answer.json()["alternatives"]) == 5


async def test_a_waiting_list_keeps_an_appointment_bookable(place: Place) -> None:
    made = await place.requested()
    shown = await place.scheduler.done(f"/appointments/{made['id']}/waitlist", {"reason_code": "no-theatre"})
    assert shown["state"] == "waitlisted"
    await place.scheduler.done(f"/appointments/{made['id']}/book", await place.slot())
    assert await place.told(made["journey"]) == ["AppointmentRequested", "AppointmentWaitlisted", "AppointmentBooked"]
