"""The command finds the APIs and a token, and says plainly when it does not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from operations.cli.api import LocalStack, operations
from operations.cli.api import run as work
from operations.cli.failure import Failure, Refused, Unreachable
from stack.folder import DataFolder
from stack.keys import Keys
from tests.operations.cli.conftest import Loopback, lines

Run = Callable[..., Result]


def test_the_token_and_the_address_come_from_the_environment(run: Run, api: Loopback) -> None:
    api.replies["GET", "/counts"] = {"counts": []}
    assert run("counts", "--json").exit_code == 0
    assert api.asked[0].headers["authorization"] == "Bearer secret"


def test_without_settings_both_come_from_the_stack_that_runs_in_this_checkout(
    stack: DataFolder, run: Run, api: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RELIEFPATH_URL_OPERATIONS")
    api.replies["GET", "/counts"] = {"counts": []}
    assert run("counts", "--json").exit_code == 0
    scheme, token = api.asked[0].headers["authorization"].split()
    assert (scheme, token.count(".")) == ("Bearer", 2)
    assert Keys(stack.keys).jwks.exists()


def test_the_local_stacks_key_signs_nothing_for_another_address(
    stack: DataFolder, run: Run, api: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RELIEFPATH_URL_OPERATIONS", "http://127.0.0.1:9")
    result = run("counts")
    assert result.exit_code == 2
    assert "RELIEFPATH_TOKEN is not set" in result.stderr
    assert not stack.keys.exists()


def test_when_nothing_runs_it_says_how_to_start_it(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RELIEFPATH_URL_OPERATIONS")
    result = run("counts")
    assert result.exit_code == 3
    assert "make run" in result.stderr


def test_a_state_file_that_cannot_be_read_is_as_none(tmp_path: Path) -> None:
    for text in ("", "[]", "{}", '{"clients": 3}'):
        (tmp_path / "stack.json").write_text(text)
        assert LocalStack.find({"RELIEFPATH_DATA": str(tmp_path)}) is None


def test_an_api_that_is_not_there_is_unreachable(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RELIEFPATH_URL_OPERATIONS", "http://127.0.0.1:9")
    result = run("counts")
    assert (result.exit_code, result.stdout) == (3, "")
    assert "http://127.0.0.1:9 does not answer" in result.stderr


@pytest.mark.parametrize("address", ["not an address", "http://[::1", "ftp://x"])
def test_an_address_that_is_none_is_said_to_be_none(run: Run, monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setenv("RELIEFPATH_URL_OPERATIONS", address)
    result = run("counts")
    assert result.exit_code in {2, 3}
    assert result.stderr.startswith("reliefpath: ")


@pytest.mark.parametrize(
    ("reply", "failure"),
    [
        ((200, b"<html>"), Unreachable),
        ((302, {}), Unreachable),
        ((502, b"bad gateway"), Unreachable),
        ((503, b"away"), Unreachable),
        ((503, {"title": "Not possible just now"}), Refused),
        ((401, {"title": "A valid token is needed"}), Refused),
        ((500, b"oops"), Refused),
    ],
)
def test_an_answer_is_told_apart_from_what_only_looks_like_one(
    run: Run, api: Loopback, reply: tuple[int, object], failure: type[Failure]
) -> None:
    api.replies["GET", "/counts"] = reply
    with pytest.raises(failure):
        work(counts())


async def counts() -> object:
    """Somebody asks the API that answers what the test says."""
    async with operations() as found:
        return await found.counts()


def test_what_may_not_have_arrived_is_sent_again_under_its_key(run: Run, api: Loopback) -> None:
    path = "/lag/referral/reliefpath.scheduling/3/restart"
    replies = [(503, {"title": "Not possible just now"}), (200, {"next": 0})]
    api.replies["POST", path] = lambda _: replies[len(api.asked) - 1]
    assert run("restart", "referral", "reliefpath.scheduling", "3", "--reason", "it was re-created").exit_code == 0
    assert len({asked.headers["idempotency-key"] for asked in api.asked}) == 1


def test_pages_are_followed_until_there_are_enough(run: Run, api: Loopback) -> None:
    def page(asked: object) -> dict[str, object]:
        first = int(asked.query.get("cursor", ["0"])[0])  # type: ignore[attr-defined]  # an Asked
        limit = int(asked.query["limit"][0])  # type: ignore[attr-defined]  # an Asked
        return {"items": [{"journey": str(one)} for one in range(first, first + limit)], "next": str(first + limit)}

    api.replies["GET", "/journeys"] = page
    found = lines(run("journeys", "--limit", "450", "--json"))
    assert [asked.query["limit"] for asked in api.asked] == [["200"], ["200"], ["50"]]
    assert [one["journey"] for one in found] == [str(one) for one in range(450)]
