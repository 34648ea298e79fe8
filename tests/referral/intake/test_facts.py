"""What intake hands on."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from referral.intake import FactKind, Intake, read_bundle
from tests.support.bundles import RECEIVED, complete

FOUND = read_bundle(complete(), as_of=None, received=RECEIVED)


def test_an_intake_survives_being_stored_as_json() -> None:
    assert Intake.model_validate_json(FOUND.model_dump_json()) == FOUND


def test_an_intake_never_changes() -> None:
    with pytest.raises(ValidationError):
        FOUND.fingerprint = "another"  # type: ignore[misc]  # the very thing that must not work


def test_facts_are_counted_in_the_order_of_kinds() -> None:
    assert FOUND.counts == {
        FactKind.DIAGNOSIS: 1,
        FactKind.STAGE: 1,
        FactKind.PAIN_SCORE: 2,
        FactKind.OPIOID: 1,
        FactKind.PLATELETS: 1,
        FactKind.EGFR: 1,
        FactKind.ECOG: 1,
    }
    assert list(FOUND.counts) == [kind for kind in FactKind if kind in FOUND.counts]


def test_the_cancers_and_the_latest_of_a_kind_are_at_hand() -> None:
    assert [fact.display for fact in FOUND.cancers] == ["Carcinoma of pancreas, stage IV"]
    latest = FOUND.latest(FactKind.PAIN_SCORE)
    assert latest is not None
    assert (latest.value, latest.at) == (8, "2026-11-21")
    assert FOUND.latest(FactKind.INR) is None
