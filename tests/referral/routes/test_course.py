"""Courses over HTTP."""

from __future__ import annotations

from uuid import uuid4

from reliefpath.vocabulary import Role
from tests.support.referral import STRANGER, Place


async def test_a_new_course_says_where_it_is_and_what_may_be_done_with_it(place: Place) -> None:
    active = await place.active()
    url = f"/referrals/{active['id']}/courses"
    answer = await place.clinician.post(url, {"kind": "trial", "modality": "PNB"}, version=None)
    assert answer.status_code == 201
    assert answer.headers["location"] == f"/courses/{answer.json()['id']}"
    assert answer.headers["etag"] == '"1"'
    assert {one["action"] for one in answer.json()["allowed_actions"]} == {"agree", "decline", "abandon"}


async def test_a_course_is_read_with_its_version(place: Place) -> None:
    active = await place.active()
    course = await place.asked(active["id"])
    answer = await place.coordinator.get(f"/courses/{course['id']}")
    assert answer.headers["etag"] == f'"{course["version"]}"' == '"5"'


async def test_an_unmet_guard_is_shown_before_anybody_tries(place: Place) -> None:
    active = await place.active()
    course = await place.proposed(active["id"])
    await place.coordinator.done(f"/referrals/{active['id']}/hold", {"reason_code": "infection"})
    shown = await place.course(course)
    [agree] = [one for one in shown["allowed_actions"] if one["action"] == "agree"]
    assert not agree["possible"]
    assert [one["code"] for one in agree["unmet"]] == ["referral-not-active"]


async def test_what_the_service_alone_decides_has_no_route(place: Place) -> None:
    course = await place.proposed((await place.active())["id"])
    for action in ("book", "perform", "review", "record-verdict"):
        assert (await place.clinician.post(f"/courses/{course['id']}/{action}")).status_code == 404


async def test_anothers_course_cannot_be_told_from_one_that_does_not_exist(place: Place) -> None:
    active = await place.active()
    course = await place.proposed(active["id"])
    stranger = place.person(Role.CLINICIAN, STRANGER)
    for one in (course["id"], uuid4()):
        assert (await stranger.get(f"/courses/{one}")).status_code == 404
        assert (await stranger.post(f"/courses/{one}/abandon", {"reason_code": "x"})).status_code == 404
    for one in (active["id"], uuid4()):
        body = {"kind": "trial", "modality": "PNB"}
        answer = await stranger.post(f"/referrals/{one}/courses", body, version=None)
        assert answer.status_code == 404
    assert (await place.clinician.get("/courses/not-an-id")).status_code == 422
