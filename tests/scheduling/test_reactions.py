"""What the service does when others speak: in any order, twice, and after everything is over."""

from __future__ import annotations

import itertools
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from reliefpath import events
from reliefpath.events import Event, Speaker
from reliefpath.vocabulary import CourseKind, FacilityKind, Role, facility_id
from scheduling import HEARS, SAYS
from scheduling.reactions import CLOSINGS, DEADLINES, ENDS, REACTIONS
from tests.support.scheduling import CENTRE, CLINIC, SENDER, Place, accepted, course

OTHER_FIELDS = {"reason_code": "because", "child": uuid4(), "to_facility": uuid4()}


def closing(cls: type[Event], referral: UUID) -> Event:
    """A closing of this referral."""
    more = {name: value for name, value in OTHER_FIELDS.items() if name in cls.model_fields}
    return cls.model_validate({"referral": referral, **more})


def ending(cls: type[Event], wanted: events.CourseRequested) -> Event:
    """An end of this course."""
    more = {"reason_code": "because"} if "reason_code" in cls.model_fields else {}
    about = {"course": wanted.course, "referral": wanted.referral, "kind": CourseKind.TRIAL, "modality": "SCS"}
    return cls(**about, **more)


async def states(place: Place, journey: UUID) -> list[str]:
    """The states of a journey's appointments, the oldest first."""
    rows = await place.rows("SELECT state FROM appointments WHERE journey = :journey ORDER BY id", journey=journey)
    return [row["state"] for row in rows]


def test_it_reacts_only_to_those_it_hears_and_speaks_with_its_own_voices() -> None:
    assert {cls.speaker for cls in REACTIONS} == set(HEARS)
    assert set(SAYS) == {Speaker.SCHEDULING, Speaker.DIRECTORY}
    assert set(DEADLINES) == {"offer-runs-out"}


def test_every_way_in_which_a_referral_closes_is_reacted_to() -> None:
    closings = {
        events.ReferralCompleted,
        events.ReferralDeclined,
        events.ReferralRedirected,
        events.ReferralWithdrawn,
        events.ReferralCancelled,
        events.ReferralExpired,
        events.ReferralEnteredInError,
    }
    assert set(CLOSINGS) == closings
    assert closings | {events.PatientDied} <= set(REACTIONS)


async def test_an_accepted_referral_asks_for_a_first_visit_that_both_sides_may_see(place: Place) -> None:
    made = await place.requested()
    assert (made["state"], made["purpose"], made["facility"]) == ("requested", "assessment", str(facility_id(CENTRE)))
    assert (await place.person(Role.REFERRER, SENDER).get(f"/appointments/{made['id']}")).status_code == 200
    assert (await place.person(Role.SCHEDULER, CLINIC).get(f"/appointments/{made['id']}")).status_code == 404


async def test_a_course_to_be_booked_asks_for_a_procedure_at_its_facility(place: Place) -> None:
    made = await place.procedure(facility=facility_id(CENTRE))
    assert (made["purpose"], made["modality"], made["kind"]) == ("procedure", "SCS", "trial")


async def test_an_event_heard_twice_has_its_effect_once(place: Place) -> None:
    journey, message = uuid4(), None
    message = place.message(accepted(), journey)
    assert await place.take(message) == {"effect": 1}
    assert await place.take(message) == {"duplicate": 1}
    assert await states(place, journey) == ["requested"]


async def test_the_same_thing_said_again_asks_for_nothing_more(place: Place) -> None:
    journey, referral, wanted = uuid4(), accepted(), course()
    for _ in range(2):
        await place.hear(referral, journey)
        await place.hear(wanted, journey)
    assert await states(place, journey) == ["requested", "requested"]
    assert len(await place.said(journey)) == 2


async def test_a_referral_accepted_again_after_its_first_visit_was_cancelled_asks_for_another(place: Place) -> None:
    journey, referral = uuid4(), accepted()
    await place.hear(referral, journey)
    await place.hear(events.ReferralDeclined(referral=referral.referral, reason_code="no-capacity"), journey)
    await place.hear(referral, journey)
    assert await states(place, journey) == ["cancelled", "requested"]


@pytest.mark.parametrize("cls", list(CLOSINGS), ids=lambda cls: cls.__name__)
async def test_a_closed_referral_closes_its_appointments_in_every_state_and_asks_for_no_other(
    place: Place, cls: type[Event]
) -> None:
    made = await place.booked()
    journey = UUID(made["journey"])
    assert await place.hear(closing(cls, UUID(made["referral"])), journey) == {"effect": 1}
    assert await states(place, journey) == ["cancelled"]
    assert await place.value("SELECT count(*) FROM allocations WHERE active") == 0
    (*_, said) = await place.said(journey)
    assert isinstance(said, events.AppointmentCancelled)
    assert (said.by, said.reason_code, said.successor) == (Role.SYSTEM, CLOSINGS[cls], None)


async def test_a_redirected_referral_leaves_what_its_child_asked_for(place: Place) -> None:
    journey, parent, child = uuid4(), accepted(), accepted()
    await place.hear(parent, journey)
    await place.hear(child, journey)
    await place.hear(closing(events.ReferralRedirected, parent.referral), journey)
    assert await states(place, journey) == ["cancelled", "requested"]


