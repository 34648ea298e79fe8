"""Clinical pictures name only modalities that the records describe, in an order that the records allow."""

from __future__ import annotations

import pytest

from reliefpath.rulebook import Rulebook
from simulator.pictures import PICTURES, Picture

MODALITIES = Rulebook.load().modalities()


@pytest.mark.parametrize("picture", PICTURES, ids=lambda picture: picture.name)
def test_every_modality_of_a_picture_is_described_by_a_record(picture: Picture) -> None:
    named = {picture.treatment, picture.trial, picture.next_trial} - {None}
    assert named <= set(MODALITIES)


@pytest.mark.parametrize("picture", PICTURES, ids=lambda picture: picture.name)
def test_a_treatment_that_needs_a_trial_has_one_that_counts(picture: Picture) -> None:
    treatment = MODALITIES[picture.treatment]
    if treatment.trial_first:
        assert picture.trial in treatment.trial.by


def test_every_picture_has_a_name_of_its_own() -> None:
    assert len({picture.name for picture in PICTURES}) == len(PICTURES)
