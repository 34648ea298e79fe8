"""Bundles: valid FHIR R4, clearly of nobody, and read by intake without anything lacking that is essential."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from fhir.resources.R4B.bundle import Bundle

from simulator.bundles import IDENTIFIER_SYSTEM, TEST_DATA, bundle_of
from simulator.patients import generate
from simulator.pictures import PANCREAS, PICTURES, Picture

TODAY = datetime(2026, 11, 23, 7, tzinfo=UTC)


@pytest.mark.parametrize("picture", PICTURES, ids=lambda picture: picture.name)
def test_a_bundle_is_valid_fhir(picture: Picture) -> None:
    Bundle.model_validate(bundle_of(generate(1, 1, picture, anticoagulated=True), "run", TODAY))


def test_the_same_patient_has_the_same_bundle_within_a_run() -> None:
    bundles = [json.dumps(bundle_of(generate(1, 1, PANCREAS), "run", TODAY)) for _ in range(2)]
    assert bundles[0] == bundles[1]


def test_another_run_makes_another_person_of_the_same_patient() -> None:
    patient = generate(1, 1, PANCREAS)
    first, second = (bundle_of(patient, run, TODAY) for run in ("first", "second"))
    ids = [{entry["resource"]["id"] for entry in bundle["entry"]} for bundle in (first, second)]
    assert ids[0].isdisjoint(ids[1])


def test_every_resource_carries_the_mark_of_test_data() -> None:
    bundle = bundle_of(generate(1, 1, PANCREAS), "run", TODAY)
    assert all(entry["resource"]["meta"]["tag"] == [TEST_DATA] for entry in bundle["entry"])


def test_the_identifier_says_that_the_simulator_made_it() -> None:
    person = bundle_of(generate(1, 1, PANCREAS), "run", TODAY)["entry"][0]["resource"]
    assert person["identifier"] == [{"system": IDENTIFIER_SYSTEM, "value": "SIM-run-01"}]


def test_every_reference_is_to_the_patient_of_the_bundle() -> None:
    bundle = bundle_of(generate(1, 1, PANCREAS), "run", TODAY)
    patient, *others = bundle["entry"]
    assert {entry["resource"]["subject"]["reference"] for entry in others} == {patient["fullUrl"]}


def test_nothing_is_dated_after_the_day_it_is_sent() -> None:
    bundle = bundle_of(generate(1, 1, PANCREAS, anticoagulated=True), "run", TODAY)
    dated = ("effectiveDateTime", "authoredOn", "onsetDateTime")
    times = [datetime.fromisoformat(entry["resource"][name]) for entry in bundle["entry"] for name in dated
             if name in entry["resource"]]  # fmt: skip
    assert len(times) == len(bundle["entry"]) - 1
    assert all(TODAY - timedelta(days=401) <= time <= TODAY for time in times)


def test_a_forgotten_measure_is_left_out_and_nothing_else() -> None:
    patient = generate(1, 1, PANCREAS)
    whole, lacking = bundle_of(patient, "run", TODAY), bundle_of(patient, "run", TODAY, ["ecog"])
    assert len(lacking["entry"]) == len(whole["entry"]) - 1
    assert "ECOG" not in json.dumps(lacking)
