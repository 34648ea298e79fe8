"""The directory: enough for every story, listed again without harm, and nobody's change undone."""

from __future__ import annotations

import httpx2
import pytest

from reliefpath.rulebook import Rulebook
from reliefpath.vocabulary import FacilityKind, Role
from reliefpath_client import Refusal
from simulator.directory import FACILITIES, HOME_EAST, HOME_WEST, PAIN_CENTRE, PAIN_CLINIC, list_everything
from simulator.pictures import MESOTHELIOMA, PICTURES
from tests.support.papers import Papers

BY_CODE = {facility.code: facility for facility in FACILITIES}
MODALITIES = Rulebook.load().modalities()


@pytest.mark.parametrize("picture", PICTURES, ids=lambda picture: picture.name)
def test_the_centre_can_do_whatever_a_picture_may_need(picture: object) -> None:
    centre = set(BY_CODE[PAIN_CENTRE].given()["capabilities"])
    guidance = {one for resource in BY_CODE[PAIN_CENTRE].resources() for one in resource.gives}
    for code in {picture.treatment, picture.trial, picture.next_trial} - {None}:  # type: ignore[attr-defined]  # a Picture
        assert set(MODALITIES[code].capabilities) <= centre
        assert guidance & set(MODALITIES[code].guidance)


def test_the_clinic_cannot_do_what_makes_a_referral_go_on_to_the_centre() -> None:
    clinic = set(BY_CODE[PAIN_CLINIC].given()["capabilities"])
    assert not set(MODALITIES[MESOTHELIOMA.treatment].capabilities) <= clinic


def test_there_are_two_home_teams_to_ask() -> None:
    assert {BY_CODE[code].kind for code in (HOME_EAST, HOME_WEST)} == {FacilityKind.HOME_CARE}


async def test_every_facility_comes_before_its_resources() -> None:
    papers = Papers()
    papers.answers |= {"/facilities": lambda body: body}
    papers.answers |= {f"/facilities/{one.id}/resources": lambda body: body for one in FACILITIES}
    await list_everything(papers.person(Role.OPERATIONS))
    listed: set[str] = set()
    for sent in papers.sent:
        if sent.path == "/facilities":
            listed.add(next(one.id for one in FACILITIES if one.code == sent.body["code"]))
        else:
            assert sent.path.split("/")[2] in listed
    assert len(listed) == len(FACILITIES)


def refusing(code: str) -> Papers:
    papers = Papers()
    errors = [{"code": code, "message": "No."}]
    paths = ["/facilities", *(f"/facilities/{one.id}/resources" for one in FACILITIES)]
    papers.answers |= {path: lambda _: httpx2.Response(409, json={"errors": errors}) for path in paths}
    return papers


async def test_what_somebody_changed_stays_as_they_changed_it() -> None:
    papers = refusing("exists-differently")
    await list_everything(papers.person(Role.OPERATIONS))
    assert {one.method for one in papers.sent} == {"POST"}


async def test_any_other_refusal_is_passed_on() -> None:
    with pytest.raises(Refusal):
        await list_everything(refusing("other").person(Role.OPERATIONS))
