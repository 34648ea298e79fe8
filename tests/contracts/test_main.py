"""The files are what the code says, and writing them starts nothing."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from contracts import __main__ as subject
from contracts import clients, compatibility, topics
from contracts.cards import HERE


def test_no_file_is_stale() -> None:
    assert subject.stale() == [], "run make contracts"


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("checkout") / "contracts"
    subject.write(folder)
    return folder


def test_what_is_written_is_not_stale(written: Path) -> None:
    assert subject.stale(written) == []


def test_a_file_that_differs_is_lacking_or_is_too_many_is_named_and_put_right(written: Path, tmp_path: Path) -> None:
    shutil.copytree(written.parent / "shared", tmp_path / "shared")
    written = shutil.copytree(written, tmp_path / "contracts")
    api, event, relic, client, relic_client = (
        Path("openapi/referral.json"),
        Path("events/reliefpath.referral.ReferralAccepted.v1.md"),
        Path("events/reliefpath.referral.ReferralForgotten.v1.json"),
        clients.PLACE / "streams.py",
        clients.PLACE / "forgotten.py",
    )
    (written / api).write_text((written / api).read_text() + " ")
    (written / event).unlink()
    (written / relic).write_text("{}")
    shutil.move(written / client, written / relic_client)
    (written / clients.PLACE / "byhand.py").write_text("")
    assert subject.stale(written) == sorted(map(str, (api, event, relic, client, relic_client)))
    subject.write(written)
    assert subject.stale(written) == []
    assert (written / clients.PLACE / "byhand.py").exists()


def test_checking_fails_and_says_what_to_do_when_something_is_stale(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(subject, "stale", lambda: ["../shared/x.py", "asyncapi.json"])
    monkeypatch.setattr(subject, "unrecorded", lambda: [Path("referral/referral.200.json")])
    monkeypatch.setattr(subject, "left_over", lambda: [Path("referral/old.200.json")])
    monkeypatch.setattr(compatibility, "breaches", lambda: ["events/x.json#/y: the field is gone."])
    assert subject.main(["--check"]) == 1
    assert capsys.readouterr().err.splitlines() == [
        "shared/x.py is stale: run `make contracts`",
        "contracts/asyncapi.json is stale: run `make contracts`",
        "contracts/examples/answers/referral/referral.200.json was never recorded: run `make contracts ANSWERS=anew`",
        "contracts/examples/answers/referral/old.200.json is the answer to nothing: run `make contracts ANSWERS=anew`",
        "events/x.json#/y: the field is gone.",
    ]


def test_nothing_is_released_that_would_break_somebody(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    released: list[bool] = []
    monkeypatch.setattr(subject, "write", lambda: None)
    monkeypatch.setattr(compatibility, "release", lambda: released.append(True))
    monkeypatch.setattr(compatibility, "breaches", lambda: ["events/x.json#/y: the field is gone."])
    assert subject.main(["--release"]) == 1
    assert (released, capsys.readouterr().err) == ([], "events/x.json#/y: the field is gone.\n")
    monkeypatch.setattr(compatibility, "breaches", list)
    assert (subject.main(["--release"]), released) == (0, [True])


def test_nothing_is_released_over_what_was_lost(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(subject, "write", lambda: None)
    monkeypatch.setattr(compatibility, "release", lambda: pytest.fail("it released"))
    monkeypatch.setattr(compatibility, "lost", lambda: ["released/asyncapi.json: what was released is not kept."])
    assert subject.main(["--release"]) == 1
    assert "is not kept" in capsys.readouterr().err
    released: list[bool] = []
    monkeypatch.setattr(compatibility, "release", lambda: released.append(True))
    monkeypatch.setattr(compatibility, "RELEASED", tmp_path / "nothing was ever released")
    assert (subject.main(["--release"]), released) == (0, [True])


def test_what_cannot_be_described_leaves_what_there_was(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    subject.write(tmp_path / "contracts")
    before = sorted(tmp_path.rglob("*.json"))
    monkeypatch.setattr(topics, "document", lambda: pytest.fail("it cannot be described"))
    with pytest.raises(pytest.fail.Exception):
        subject.write(tmp_path / "contracts")
    assert sorted(tmp_path.rglob("*.json")) == before != []


ALONE = """
import sys
touched = []
def watch(event, given):
    writes = event == "open" and isinstance(given[1], str) and set(given[1]) & set("wax+")
    if event in {"socket.connect", "socket.bind", "subprocess.Popen"} or writes:
        touched.append((event, str(given[0])))
sys.addaudithook(watch)
from contracts.__main__ import written
count = sum(1 for _ in written())
assert count > 100, count
assert touched == [], touched
"""


def test_importing_the_applications_and_describing_them_does_no_io() -> None:
    alone = {"PATH": "/nowhere", "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run([sys.executable, "-c", ALONE], cwd=HERE.parent, env=alone, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_word_that_is_none_of_its_own_writes_nothing_and_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(subject, "write", lambda: pytest.fail("it wrote"))
    assert subject.main(["--chek"]) == 2
    assert "--check" in capsys.readouterr().err
