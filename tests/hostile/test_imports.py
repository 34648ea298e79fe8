"""Whatever is imported, a bundle, a facility, a resource, a clock or a file, is taken, or refused with its reasons."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import httpx2
import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from operations.cli import app
from reliefpath.vocabulary import Role, facility_id
from stack.keys import Keys
from tests.hostile.oddities import RAW, VALUES, as_json, places, replaced, spoilt
from tests.support.bundles import PATIENT, bundle, condition, dosage, medication, observation, pain, patient

SENDER, RECEIVER = "oncology-north", "pain-centre"
ASKED: Final = {"to": RECEIVER, "sender": SENDER, "reason_code": "refractory-cancer-pain", "setting": "outpatient"}

SOMEBODY: Final = patient(identifier=[{"system": "https://oncology-north.example", "value": "synthetic-1"}])

CYCLIC: Final = bundle(
    SOMEBODY,
    condition("Carcinoma of pancreas", id="c1", evidence=[{"detail": [{"reference": "Condition/c1"}]}]),
    medication(
        "Morphine",
        id="m1",
        medicationCodeableConcept=None,
        medicationReference={"reference": "#d"},
        contained=[
            {"resourceType": "Medication", "id": "d", "ingredient": [{"itemReference": {"reference": "#e"}}]},
            {"resourceType": "Medication", "id": "e", "ingredient": [{"itemReference": {"reference": "#d"}}]},
        ],
    ),
    {
        "resourceType": "ServiceRequest",
        "id": "s1",
        "reasonReference": [{"reference": "ServiceRequest/s2"}],
        "contained": [{"resourceType": "ServiceRequest", "id": "s3", "reasonReference": [{"reference": "#s3"}]}],
    },
    {"resourceType": "ServiceRequest", "id": "s2", "reasonReference": [{"reference": "ServiceRequest/s1"}]},
    {
        "resourceType": "Bundle",
        "id": "b1",
        "entry": [{"fullUrl": "urn:uuid:b1", "resource": {"resourceType": "Bundle"}}],
    },
    with_patient=False,
)
"""Everything refers to itself, or to what refers to it."""

RICH: Final = bundle(
    SOMEBODY,
    condition("Carcinoma of pancreas, stage IV", id="c1", onsetDateTime="2026-01-10"),
    pain(7, "2026-11-15"),
    medication("Morphine Sulfate 30 MG", dosageInstruction=[dosage(1, None, 2, 1, "d")]),
    observation("777-3", 180, "10*3/uL", id="platelets"),
    {"resourceType": "AllergyIntolerance", "id": "a", "code": {"text": "Latex"}, "patient": {"reference": PATIENT}},
    with_patient=False,
)

Send = Callable[..., httpx2.Response]


@pytest.fixture
def send(addresses: dict[str, str], keys: Keys) -> Iterator[Send]:
    """Send bytes to an import as somebody who may import."""
    facilities = [facility_id(SENDER), facility_id(RECEIVER)]
    tokens = {
        "referral": keys.token(Role.REFERRER, "referrer-1", facilities),
        "scheduling": keys.token(Role.OPERATIONS, "operations-1", ["*"]),
    }

    with httpx2.Client(timeout=30, trust_env=False) as client:

        def sent(service: str, method: str, path: str, content: bytes, **query: str) -> httpx2.Response:
            headers = {
                "Authorization": f"Bearer {tokens[service]}",
                "Idempotency-Key": str(uuid4()),
                "If-Match": "*",
                "Content-Type": "application/json",
            }
            return client.request(method, addresses[service] + path, params=query, content=content, headers=headers)

        yield sent


def is_answered_well(answer: httpx2.Response) -> None:
    """It was taken, or refused as a problem that names at least one reason."""
    shown = json.loads(answer.content)
    if answer.status_code >= 400:
        assert answer.status_code < 500, shown
        assert answer.headers["content-type"] == "application/problem+json"
        assert shown["errors"] != [] or answer.status_code in {404, 409}
    else:
        assert answer.status_code in {200, 201}


IMPORTS: Final = {
    "intake": ("referral", "POST", "/intake", ASKED),
    "facility": ("scheduling", "POST", "/facilities", {}),
    "facility changed": ("scheduling", "PUT", f"/facilities/{facility_id(RECEIVER)}", {}),
    "resource": ("scheduling", "POST", f"/facilities/{facility_id(RECEIVER)}/resources", {}),
    "clock": ("scheduling", "PUT", "/development/clock", {}),
}


@pytest.mark.parametrize("what", RAW)
@pytest.mark.parametrize("kind", IMPORTS)
def test_a_body_that_is_not_what_was_asked_for_is_refused_with_its_reasons(send: Send, kind: str, what: str) -> None:
    service, method, path, query = IMPORTS[kind]
    answer = send(service, method, path, RAW[what], **query)
    is_answered_well(answer)
    assert answer.status_code >= 400


GIVEN: Final[dict[str, dict[str, Any]]] = {
    "facility": {"code": "odd", "kind": "clinic", "capabilities": ["a"], "accepting": True, "timezone": "UTC"},
    "facility changed": {"kind": "hospital", "name": None, "capabilities": [], "accepting": True, "timezone": "UTC"},
    "resource": {
        "code": "odd", "kind": "room", "label": "x", "capabilities": [], "active": True,
        "hours": [{"weekday": 1, "opens": "08:00", "closes": "16:00"}],
    },
    "clock": {"shift_seconds": 0},
}  # fmt: skip


@pytest.mark.parametrize("kind", GIVEN)
def test_a_directory_or_a_clock_that_is_odd_in_any_place_is_taken_or_refused(send: Send, kind: str) -> None:
    service, method, path, query = IMPORTS[kind]
    for place in places(GIVEN[kind]):
        for odd in VALUES:
            is_answered_well(send(service, method, path, as_json(replaced(GIVEN[kind], place, odd)), **query))


def test_a_bundle_that_is_odd_in_any_place_is_taken_or_refused(send: Send) -> None:
    statuses: Counter[int] = Counter()

    @seed(20261128)
    @settings(max_examples=150, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(spoilt(RICH) | spoilt(CYCLIC) | st.just(CYCLIC))
    def is_sent(odd: Any) -> None:
        answer = send("referral", "POST", "/intake", about_somebody(as_json(odd)), **ASKED)
        is_answered_well(answer)
        statuses[answer.status_code] += 1

    is_sent()
    assert statuses[201] > 50, statuses


@pytest.mark.parametrize("odd", ["x\ud800", "a\x00b"])
def test_what_no_database_can_keep_is_taken_out_of_a_bundle_or_the_bundle_is_refused(send: Send, odd: str) -> None:
    for place in places(RICH):
        is_answered_well(
            send("referral", "POST", "/intake", about_somebody(as_json(replaced(RICH, place, odd))), **ASKED)
        )


def about_somebody(content: bytes) -> bytes:
    """The same bundle about another person: a second one about the first would be refused before it is kept."""
    return content.replace(b"synthetic-1", str(uuid4()).encode())


def test_numbers_beyond_all_measure_are_not_understood_and_the_rest_is_read(send: Send) -> None:
    content = (
        as_json(RICH)
        .replace(b'"value": 180', b'"value": 1e309')
        .replace(b'"value": 7,', b'"value": %b,' % (b"9" * 400))
    )
    answer = send("referral", "POST", "/intake", about_somebody(content), **ASKED)
    is_answered_well(answer)
    assert answer.status_code == 201, answer.text
    assert [one["kind"] for one in answer.json()["facts"]].count("pain_score") == 0


@pytest.mark.parametrize("what", [*RAW, "half a gzip", "gzip of none", "gzip of gzip"])
def test_a_file_that_is_no_bundle_is_told_to_whoever_sends_it(
    addresses: dict[str, str], keys: Keys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    whole = gzip.compress(as_json(RICH))
    others = {
        "half a gzip": whole[: len(whole) // 2],
        "gzip of none": gzip.compress(b""),
        "gzip of gzip": gzip.compress(whole),
    }
    file = tmp_path / "bundle.json"
    file.write_bytes({**RAW, **others}[what])
    monkeypatch.setenv("RELIEFPATH_URL_REFERRAL", addresses["referral"])
    monkeypatch.setenv("RELIEFPATH_TOKEN", keys.token(Role.REFERRER, "referrer-1", [facility_id(SENDER)]))
    monkeypatch.setenv("RELIEFPATH_DATA", str(tmp_path))
    told = CliRunner().invoke(app, ["refer", str(file), "--to", RECEIVER, "--reason", "refractory-cancer-pain"])
    assert isinstance(told.exception, SystemExit), told.exception
    assert told.exit_code == 1, told.output
    assert str(file) in told.output.replace("\n", "")
    assert "Traceback" not in told.output
