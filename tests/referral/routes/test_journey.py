"""Journeys over HTTP."""

from __future__ import annotations

from uuid import uuid4

import pytest

from reliefpath.vocabulary import Role
from tests.support.referral import RECEIVER, STRANGER, Place


async def test_a_patient_reads_their_own_journey_and_no_other(place: Place) -> None:
    mine, other = await place.requested(), await place.requested()
    patient = place.person(Role.PATIENT, journey=mine["journey"])
    assert (await patient.get(f"/journeys/{mine['journey']}")).json()["stage"] == "referred"
    assert (await patient.get(f"/journeys/{other['journey']}")).status_code == 404


@pytest.mark.parametrize("role", [Role.OPERATIONS, Role.QUALITY])
async def test_the_network_is_overseen_without_names(place: Place, role: Role) -> None:
    sent = await place.requested()
    everywhere = place.everywhere(role)
    answer = await everywhere.get(f"/journeys/{sent['journey']}")
    assert answer.status_code == 200
    assert "Doe" not in answer.text


async def test_a_foreign_journey_is_not_found(place: Place) -> None:
    sent = await place.requested()
    stranger = place.person(Role.COORDINATOR, STRANGER)
    for one in (sent["journey"], uuid4()):
        assert (await stranger.get(f"/journeys/{one}")).status_code == 404
    assert (await place.person(Role.COORDINATOR, RECEIVER).get(f"/journeys/{sent['journey']}")).status_code == 200
