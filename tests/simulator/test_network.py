"""The installation as the environment names it, and a token of its own for everybody."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from reliefpath.vocabulary import Role, facility_id
from simulator.network import SERVICES, Network, NotSet
from simulator.people import Person
from stack.keys import Keys


@pytest.fixture
def environ(keys: Keys) -> dict[str, str]:
    urls = {f"RELIEFPATH_URL_{one.upper()}": f"http://{one}.invalid/" for one in SERVICES}
    return {**urls, "RELIEFPATH_KEYS": str(keys.folder)}


def claims(person: Person) -> dict[str, Any]:
    token = person.apis.referral._client.headers["authorization"].split()[1]
    payload = token.split(".")[1]
    read: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return read


@pytest.mark.parametrize("missing", ["RELIEFPATH_URL_FOLLOWUP", "RELIEFPATH_KEYS"])
def test_a_missing_setting_is_named_in_a_sentence(environ: dict[str, str], missing: str) -> None:
    del environ[missing]
    with pytest.raises(NotSet, match=missing):
        Network.of(environ)


async def test_somebody_works_at_their_own_facilities_and_nowhere_else(environ: dict[str, str]) -> None:
    async with Network.of(environ) as network:
        told = claims(network.somebody(Role.COORDINATOR, "PAIN-CLINIC"))
    assert (told["role"], told["facilities"]) == ("coordinator", [str(facility_id("PAIN-CLINIC"))])
    assert told["sub"] == "coordinator-pain-clinic"


async def test_operations_sees_the_whole_network(environ: dict[str, str]) -> None:
    async with Network.of(environ) as network:
        assert claims(network.somebody(Role.OPERATIONS))["facilities"] == ["*"]


async def test_a_patient_sees_their_own_journey_alone(environ: dict[str, str]) -> None:
    journey = "018f0000-0000-7000-8000-000000000001"
    async with Network.of(environ) as network:
        told = claims(network.patient(journey))
    assert (told["role"], told["facilities"], told["journey"]) == ("patient", [], journey)
