"""Bundles are sent as they are, and each is told what was found in it or why it is refused."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from reliefpath.vocabulary import facility_id
from stack.folder import DataFolder
from tests.operations.cli.conftest import Asked, Loopback, lines

Run = Callable[..., Result]
TO = ["--to", "REGIONAL-PAIN", "--reason", "refractory-cancer-pain"]
OPENED = {
    "id": "0192-r",
    "new": True,
    "read_on": "2019-04-01",
    "resources": 812,
    "referral": {"id": "0192-r", "journey": "0192-j", "state": "requested"},
    "facts": [
        {"kind": "pain_score", "display": "Pain severity", "value": 8, "unit": "{score}", "day": "2019-03-01",
         "source": "Observation/o1"},
        {"kind": "pain_score", "value": 7, "source": "Observation/o2"},
        {"kind": "opioid", "code": "1049502", "source": "MedicationRequest/m1"},
    ],
    "not_understood": [{"type": "Observation", "reason": "unit-unknown", "text": "Platelets", "count": 3}],
    "not_used": [{"type": "Claim", "reason": "of-no-use-to-a-referral", "count": 40}],
    "ignored": [{"type": "Encounter", "count": 9}],
    "missing": [
        {"code": "platelets", "message": "There is no platelet count.", "satisfy": "Send one.", "advisory": True},
        {"code": "stage", "message": "The stage is unknown.", "satisfy": "Name it."},
    ],
}  # fmt: skip
DECEASED = {
    "title": "This action may not be taken now",
    "status": 409,
    "errors": [
        {"code": "deceased", "message": "The person is recorded as deceased.", "satisfy": "Nobody can be referred."}
    ],
}


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    file = tmp_path / "one.json"
    file.write_text('{"resourceType": "Bundle"}')
    return file


def test_a_bundle_is_sent_as_it_is_with_what_is_asked_for(run: Run, api: Loopback, bundle: Path) -> None:
    api.replies["POST", "/intake"] = (201, OPENED)
    more = ["--setting", "hospital", "--urgency", "soon", "--as-of", "2019-04-01", "--from", "CITY-ONCOLOGY"]
    assert run("refer", str(bundle), *TO, *more).exit_code == 0
    [asked] = api.asked
    assert asked.body == bundle.read_bytes()
    assert asked.headers["content-type"] == "application/fhir+json"
    assert "content-encoding" not in asked.headers
    assert {name: value for name, [value] in asked.query.items()} == {
        "to": "REGIONAL-PAIN",
        "reason_code": "refractory-cancer-pain",
        "setting": "hospital",
        "urgency": "soon",
        "as_of": "2019-04-01",
        "sender": "CITY-ONCOLOGY",
    }


def test_a_gzipped_bundle_is_sent_gzipped(run: Run, api: Loopback, tmp_path: Path) -> None:
    file = tmp_path / "one.json.gz"
    file.write_bytes(gzip.compress(b"{}"))
    api.replies["POST", "/intake"] = (201, OPENED)
    run("refer", str(file), *TO)
    assert api.asked[0].headers["content-encoding"] == "gzip"
    assert api.asked[0].body == file.read_bytes()


def test_a_person_is_told_what_was_found_what_was_not_understood_and_what_is_missing(
    run: Run, api: Loopback, bundle: Path
) -> None:
    api.replies["POST", "/intake"] = (201, OPENED)
    result = run("refer", str(bundle), *TO)
    told = {line.split("  ")[1]: line for line in result.stdout.splitlines()[1:] if line.startswith("  ")}
    assert "0192-r, requested" in told["referral"]
    assert "0192-j" in told["journey"]
    assert "2019-04-01, 812 resources" in told["read as of"]
    assert "pain score 2, opioid 1" in told["found"]
    assert "3 Observation (Platelets: unit-unknown)" in told["not understood"]
    assert "40 Claim" in told["not used"]
    assert "9 Encounter (dated later)" in told["ignored"]
    assert "useful: There is no platelet count. Send one." in result.stdout
    assert "needed: The stage is unknown. Name it." in result.stdout


def test_every_fact_is_listed_with_its_source_when_asked_for(run: Run, api: Loopback, bundle: Path) -> None:
    api.replies["POST", "/intake"] = (201, OPENED)
    told = run("refer", str(bundle), *TO, "--facts").stdout
    for part in ("Pain severity", "8 {score}", "2019-03-01", "Observation/o1", "1049502", "MedicationRequest/m1"):
        assert part in told


def test_a_bundle_that_was_sent_before_names_the_referral_it_opened(run: Run, api: Loopback, bundle: Path) -> None:
    api.replies["POST", "/intake"] = {**OPENED, "new": False}
    result = run("refer", str(bundle), *TO, "--json")
    assert result.exit_code == 0
    [told] = lines(result)
    assert (told["outcome"], told["referral"], told["found"]) == ("known", "0192-r", {"pain_score": 2, "opioid": 1})


def test_one_refused_bundle_is_told_with_every_reason_and_the_others_are_sent(
    run: Run, api: Loopback, bundle: Path, tmp_path: Path
) -> None:
    replies = [(409, DECEASED), (201, OPENED)]
    api.replies["POST", "/intake"] = lambda _: replies[len(api.asked) - 1]
    other = tmp_path / "two.json"
    other.write_text("{}")
    result = run("refer", str(bundle), str(other), *TO)
    assert result.exit_code == 1
    assert "The person is recorded as deceased. Nobody can be referred." in result.stdout
    summary = [line.split() for line in result.stdout.splitlines()[-2:]]
    assert summary == [["one.json", "refused", "deceased"], ["two.json", "opened", "0192-r", "3", "3", "2"]]


def test_programs_get_the_problem_as_it_came(run: Run, api: Loopback, bundle: Path) -> None:
    api.replies["POST", "/intake"] = (409, DECEASED)
    result = run("refer", str(bundle), *TO, "--json")
    assert result.exit_code == 1
    assert lines(result) == [{"file": str(bundle), "outcome": "refused", "problem": DECEASED}]


def test_each_bundle_has_a_key_of_its_own(run: Run, api: Loopback, bundle: Path) -> None:
    api.replies["POST", "/intake"] = (201, OPENED)
    run("refer", str(bundle), str(bundle), *TO)
    assert len({asked.headers["idempotency-key"] for asked in api.asked}) == 2


def test_a_bundle_may_come_from_standard_input(run: Run, api: Loopback) -> None:
    api.replies["POST", "/intake"] = (201, OPENED)
    assert run("refer", "-", *TO, input=b'{"a": 1}').exit_code == 0
    assert api.asked[0].json == {"a": 1}


def test_a_dry_run_sends_nothing(run: Run, api: Loopback, bundle: Path) -> None:
    assert "would send" in run("refer", str(bundle), *TO, "--dry-run").stdout
    [told] = lines(run("refer", str(bundle), *TO, "--dry-run", "--json"))
    assert (told["outcome"], told["query"]["to"]) == ("would be sent", "REGIONAL-PAIN")
    assert not api.asked


def facilities_of(asked: Asked) -> list[str]:
    """The facilities for which the token of a request acts."""
    claims = asked.headers["authorization"].split(".")[1]
    found: list[str] = json.loads(base64.urlsafe_b64decode(claims + "=="))["facilities"]
    return found


@pytest.mark.parametrize(
    ("more", "sender"), [([], "CITY-ONCOLOGY"), (["--from", "TOWN-HOSPITAL"], "TOWN-HOSPITAL")], ids=["nobody", "named"]
)
def test_a_local_stack_sends_for_whom_is_named_or_for_one_of_its_own_hospitals(
    stack: DataFolder, run: Run, api: Loopback, bundle: Path, more: list[str], sender: str
) -> None:
    listed = [
        ("HOME-EAST", "home_care"),
        ("TOWN-HOSPITAL", "hospital"),
        ("CITY-ONCOLOGY", "hospital"),
        ("A", "hospital"),
    ]
    api.replies["GET", "/facilities"] = [{"code": code, "kind": kind} for code, kind in listed]
    api.replies["POST", "/intake"] = (201, OPENED)
    result = run("refer", str(bundle), "--to", "A", "--reason", "pain", *more)
    assert result.exit_code == 0
    assert facilities_of(api.asked[-1]) == [str(facility_id(sender))]
    assert ("Sent for CITY-ONCOLOGY" in result.stderr) is not bool(more)


def test_a_token_that_was_given_says_itself_whom_it_acts_for(run: Run, api: Loopback, bundle: Path) -> None:
    api.replies["POST", "/intake"] = (201, OPENED)
    run("refer", str(bundle), *TO)
    assert [asked.path for asked in api.asked] == ["/intake"]
    assert "sender" not in api.asked[0].query


@pytest.mark.parametrize(
    "arguments",
    [
        ["/no/such/file", *TO],
        ["BUNDLE", "/", *TO],
        ["BUNDLE", "--to", "X"],
        ["BUNDLE", "--to", "X", "--reason", "Mr Smith cannot sleep"],
        ["BUNDLE", *TO, "--as-of", "yesterday"],
        ["BUNDLE", *TO, "--setting", "street"],
    ],
)
def test_wrong_usage_sends_nothing(run: Run, api: Loopback, bundle: Path, arguments: list[str]) -> None:
    assert run("refer", *[str(bundle) if one == "BUNDLE" else one for one in arguments]).exit_code == 2
    assert not api.asked


def test_when_the_service_is_away_it_says_so(run: Run, bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RELIEFPATH_URL_REFERRAL", "http://127.0.0.1:9")
    result = run("refer", str(bundle), *TO)
    assert (result.exit_code, result.stdout) == (3, "")


def test_an_answer_that_lacks_what_was_promised_is_shown_as_far_as_it_goes(
    run: Run, api: Loopback, bundle: Path
) -> None:
    partial: dict[str, Any] = json.loads(json.dumps({"id": "0192-r"}))
    api.replies["POST", "/intake"] = (201, partial)
    result = run("refer", str(bundle), *TO)
    assert result.exit_code == 0
    assert "nothing a referral can use" in result.stdout
