"""Who may read what."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest

from followup.routes.readers import CARERS
from reliefpath.vocabulary import Role
from tests.support.followup import RECEIVER, Place, codes, problem

LISTS = ["/trials", "/check-ins", "/handovers", "/observations"]
ADDRESSES = [*LISTS, *(f"{one}/{UUID(int=1)}" for one in LISTS)]


@pytest.mark.parametrize("address", ADDRESSES)
async def test_nobody_reads_without_a_token(place: Place, address: str) -> None:
    assert codes(problem(await place.client.get(address), 401, "unauthenticated")) == ["no-token"]


@pytest.mark.parametrize("address", ADDRESSES)
async def test_who_does_not_care_for_patients_reads_nothing(place: Place, address: str) -> None:
    journey = uuid4()
    for role in set(Role) - {*CARERS, Role.SYSTEM, Role.PATIENT}:
        problem(await place.person(role, RECEIVER).get(address), 403, "forbidden")
    if not address.startswith("/check-ins"):
        problem(await place.patient(journey).get(address), 403, "forbidden")


@pytest.mark.parametrize("address", LISTS)
async def test_whoever_cares_for_patients_reads_what_is_theirs(place: Place, address: str) -> None:
    for role in CARERS:
        assert await place.person(role, RECEIVER).read(address) == {"items": [], "next": None}
