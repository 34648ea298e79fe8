"""The followup API's client: every operation of the contract has its method, which sends and answers what it says."""

from __future__ import annotations

import httpx2
import pytest

from reliefpath_client import Followup
from tests.support.clients import (
    assert_answers_what_the_contract_says,
    assert_needs_what_the_contract_needs,
    assert_sends_what_the_contract_says,
    described,
    methods,
)

CONTRACT = described("followup")


def test_every_operation_has_its_method_and_nothing_else_has_one() -> None:
    assert Followup.OPERATIONS.keys() == CONTRACT.keys()
    assert methods(Followup) == CONTRACT.keys()


@pytest.mark.parametrize("operation", CONTRACT)
async def test_a_method_needs_sends_and_answers_what_the_contract_says(operation: str) -> None:
    assert_needs_what_the_contract_needs(Followup, operation, CONTRACT[operation])
    await assert_sends_what_the_contract_says(Followup, operation, CONTRACT[operation])
    assert_answers_what_the_contract_says(Followup, operation, CONTRACT[operation])


async def test_an_action_whose_body_may_be_left_out_is_sent_with_an_empty_one() -> None:
    asked: list[httpx2.Request] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        asked.append(request)
        return httpx2.Response(200, json={"id": "h"})

    api = Followup("http://api", "token", transport=httpx2.MockTransport(answer))
    assert (await api.handover_activate("h", version=2))["id"] == "h"
    assert asked[0].content == b"{}"