@pytest.mark.parametrize("cls", list(ENDS), ids=lambda cls: cls.__name__)
async def test_an_ended_course_closes_its_own_appointment_only(place: Place, cls: type[Event]) -> None:
    journey, first, second = uuid4(), course(), course()
    await place.hear(first, journey)
    await place.hear(second, journey)
    await place.hear(ending(cls, first), journey)
    assert await states(place, journey) == ["cancelled", "requested"]


async def test_a_death_closes_whatever_is_open_also_what_has_begun_and_reminds_nobody(place: Place) -> None:
    journey = uuid4()
    first = await place.requested(journey)
    path = f"/appointments/{first['id']}"
    await place.scheduler.done(f"{path}/book", await place.slot(1))
    await place.hear(course(), journey)
    await place.hear(course(), journey)
    listed = await place.scheduler.read("/appointments", journey=str(journey), purpose="procedure")
    offered, _ = (one["id"] for one in listed["items"])
    slot = await place.slot(240, 60, "room-2", "dr-2", "c-arm")
    await place.scheduler.done(f"/appointments/{offered}/offer", slot)
    await place.pass_time(timedelta(hours=1))
    await place.scheduler.done(f"{path}/arrive")
    await place.clinician.done(f"{path}/start")
    await place.hear(events.PatientDied(referral=UUID(first["referral"])), journey)
    assert await states(place, journey) == ["cancelled"] * 3
    assert await place.value("SELECT count(*) FROM allocations WHERE active") == 0
    assert await place.value("SELECT count(*) FROM backbone.deadlines WHERE done_at IS NULL") == 0
    before = await place.said(journey)
    await place.pass_time(timedelta(days=30))
    assert await place.said(journey) == before
    assert await place.hear(events.PatientDied(referral=UUID(first["referral"])), journey) == {"effect": 1}
    assert await place.said(journey) == before


async def test_what_closes_something_nobody_asked_for_here_is_passed_over(place: Place) -> None:
    journey = uuid4()
    for cls in CLOSINGS:
        assert await place.hear(closing(cls, uuid4()), journey) == {"effect": 1}
    for cls in ENDS:
        assert await place.hear(ending(cls, course()), journey) == {"effect": 1}
    assert await place.hear(events.PatientDied(referral=uuid4()), journey) == {"effect": 1}
    assert await place.said(journey) == []


async def test_in_whatever_order_the_topics_arrive_the_end_is_the_same(place: Place) -> None:
    for order in itertools.permutations(range(4)):
        journey, referral, wanted, handover = uuid4(), accepted(), course(), uuid4()
        taken = events.HandoverAccepted(handover=handover, referral=referral.referral, to_facility=facility_id(CLINIC))
        heard = [
            place.message(referral, journey, 1),
            place.message(wanted, journey, 2),
            place.message(ending(events.CourseAbandoned, wanted), journey, 3),
            place.message(taken, journey, 1),
        ]
        for number in order:
            await place.take(heard[number])
        assert sorted(await states(place, journey)) == ["cancelled", "requested"]
        facilities = await place.rows(
            "SELECT facility FROM backbone.journey_facilities WHERE journey = :journey", journey=journey
        )
        assert {row["facility"] for row in facilities} == {facility_id(one) for one in (SENDER, CENTRE, CLINIC)}


async def test_a_home_team_that_takes_over_may_see_when_the_patient_is_expected(place: Place) -> None:
    made = await place.booked()
    home = place.person(Role.HOME_NURSE, "home-team")
    assert (await home.get(f"/appointments/{made['id']}")).status_code == 404
    taken = events.HandoverAccepted(
        handover=uuid4(), referral=UUID(made["referral"]), to_facility=facility_id("home-team")
    )
    await place.hear(taken, made["journey"])
    assert (await home.read(f"/appointments/{made['id']}"))["starts_at"] == made["starts_at"]


async def test_what_the_directory_says_is_not_heard_by_the_directory_itself(place: Place) -> None:
    listed = events.FacilityListed(facility=facility_id("x"), code="x", kind=FacilityKind.CLINIC)
    assert type(listed) not in REACTIONS


async def test_an_offer_that_was_answered_in_time_does_not_lapse(place: Place) -> None:
    made = await place.requested()
    await place.scheduler.done(f"/appointments/{made['id']}/offer", await place.slot(240))
    await place.scheduler.done(f"/appointments/{made['id']}/accept")
    await place.pass_time(timedelta(days=3))
    assert (await place.only(made["journey"]))["state"] == "booked"


async def test_what_follows_from_an_event_names_it_as_its_cause(place: Place) -> None:
    journey = uuid4()
    message = place.message(accepted(), journey)
    await place.take(message)
    (row,) = await place.rows("SELECT headers FROM backbone.outbox WHERE stream = :journey", journey=journey)
    heard = dict(message.headers)["ce_id"].decode()
    assert f'["ce_cause", "event:{heard}"]' in row["headers"]
