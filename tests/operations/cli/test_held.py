"""What is held back is listed, shown, retried and discarded, each with a reason and never by accident."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from typer.testing import Result

from tests.operations.cli.conftest import Asked, Loopback, lines

Run = Callable[..., Result]
ID = str(uuid4())


def held(status: str = "parked", **more: Any) -> dict[str, Any]:
    return {
        "id": ID,
        "service": "scheduling",
        "status": status,
        "stream": "0192",
        "type": "reliefpath.referral.CourseRequested.v1",
        "seq": 4,
        "attempts": 5,
        "held_at": "2026-11-23T12:00:00Z",
        "ended_at": None,
        "reason": "KeyError at scheduling.reactions:12",
        **more,
    }


@pytest.fixture(params=["parked", "dead-letters", "deadlines"])
def shelf(request: pytest.FixtureRequest, api: Loopback) -> str:
    """Each kind of what is held back; one thing lies there."""
    name = str(request.param)
    api.replies["GET", f"/{name}"] = {"items": [held("new" if name == "dead-letters" else "parked")], "silent": []}
    api.replies["GET", f"/{name}/{ID}"] = held()
    return name


def test_what_needs_a_hand_is_listed_and_ends_with_one(run: Run, api: Loopback, shelf: str) -> None:
    result = run(shelf, "list", "--service", "scheduling", "--service", "referral", "--status", "parked")
    assert result.exit_code == 1
    assert ID in result.stdout
    assert "KeyError at scheduling.reactions:12" in result.stdout
    assert api.asked[0].query["service"] == ["scheduling", "referral"]
    assert [one["id"] for one in lines(run(shelf, "list", "--json"))] == [ID]


def test_what_waits_by_itself_is_no_problem(run: Run, api: Loopback) -> None:
    api.replies["GET", "/parked"] = {"items": [held("waiting"), held("behind")], "silent": []}
    assert run("parked", "list").exit_code == 0


def test_an_empty_list_is_said_to_be_empty_of_those_who_answered(run: Run, api: Loopback, shelf: str) -> None:
    api.replies["GET", f"/{shelf}"] = {"items": [], "silent": []}
    assert run(shelf, "list").exit_code == 0
    api.replies["GET", f"/{shelf}"] = {"items": [], "silent": [{"service": "followup", "because": "answered 503"}]}
    result = run(shelf, "list")
    assert result.exit_code == 1
    assert "by a service that answered" in result.stdout
    assert "followup answered 503" in result.stderr


def test_one_is_shown_in_full(run: Run, api: Loopback, shelf: str) -> None:
    api.replies["GET", f"/{shelf}/{ID}"] = held(headers={"ce_type": "x"}, data='{"course": "0192"}')
    result = run(shelf, "show", ID)
    assert '{"course": "0192"}' in result.stdout
    assert lines(run(shelf, "show", ID, "--json"))[0]["headers"] == {"ce_type": "x"}


@pytest.mark.parametrize("action", ["retry", "discard"])
def test_it_is_done_with_the_reason_under_a_key_where_it_is_held(
    run: Run, api: Loopback, shelf: str, action: str
) -> None:
    def done(asked: Asked) -> dict[str, Any]:
        assert asked.json == {"reason": "the room exists now"}
        assert asked.query == {"service": ["scheduling"]}
        assert len(asked.headers["idempotency-key"]) == 36
        return held("resolved", ended_at="2026-11-23T13:00:00Z")

    api.replies["POST", f"/{shelf}/{ID}/{action}"] = done
    result = run(shelf, action, ID, "--reason", "the room exists now", "--yes")
    assert (result.exit_code, result.stdout) == (0, f"{ID} is resolved\n")


def test_a_retry_that_failed_again_says_so_and_ends_with_one(run: Run, api: Loopback, shelf: str) -> None:
    api.replies["POST", f"/{shelf}/{ID}/retry"] = held()
    result = run(shelf, "retry", ID, "--reason", "try again", "--yes")
    assert result.exit_code == 1
    assert f"{ID} took no effect, parked: KeyError" in result.stdout


def test_a_retried_deadline_that_was_set_anew_took_its_effect(run: Run, api: Loopback) -> None:
    api.replies["GET", f"/deadlines/{ID}"] = held()
    api.replies["POST", f"/deadlines/{ID}/retry"] = held("open", reason=None)
    result = run("deadlines", "retry", ID, "--reason", "try again", "--yes")
    assert (result.exit_code, result.stdout) == (0, f"{ID} is open\n")


def test_a_refusal_of_one_does_not_keep_the_others_from_being_done(run: Run, api: Loopback, shelf: str) -> None:
    other = str(uuid4())
    api.replies["GET", f"/{shelf}/{other}"] = held(id=other)
    api.replies["POST", f"/{shelf}/{ID}/retry"] = (
        409,
        {"title": "That conflicts", "detail": "It is resolved already."},
    )
    api.replies["POST", f"/{shelf}/{other}/retry"] = held("resolved", id=other, ended_at="2026-11-23T13:00:00Z")
    result = run(shelf, "retry", ID, other, ID, "--reason", "both", "--yes", "--json")
    assert result.exit_code == 1
    told = lines(result)
    assert (told[0]["problem"]["detail"], told[1]["status"], len(told)) == ("It is resolved already.", "resolved", 2)


def test_a_dry_run_shows_what_would_be_done_and_does_nothing(run: Run, api: Loopback, shelf: str) -> None:
    result = run(shelf, "discard", ID, "--reason", "just looking", "--dry-run")
    assert result.exit_code == 0
    assert ID in result.stdout
    assert "nothing was done" in result.stderr
    assert {one.method for one in api.asked} == {"GET"}


@pytest.mark.parametrize(
    "arguments",
    [["--yes"], ["--reason", "  ", "--yes"], ["--reason", "nobody is there to ask"]],
)
def test_without_a_reason_or_a_yes_nothing_is_done(run: Run, api: Loopback, shelf: str, arguments: list[str]) -> None:
    assert run(shelf, "discard", ID, *arguments).exit_code == 2
    assert "POST" not in {one.method for one in api.asked}


def on_a_terminal(arguments: list[str], environment: dict[str, str], answer: bytes = b"") -> tuple[int, str]:
    """Run the command as a person does; what the terminal showed and the exit code."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-c", "from operations.cli import main; main()", *arguments]
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "250", **environment}
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment) as process:
        os.close(theirs)
        os.write(ours, answer)
        told, deadline = b"", time.monotonic() + 20
        while time.monotonic() < deadline:
            if select.select([ours], [], [], 0.1)[0]:
                try:
                    told += os.read(ours, 65536)
                except OSError:  # the other end is closed
                    break
            elif process.poll() is not None:
                break
        code = process.wait(10)
    os.close(ours)
    return code, told.decode()


def test_a_person_is_asked_and_a_no_does_nothing(api: Loopback, environment: dict[str, str], shelf: str) -> None:
    code, told = on_a_terminal([shelf, "discard", ID, "--reason", "not sure"], environment, b"n\n")
    assert code == 1
    assert "Discard 1" in told
    assert "POST" not in {one.method for one in api.asked}


def test_a_terminal_gets_colours_unless_it_asks_for_none(api: Loopback, environment: dict[str, str]) -> None:
    api.replies["GET", "/parked"] = {"items": [held()], "silent": []}
    assert "\x1b[1;31mparked" in on_a_terminal(["parked", "list"], environment)[1]
    plain = on_a_terminal(["parked", "list"], {**environment, "NO_COLOR": "1"})[1]
    assert "parked" in plain
    assert "\x1b[1;31m" not in plain
    assert "31" not in plain.replace(ID, "")
