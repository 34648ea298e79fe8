"""The pieces of FHIR resources, read from whatever stands in their place."""

from __future__ import annotations

import math

import pytest

from referral.intake.elements import (
    LONGEST_TEXT,
    child,
    children,
    code_of,
    concept,
    concepts,
    number,
    quantity,
    resource_id,
    resource_type,
    text,
    texts,
    words,
)


def test_text_is_freed_of_what_no_column_takes_and_cut_to_length() -> None:
    assert text(" Plate\u200blets\x00\ud800 ") == "Platelets"
    assert text("   ") is None
    assert text(3) is None
    assert len(text("x" * 10_000) or "") == LONGEST_TEXT


def test_words_are_compared_without_case_or_spacing() -> None:
    assert words("Non-Small  CELL\n Carcinoma") == "non-small cell carcinoma"


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        (7, 7.0),
        (7.5, 7.5),
        ("7.5", 7.5),
        (True, None),
        (None, None),
        ("seven", None),
        (math.nan, None),
        (10**400, None),
    ],
)
def test_a_number_is_finite_or_none(given: object, meant: float | None) -> None:
    assert number(given) == meant


def test_a_missing_path_is_an_empty_object() -> None:
    assert child({"a": {"b": {"c": 1}}}, "a", "b") == {"c": 1}
    assert child({"a": [1]}, "a", "b") == {}


def test_a_lone_object_or_text_counts_as_a_list_of_one() -> None:
    assert children({"a": {"b": 1}}, "a") == [{"b": 1}]
    assert children({"a": [{"b": 1}, 2, None]}, "a") == [{"b": 1}]
    assert children({"a": 3}, "a") == []
    assert texts({"given": "Jane"}, "given") == ("Jane",)
    assert texts({"given": ["Jane", 3, "Q"]}, "given") == ("Jane", "Q")


def test_a_type_or_id_that_is_malformed_is_none() -> None:
    assert resource_type({"resourceType": "Condition"}) == "Condition"
    assert resource_type({"resourceType": ["Condition"]}) == "?"
    assert resource_type({"resourceType": "<script>"}) == "?"
    assert resource_id({"id": "a-1"}) == "a-1"
    assert resource_id({"id": "a b"}) is None


def test_a_concept_is_read_from_a_concept_a_coding_or_words() -> None:
    whole = concept(
        {"coding": [{"system": "http://loinc.org", "code": "777-3", "display": "Count"}], "text": "Platelets"}
    )
    assert (whole.first.code, whole.label, whole.labels) == ("777-3", "Platelets", ("platelets", "count"))
    assert list(whole.codes("loinc")) == ["777-3"]
    assert list(whole.codes("rxnorm")) == []
    assert concept({"code": "x", "display": "Y"}).label == "Y"
    assert concept("Pain").label == "Pain"
    assert not concept({"coding": [3, {}], "text": 4})
    assert not concept(None)
    assert [one.label for one in concepts({"category": ["A", {"text": "B"}, 3]}, "category")] == ["A", "B"]


def test_a_status_is_a_code_or_the_first_code_of_a_concept() -> None:
    assert code_of({"s": "Active"}, "s") == "active"
    assert code_of({"s": {"coding": [{"code": "Resolved"}]}}, "s") == "resolved"
    assert code_of({}, "s") is None


def test_a_quantity_prefers_its_coded_unit() -> None:
    read = quantity({"value": "3", "unit": "thousand", "code": "10*3/uL", "comparator": "<"})
    assert (read.value, read.unit, read.comparator) == (3, "10*3/uL", "<")
    assert quantity(4).value == 4
    assert quantity("much").value is None
