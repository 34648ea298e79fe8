"""What the stack says when it cannot go on."""

from __future__ import annotations

import errno

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


def test_a_file_of_another_account_and_a_full_disk_are_failures_with_what_to_do() -> None:
    denied = first_failure(ExceptionGroup("group", [PermissionError(errno.EACCES, "Permission denied", "/var/x.log")]))
    assert str(denied).startswith("/var/x.log may not be used by this account")
    full = first_failure(OSError(errno.ENOSPC, "No space left on device", "/var/x.log"))
    assert str(full) == "/var/x.log: No space left on device. Put that right, then start again."


def test_an_error_of_the_network_is_not_taken_for_one_of_a_file() -> None:
    assert first_failure(ConnectionRefusedError(errno.ECONNREFUSED, "refused")) is None
