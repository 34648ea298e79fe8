"""A failure is told in sentences: what was refused, every reason, and what would satisfy it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from typer.testing import Result

import operations.cli
from operations.cli.failure import Refused
from tests.operations.cli.conftest import Loopback

PROBLEM = {
    "type": "https://reliefpath.example/problems/invalid",
    "title": "The request does not keep its contract",
    "status": 422,
    "detail": "2 things to correct.",
    "errors": [
        {"code": "facility-unknown", "message": "The directory knows no facility X.", "satisfy": "List them."},
        {"code": "sign-unknown", "rules": ["signs@2"]},
        "nonsense",
    ],
}


def test_every_reason_is_told_with_what_satisfies_it_and_the_rule_behind_it() -> None:
    assert str(Refused(422, PROBLEM)).splitlines() == [
        "refused (422): The request does not keep its contract. 2 things to correct.",
        "  · The directory knows no facility X. List them.",
        "  · sign-unknown [signs@2]",
    ]


def test_a_refusal_ends_with_one_and_goes_to_standard_error(run: Callable[..., Result], api: Loopback) -> None:
    api.replies["GET", "/counts"] = (422, PROBLEM)
    result = run("counts")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "The directory knows no facility X." in result.stderr


@pytest.mark.parametrize("arguments", [["no-such-command"], ["journey", "not-an-id"], ["journeys", "--limit", "0"]])
def test_wrong_usage_ends_with_two(run: Callable[..., Result], arguments: list[str]) -> None:
    assert run(*arguments).exit_code == 2


def test_a_fault_of_our_own_is_a_sentence_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken() -> None:
        raise KeyError("the name of a patient")

    monkeypatch.setattr(operations.cli, "app", broken)
    with pytest.raises(SystemExit) as ended:
        operations.cli.main()
    told = capsys.readouterr().err
    assert ended.value.code == 1
    assert told.startswith("reliefpath: this should not have happened")
    assert "patient" not in told
