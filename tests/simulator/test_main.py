"""The command: what it refuses, what it says when it cannot go on, and its exit codes."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from simulator import __main__ as command
from simulator.clock import NotStill
from simulator.endings import Standing
from simulator.network import SERVICES
from simulator.people import Person
from simulator.play import Part
from simulator.run import Outcome, Run
from simulator.stories import STORIES
from stack.keys import Keys
from tests.support.papers import BEGIN, Papers

Perform = Callable[..., Any]


@pytest.fixture
def installed(keys: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    for service in SERVICES:
        monkeypatch.setenv(f"RELIEFPATH_URL_{service.upper()}", f"http://{service}.invalid")
    monkeypatch.setenv("RELIEFPATH_KEYS", str(keys.folder))


def performing(monkeypatch: pytest.MonkeyPatch, failure: str | None = None) -> None:
    async def perform(self: Run, onlooker: Perform) -> None:
        self.began, self.ended, self.seconds = BEGIN, BEGIN + timedelta(days=100), 40.0
        for role in self.roles:
            part = Part("p", lambda _: None, failure=failure, began=BEGIN, ended=BEGIN)  # type: ignore[arg-type,return-value]  # never told
            self.outcomes.append(Outcome(role, Papers().case(), part, Standing("closed", "completed", "home", 9)))

    monkeypatch.setattr(Run, "perform", perform)


def test_fewer_patients_than_branches_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        command.main(["--patients", str(len(STORIES) - 1)])
    assert ended.value.code == 2
    assert f"at least {len(STORIES)}" in capsys.readouterr().err


def test_without_an_installation_one_sentence_says_what_to_do(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RELIEFPATH_URL_REFERRAL", raising=False)
    assert command.main([]) == 1
    told = capsys.readouterr().err
    assert told.startswith(
        "The simulator cannot go on: RELIEFPATH_URL_REFERRAL is not set: start the stack with make up"
    )


@pytest.mark.usefixtures("installed")
def test_when_every_story_ended_as_it_must_the_exit_code_is_zero(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    performing(monkeypatch)
    assert command.main([]) == 0
    written = capsys.readouterr().out
    assert "All 30 stories ended as they must" in written
    assert written.splitlines()[-1].startswith("The clock moved 100 days for everybody")


@pytest.mark.usefixtures("installed")
def test_the_directory_alone_is_listed_without_a_word_and_without_a_patient(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    listing: list[str] = []

    async def list_everything(operator: Person) -> None:
        listing.append(operator.subject)

    monkeypatch.setattr("simulator.directory.list_everything", list_everything)
    assert command.main(["--directory"]) == 0
    assert listing == ["operations"]
    assert capsys.readouterr() == ("", "")


@pytest.mark.usefixtures("installed")
def test_one_story_that_went_wrong_makes_the_run_fail_with_a_sentence(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    performing(monkeypatch, failure="The moon is blue.")
    assert command.main([]) == 1
    written = capsys.readouterr().out
    assert "30 of 30 stories did not end as they must" in written
    assert "The moon is blue." in written


@pytest.mark.usefixtures("installed")
def test_as_json_the_output_is_json_alone(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    performing(monkeypatch)
    assert command.main(["--json", "--patients", "20"]) == 0
    written = capsys.readouterr()
    assert len(json.loads(written.out)["patients"]) == 20
    assert "All 20 stories" in written.err


@pytest.mark.usefixtures("installed")
def test_what_keeps_the_run_from_going_on_is_told_in_a_sentence(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def perform(self: Run, onlooker: Perform) -> None:
        raise NotStill("Operations sees lag: followup.")

    monkeypatch.setattr(Run, "perform", perform)
    assert command.main([]) == 1
    assert capsys.readouterr().err == "The simulator cannot go on: Operations sees lag: followup.\n"
