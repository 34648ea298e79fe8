"""What guards look at."""

from __future__ import annotations

from scheduling.rules.facts import wanted_by
from tests.support.visits import Wish, facts, procedure, wish


def test_an_assessment_has_no_modality() -> None:
    assert facts().modality is None


def test_a_modality_that_no_record_describes_is_unknown() -> None:
    assert procedure("HOMEOPATHY").modality is None
    modality = procedure("SCS").modality
    assert modality is not None
    assert modality.code == "SCS"


def test_a_command_that_names_no_slot_wants_none() -> None:
    assert wanted_by(None) is None
    assert wanted_by(Wish(None)) is None
    assert wanted_by(wish()) is not None
