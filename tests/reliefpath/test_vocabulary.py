"""The words: codes that never hold a sentence, and ids that are the same everywhere."""

from __future__ import annotations

from datetime import UTC, date, datetime
from enum import StrEnum
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from reliefpath import vocabulary
from reliefpath.vocabulary import Code, Day, Instant, Percent, Score, facility_id

CODE, SCORE, PERCENT = TypeAdapter(Code), TypeAdapter(Score), TypeAdapter(Percent)


@pytest.mark.parametrize("code", ["a", "north-clinic", "B01AB05", "loinc:72514-3", "x" * 80, "visit-place@1"])
def test_a_code_may_be_what_lists_hold(code: str) -> None:
    assert CODE.validate_python(code) == code


@pytest.mark.parametrize(
    "sentence",
    ["", "Anna Meier", "two words", "line\nbreak", "code\n", "\tcode", "-code", "x" * 81, "Müller", "a,b", "1+1", 7],
)
def test_a_code_cannot_hold_a_sentence_or_a_name_with_its_surname(sentence: object) -> None:
    with pytest.raises(ValidationError):
        CODE.validate_python(sentence)


@given(st.text().filter(lambda text: any(character.isspace() for character in text)))
def test_no_code_holds_a_space(text: str) -> None:
    with pytest.raises(ValidationError):
        CODE.validate_python(text)


@pytest.mark.parametrize("score", [-1, 11, 3.5, "3", True, None])
def test_a_score_is_a_whole_number_from_0_to_10_and_never_guessed(score: object) -> None:
    with pytest.raises(ValidationError):
        SCORE.validate_python(score)


def test_every_score_there_is() -> None:
    assert [SCORE.validate_python(score) for score in range(11)] == list(range(11))


def test_relief_may_be_negative_but_never_more_than_all_of_it() -> None:
    assert PERCENT.validate_python(-40) == -40
    with pytest.raises(ValidationError):
        PERCENT.validate_python(100.1)


@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize("number", ["2026", '"2026"', '" 0.5"', '"-1"', "0", "0.5", "true"])
def test_a_number_is_neither_a_day_nor_a_point_in_time(number: str, strict: bool) -> None:
    for kind in (Instant, Day):
        with pytest.raises(ValidationError):
            TypeAdapter(kind).validate_json(number, strict=strict)


@pytest.mark.parametrize("strict", [True, False])
def test_days_and_points_in_time_are_written_in_iso_8601(strict: bool) -> None:
    moment = datetime(2026, 3, 2, 9, tzinfo=UTC)
    assert TypeAdapter(Instant).validate_json('"2026-03-02T10:00:00+01:00"', strict=strict) == moment
    assert TypeAdapter(Instant).validate_python(moment, strict=strict) == moment
    assert TypeAdapter(Day).validate_json('"2026-03-02"', strict=strict) == date(2026, 3, 2)
    assert TypeAdapter(Day).validate_python(date(2026, 3, 2), strict=strict) == date(2026, 3, 2)
    with pytest.raises(ValidationError):
        TypeAdapter(Instant).validate_json('"2026-03-02T10:00:00"', strict=strict)
    with pytest.raises(ValidationError):
        TypeAdapter(Day).validate_json('"soon"', strict=strict)


def test_a_facility_has_the_same_id_in_every_service_and_installation() -> None:
    assert facility_id("north-clinic") == UUID("016b86a3-63ef-5ebe-b69a-09c05ac56da7")
    assert facility_id("north-clinic") != facility_id("south-clinic")


def test_every_word_is_a_code_that_may_stand_in_a_database_an_address_and_an_event() -> None:
    words = [word for one in vars(vocabulary).values() if isinstance(one, type) and issubclass(one, StrEnum)
             and one is not StrEnum for word in one]  # fmt: skip
    assert len(words) > 40
    for word in words:
        assert CODE.validate_python(word.value) == word.value
        assert word.value == word.name.lower()
