"""The words: codes that never hold a sentence, and ids that are the same everywhere."""

from __future__ import annotations

from enum import StrEnum
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from reliefpath import vocabulary
from reliefpath.vocabulary import Code, Percent, Score, facility_id

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
