"""What the stack says when it cannot go on."""

from __future__ import annotations

from stack.failure import Failure, first_failure


def test_the_first_failure_is_found_inside_nested_groups() -> None:
    wanted = Failure("the broker is missing")
    group = ExceptionGroup("outer", [ValueError("no"), ExceptionGroup("inner", [wanted, Failure("later")])])
    assert first_failure(group) is wanted


def test_a_failure_is_its_own_first_failure() -> None:
    alone = Failure("the broker is missing")
    assert first_failure(alone) is alone


def test_other_errors_hold_no_failure() -> None:
    assert first_failure(ExceptionGroup("group", [ValueError("no")])) is None
