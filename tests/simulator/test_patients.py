"""Synthetic patients: the same for the same seed, nobody real, and their answers follow how they fare."""

from __future__ import annotations

import pytest

from simulator.patients import RELIEF, Response, generate
from simulator.pictures import CERVIX, DIFFUSE, PANCREAS, PICTURES


def test_the_same_seed_and_number_make_the_same_patient() -> None:
    assert generate(7, 3, PANCREAS) == generate(7, 3, PANCREAS)


def test_another_number_or_another_seed_makes_another_patient() -> None:
    assert len({repr(generate(seed, number, PANCREAS)) for seed in (1, 2) for number in (1, 2, 3)}) == 6


def test_the_same_patient_gives_the_same_answers_again() -> None:
    first, second = generate(1, 1, PANCREAS), generate(1, 1, PANCREAS)
    told = [[one.pain_after(Response.PARTLY) for _ in range(20)] for one in (first, second)]
    assert told[0] == told[1]


@pytest.mark.parametrize("response", Response)
def test_an_answer_lies_within_the_relief_of_its_response(response: Response) -> None:
    low, high = RELIEF[response]
    for number in range(50):
        patient = generate(1, number, PANCREAS)
        relief = 1 - patient.pain_after(response) / patient.average
        assert low - 0.5 / patient.average <= relief <= high + 0.5 / patient.average


def test_pain_grew_before_the_referral_and_stayed_within_the_scale() -> None:
    for number in range(50):
        patient = generate(1, number, PANCREAS)
        scores = [score for _, score in patient.pain]
        assert scores == sorted(scores)
        assert all(0 <= score <= 10 for score in (*scores, patient.worst, patient.goal))
        assert patient.goal < patient.average


def test_a_patient_takes_something_against_clotting_only_where_the_story_wants_it() -> None:
    assert all(generate(1, number, PANCREAS).antithrombotic is None for number in range(20))
    assert all(generate(1, number, PANCREAS, anticoagulated=True).antithrombotic for number in range(20))


def test_a_cancer_that_only_one_sex_has_is_given_to_that_sex() -> None:
    assert {generate(1, number, CERVIX).sex for number in range(20)} == {"female"}
    assert {generate(1, number, DIFFUSE).sex for number in range(20)} == {"male"}


def test_a_label_names_the_run_and_the_number() -> None:
    assert generate(1, 4, PICTURES[0]).label("261123070000") == "SIM-261123070000-04"
