"""A bundle as it arrives, and the few things that make it unusable."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from typing import Any

import pytest

from referral.intake.bundle import (
    DEEPEST,
    TooLarge,
    UnreadableBundle,
    fingerprint,
    gunzip_bounded,
    parse,
    unpack,
)
from tests.support.bundles import PATIENT, bundle, condition, observation, pain, patient, raw


def codes(refused: pytest.ExceptionInfo[UnreadableBundle]) -> list[str]:
    return [reason.code for reason in refused.value.reasons]


@pytest.mark.parametrize("given", [b"", b"{", b"\xff\xfe\x00", b'{"a": NaN}', b"\x00", b"9" * 5000])
def test_what_is_not_json_is_refused(given: bytes) -> None:
    with pytest.raises(UnreadableBundle) as refused:
        parse(given)
    assert codes(refused) == ["not-json"]


@pytest.mark.parametrize(
    "given", [b"[]", b"null", b'"Bundle"', b"{}", b'{"resourceType": "Patient"}', b'{"resourceType": 3}']
)
def test_what_is_not_a_bundle_is_refused(given: bytes) -> None:
    with pytest.raises(UnreadableBundle) as refused:
        parse(given)
    assert codes(refused) == ["not-a-bundle"]


@pytest.mark.parametrize("levels", [DEEPEST + 1, 5_000, 200_000])
def test_absurd_nesting_is_refused(levels: int) -> None:
    nested = b'{"resourceType": "Bundle", "entry": ' + b"[" * levels + b"]" * levels + b"}"
    with pytest.raises(UnreadableBundle) as refused:
        parse(nested)
    assert codes(refused) == ["too-deep"]


def test_a_dictionary_that_could_not_be_json_is_refused() -> None:
    with pytest.raises(UnreadableBundle):
        fingerprint({"resourceType": "Bundle", "entry": [{"resource": {"a": object()}}]})


def test_the_same_bundle_has_the_same_fingerprint_however_it_is_written() -> None:
    first = bundle(condition("Cancer"), pain(7, "2026-01-01"))
    again = json.loads(json.dumps(first, indent=3))
    again["entry"].reverse()
    again.update(id="another-export", timestamp="2026-11-24T00:00:00Z", link=[])
    assert fingerprint(again) == fingerprint(first)


def test_another_bundle_has_another_fingerprint() -> None:
    assert fingerprint(bundle(pain(7, "2026-01-01"))) != fingerprint(bundle(pain(8, "2026-01-01")))


def test_resources_are_found_by_url_by_id_and_inside_others() -> None:
    order: dict[str, Any] = {
        "resourceType": "MedicationRequest",
        "id": "m",
        "contained": [{"resourceType": "Medication", "id": "drug"}],
    }
    contents = unpack(bundle(condition("Cancer", id="c"), order))
    found = {resource.source: resource for resource in contents.resources}
    within = found["MedicationRequest/m"]
    for reference in ("urn:uuid:c", "Condition/c", "Condition/c/_history/2"):
        resolved = contents.resolve({"reference": reference}, within)
        assert resolved is not None
        assert resolved.source == "Condition/c"
    held = contents.resolve({"reference": "#drug"}, within)
    assert held is not None
    assert held.type == "Medication"
    for nowhere in ("#none", "Condition/none", None, 3):
        assert contents.resolve({"reference": nowhere}, within) is None


def test_a_resource_without_an_id_is_named_by_its_url_or_by_what_it_says() -> None:
    nameless = {"resourceType": "Condition", "code": {"text": "Cancer"}}
    by_url = {"resourceType": "Bundle", "entry": [{"fullUrl": "urn:uuid:abc", "resource": nameless}]}
    assert [one.source for one in unpack(by_url).resources] == ["Condition/abc"]
    twice = {"resourceType": "Bundle", "entry": [{"resource": nameless}, {"resource": dict(nameless)}]}
    contents = unpack(twice)
    assert len(contents.resources) == 1
    assert len(contents.superseded) == 1


def test_only_the_newest_version_of_a_resource_is_read() -> None:
    versions = [pain(score, "2026-01-01", id="p") | {"meta": {"versionId": str(score)}} for score in (9, 10, 2)]
    contents = unpack(bundle(*versions))
    (kept,) = [one for one in contents.resources if one.type == "Observation"]
    assert kept.body["valueQuantity"]["value"] == 10
    assert len(contents.superseded) == 2


def test_two_servers_may_give_the_same_id_to_different_things() -> None:
    entries = [
        {"fullUrl": f"https://{host}/Observation/1", "resource": pain(7, "2026-01-01", id="1")} for host in ("a", "b")
    ]
    assert len(unpack({"resourceType": "Bundle", "entry": entries}).resources) == 2


def test_bundles_in_bundles_are_unpacked_and_oddities_are_noted() -> None:
    given = bundle(bundle(pain(7, "2026-01-01"), with_patient=False))
    given["entry"] += [3, {"fullUrl": "x"}, {"request": {"method": "DELETE"}, "resource": pain(1, "2026-01-02")}]
    contents = unpack(given)
    assert sorted(one.source for one in contents.resources) == ["Observation/pain-2026-01-01", f"Patient/{PATIENT}"]
    assert sorted(contents.odd) == ["deletion", "entry", "entry-without-resource"]
    assert unpack({"resourceType": "Bundle", "entry": "none"}).odd == ["entry-list"]


def test_a_contained_patient_is_no_second_patient() -> None:
    holder = observation("777-3", 1, contained=[patient(id="p2")])
    assert [one.type for one in unpack(bundle(holder)).resources] == ["Patient", "Observation"]


def chunks(data: bytes, size: int) -> Iterator[bytes]:
    for start in range(0, len(data), size):
        yield data[start : start + size]


@pytest.mark.parametrize("size", [1, 7, 1000, 1_000_000])
def test_a_gzip_stream_is_unpacked_whatever_the_size_of_its_pieces(size: int) -> None:
    content = raw(
        bundle(*(pain(number % 10, f"2026-01-{number % 28 + 1:02}", id=f"o{number}") for number in range(300)))
    )
    assert b"".join(gunzip_bounded(chunks(gzip.compress(content), size), len(content))) == content


def test_several_members_and_padding_are_one_stream() -> None:
    packed = gzip.compress(b"one ") + gzip.compress(b"two") + b"\0" * 20
    assert b"".join(gunzip_bounded(chunks(packed, 5), 100)) == b"one two"


def test_a_gzip_bomb_is_stopped_while_it_unpacks() -> None:
    bomb = gzip.compress(b"\0" * 50_000_000)
    taken: list[int] = []
    with pytest.raises(TooLarge):
        taken.extend(len(piece) for piece in gunzip_bounded(chunks(bomb, 1024), 1_000_000))
    assert sum(taken) <= 1_000_000
    assert max(taken, default=0) <= 65536


@pytest.mark.parametrize(
    "spoilt", [b"no gzip at all", gzip.compress(b"x" * 1000, mtime=0)[:-5], gzip.compress(b"x", mtime=0) + b"rubbish"]
)
def test_a_spoilt_gzip_stream_is_refused(spoilt: bytes) -> None:
    with pytest.raises(UnreadableBundle) as refused:
        b"".join(gunzip_bounded([spoilt], 10_000))
    assert codes(refused) == ["not-gzip"]
