"""The scheduling API's client: every operation of the contract has its method, which sends and answers what it says."""

from __future__ import annotations

import pytest

from reliefpath_client import Scheduling
from tests.support.clients import (
    assert_answers_what_the_contract_says,
    assert_needs_what_the_contract_needs,
    assert_sends_what_the_contract_says,
    described,
    methods,
    sent,
)

CONTRACT = described("scheduling")


def test_every_operation_has_its_method_and_nothing_else_has_one() -> None:
    assert Scheduling.OPERATIONS.keys() == CONTRACT.keys()
    assert methods(Scheduling) == CONTRACT.keys()


@pytest.mark.parametrize("operation", CONTRACT)
async def test_a_method_needs_sends_and_answers_what_the_contract_says(operation: str) -> None:
    assert_needs_what_the_contract_needs(Scheduling, operation, CONTRACT[operation])
    await assert_sends_what_the_contract_says(Scheduling, operation, CONTRACT[operation])
    assert_answers_what_the_contract_says(Scheduling, operation, CONTRACT[operation])


async def test_a_parameter_whose_name_python_keeps_for_itself_is_sent_under_its_own() -> None:
    request = await sent(Scheduling, "appointment_slots")
    assert request.url.params["from"] == "from_"
