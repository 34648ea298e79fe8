"""What a person asks of the stack."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from reliefpath.vocabulary import facility_id
from stack import commands
from stack.commands import demo, down, main, status, up
from stack.failure import Failure
from stack.folder import State
from stack.plan import Plan
from tests.support.processes import environment
from tests.support.standins import StandInPlan, StandInStack, alive, free_span


def test_run_plays_the_demo_shows_the_card_and_stays_until_ctrl_c(tmp_path: Path) -> None:
    running = StandInStack(tmp_path / "var")
    told = running.told("running 00:")
    running.signal(signal.SIGINT)
    code, rest = running.ended()
    assert code == 0
    order = [
        "services 8 of 8",
        "25 patients went the whole way",
        "addresses",
        "tokens",
        "running 00:",
        "stopped everything",
    ]
    assert [(told + rest).index(words) for words in order] == sorted((told + rest).index(words) for words in order)


def test_a_demo_that_fails_is_told_and_makes_run_end_with_failure(tmp_path: Path) -> None:
    running = StandInStack(tmp_path / "var", broken="demo")
    assert "The demo ended with code 3: see above" in running.told("running 00:")
    running.signal(signal.SIGINT)
    assert running.ended()[0] == 1


def test_a_failure_is_one_sentence_and_no_traceback(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status"], {"RELIEFPATH_PORT": "nonsense"}) == 1
    told = capsys.readouterr().err
    assert told.startswith("RELIEFPATH_PORT is 'nonsense'")
    assert "Traceback" not in told


def test_a_folder_of_another_user_is_refused_with_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(plan: Plan) -> int:
        raise PermissionError(13, "Permission denied", str(plan.folder.path / "stack.lock"))

    monkeypatch.setattr(commands, "down", denied)
    assert main(["down"], {"RELIEFPATH_DATA": str(tmp_path)}) == 1
    assert f"{tmp_path}/stack.lock may not be used by this account" in capsys.readouterr().err


def test_where_nothing_runs_status_says_how_to_start(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status"], {"RELIEFPATH_DATA": str(tmp_path)}) == 1
    assert f"Nothing runs from {tmp_path}: start it with make run or make up." in capsys.readouterr().out


def test_where_nothing_runs_the_demo_says_how_to_start(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo"], {"RELIEFPATH_DATA": str(tmp_path)}) == 1
    assert "Reliefpath is not running: start it with make up" in capsys.readouterr().err


def test_where_nothing_runs_there_is_nothing_to_stop(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["down"], {"RELIEFPATH_DATA": str(tmp_path)}) == 0
    assert f"Nothing runs from {tmp_path}." in capsys.readouterr().out


def test_while_a_stack_starts_the_demo_is_asked_to_wait(tmp_path: Path) -> None:
    plan = StandInPlan.beside(tmp_path)
    with plan.folder.hold("up"):
        plan.folder.tell(State(os.getpid(), "up", plan.ports.base, time.time()))
        with pytest.raises(Failure, match="not ready yet: wait for it, then make demo"):
            demo(plan)


def test_up_where_it_already_is_up_shows_where(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan = StandInPlan.beside(tmp_path)
    with plan.folder.hold("up"):
        plan.folder.tell(State(os.getpid(), "up", 9400, time.time(), ready=True))
        assert up(plan) == 0
    told = capsys.readouterr().out
    assert f"already runs from {tmp_path}" in told
    assert "http://127.0.0.1:9400" in told


def test_status_shows_every_process_and_whether_it_is_ready(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    running = StandInStack(tmp_path / "var")
    running.ready()
    assert status(running.plan) == 0
    shown = capsys.readouterr().out
    for service in running.plan.addresses:
        assert re.search(rf"{service}-api +{running.plan.ports.api(service)} +\d+ +0  00:00:\d\d  yes", shown)
    assert re.search(r"\d+ processes, \d+ MB; make run, process \d+; logs in ", shown)
    running.signal(signal.SIGINT)
    running.ended()


def test_down_stops_a_stack_however_it_was_started(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    running = StandInStack(tmp_path / "var")
    pids = [part.pid for part in running.ready().parts]
    assert down(running.plan) == 0
    assert "Stopped everything that ran from" in capsys.readouterr().out
    assert running.ended()[0] == 0
    assert len(pids) == 8
    assert not any(alive(pid) for pid in pids)


def test_a_token_is_alone_on_standard_output(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    environ = {"RELIEFPATH_DATA": str(tmp_path)}
    asked = ["token", "referrer", "--subject", "dr-a", "--facility", "north", "--hours", "2"]
    assert main(asked, environ) == 0
    keys = Plan.of(environ).keys
    signed = capsys.readouterr().out.strip()
    told = jwt.decode(signed, _public(keys.jwks), algorithms=["ES256"])
    assert told.claims["sub"] == "dr-a"
    assert told.claims["facilities"] == [str(facility_id("north"))]
    assert told.claims["exp"] - told.claims["iat"] == 7200


def _public(jwks: Path) -> KeySet:
    return KeySet.import_key_set(json.loads(jwks.read_text()))


@pytest.mark.parametrize(
    ("asked", "environ", "sentence"),
    [
        ([], {}, "Name a role: make token ROLE=coordinator (one of referrer,"),
        (["surgeon"], {}, "There is no role 'surgeon': make token ROLE=coordinator (one of referrer,"),
        (["coordinator", "--hours", "0"], {}, "HOURS=0: a token lives for more than 0 hours"),
        (["coordinator", "--hours", "long"], {}, "HOURS=long: a token lives for more than 0 hours"),
        (["patient"], {}, "A patient's token shows one journey: make token ROLE=patient JOURNEY=ID"),
        (["patient", "--journey", "mine"], {}, "A patient's token shows one journey: make token"),
        (["coordinator"], {"RELIEFPATH_JWKS": "https://id.example"}, "Tokens come from your own identity provider"),
    ],
)
def test_a_token_that_cannot_be_made_is_refused_with_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], asked: list[str], environ: dict[str, str], sentence: str
) -> None:
    assert main(["token", *asked], {"RELIEFPATH_DATA": str(tmp_path), **environ}) == 1
    told = capsys.readouterr().err
    assert told.startswith(sentence)
    assert told.count("\n") == 1


def test_a_token_of_a_patient_shows_the_journey_that_was_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    environ, journey = {"RELIEFPATH_DATA": str(tmp_path)}, "01a20a88-3a9e-7c55-9d5c-0d2f8f4f0a11"
    assert main(["token", "patient", "--journey", journey], environ) == 0
    signed = capsys.readouterr().out.strip()
    told = jwt.decode(signed, _public(Plan.of(environ).keys.jwks), algorithms=["ES256"])
    assert (told.claims["journey"], told.claims["facilities"]) == (journey, [])


def stack(command: str, environ: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """`make up` and the like, as a person runs them."""
    return subprocess.run([sys.executable, "-m", "stack", command], env=environ, capture_output=True, text=True)


def state_of(environ: dict[str, str]) -> State:
    state = Plan.of(environ).folder.state()
    assert state is not None
    return state


def await_end(pids: list[int]) -> None:
    deadline = time.monotonic() + 10
    while any(alive(pid) for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(alive(pid) for pid in pids)


@pytest.mark.journey
@pytest.mark.timeout(400)
def test_a_stack_in_the_background_survives_its_terminal_not_its_supervisor_and_comes_back_with_its_data(
    open_folder: Path,
) -> None:
    environ = environment(data=open_folder / "var", port=free_span())
    try:
        started = stack("up", environ)
        assert started.returncode == 0, started.stdout + started.stderr
        for words in (
            "PostgreSQL 18",
            "Apache Kafka 4",
            "migrations of 4",
            "services 8 of 8",
            "tokens, at HOME-EAST, HOME-WEST, ONCOLOGY, PAIN-CENTRE, PAIN-CLINIC",
            "make down stops",
        ):
            assert words in started.stdout
        shown = stack("status", environ)
        assert (shown.returncode, shown.stdout.count(" yes\n")) == (0, 10)

        again = stack("run", environ)
        assert again.returncode == 1
        assert "already runs" in again.stderr

        before = state_of(environ)
        os.kill(before.pid, signal.SIGKILL)
        await_end([before.pid, *(part.pid for part in before.parts)])
        assert "Nothing runs" in stack("status", environ).stdout

        second = stack("up", environ)
        assert second.returncode == 0, second.stdout + second.stderr
        assert "migrations" not in second.stdout
        running = [part.pid for part in state_of(environ).parts]
    finally:
        ended = stack("down", environ)
    assert ended.returncode == 0
    assert "Stopped everything" in ended.stdout
    await_end(running)
