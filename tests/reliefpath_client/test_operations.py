"""The operations API's client: every operation of the contract has its method, which sends and answers what it says."""

from __future__ import annotations

import typing

import pytest

from reliefpath_client import Operations, operations, streams
from tests.support.clients import (
    assert_answers_what_the_contract_says,
    assert_needs_what_the_contract_needs,
    assert_sends_what_the_contract_says,
    described,
    methods,
)

CONTRACT = described("operations")


def test_every_operation_has_its_method_and_nothing_else_has_one() -> None:
    assert Operations.OPERATIONS.keys() == CONTRACT.keys()
    assert methods(Operations) == CONTRACT.keys()


@pytest.mark.parametrize("operation", CONTRACT)
async def test_a_method_needs_sends_and_answers_what_the_contract_says(operation: str) -> None:
    assert_needs_what_the_contract_needs(Operations, operation, CONTRACT[operation])
    await assert_sends_what_the_contract_says(Operations, operation, CONTRACT[operation])
    assert_answers_what_the_contract_says(Operations, operation, CONTRACT[operation])


def test_namesakes_are_told_apart() -> None:
    assert set(typing.get_args(streams.Status)) != set(typing.get_args(operations.StreamsStatus))
