"""What the records propose as an urgency, and why."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from referral.intake import Fact, FactKind
from referral.rules.triage import antithrombotics, latest_pain, propose_urgency, shortest_prognosis, signs_known
from reliefpath.rulebook import Rulebook
from reliefpath.vocabulary import Urgency

BOOK = Rulebook.load()


def pain(score: float, day: str | None = "2026-11-20") -> Fact:
    return fact(FactKind.PAIN_SCORE, value=score, day=None if day is None else date.fromisoformat(day))


def fact(kind: FactKind, **more: object) -> Fact:
    return Fact.model_validate({"kind": kind, "source": "Observation/1", "path": "value", **more})


@pytest.mark.parametrize(
    ("score", "expected"), [(0, "routine"), (4, "routine"), (5, "soon"), (6.5, "soon"), (7, "urgent"), (10, "urgent")]
)
def test_pain_proposes_the_urgency_its_record_names(score: float, expected: str) -> None:
    proposal = propose_urgency([pain(score)], (), BOOK)
    assert proposal.urgency == expected
    assert proposal.rules


def test_pain_with_distress_is_an_emergency_and_without_it_is_not() -> None:
    assert propose_urgency([pain(9)], ["distress"], BOOK).urgency is Urgency.EMERGENCY
    assert propose_urgency([pain(9)], [], BOOK).urgency is Urgency.URGENT


def test_an_unknown_pain_proposes_nothing_rather_than_routine() -> None:
    proposal = propose_urgency([], (), BOOK)
    assert proposal.urgency is None
    assert [one.code for one in proposal.reasons] == ["pain-unknown"]


@given(sign=st.sampled_from(sorted(signs_known(BOOK) - {"distress"})))
def test_a_sign_alone_proposes_more_than_routine_although_the_pain_is_unknown(sign: str) -> None:
    assert propose_urgency([], [sign], BOOK).urgency not in (None, Urgency.ROUTINE)


@given(score=st.floats(0, 10), more=st.sets(st.sampled_from(sorted(signs_known(BOOK)))))
def test_a_further_sign_never_lowers_the_urgency(score: float, more: set[str]) -> None:
    order = list(Urgency)
    without, with_signs = propose_urgency([pain(score)], (), BOOK), propose_urgency([pain(score)], more, BOOK)
    assert without.urgency is not None
    assert with_signs.urgency is not None
    assert order.index(with_signs.urgency) <= order.index(without.urgency)


def test_the_newest_pain_counts_and_the_highest_of_its_day() -> None:
    newest = latest_pain([pain(9, "2026-01-01"), pain(2, "2026-11-20"), pain(4, "2026-11-20"), pain(10, None)])
    assert newest is not None
    assert newest.value == 4


def test_the_reason_tells_the_day_of_the_score() -> None:
    [reason] = propose_urgency([pain(7)], (), BOOK).reasons
    assert "2026-11-20" in reason.message
    [undated] = propose_urgency([pain(7, None)], (), BOOK).reasons
    assert "unknown day" in undated.message


def test_a_prognosis_in_numbers_counts_and_one_in_words_is_left_to_people() -> None:
    weeks = fact(FactKind.PROGNOSIS, value=2, unit="wk")
    assert propose_urgency([pain(1), weeks], (), BOOK).urgency is Urgency.URGENT
    assert shortest_prognosis([fact(FactKind.PROGNOSIS, value="weeks rather than months")]) is None


def test_drugs_known_to_have_ended_are_left_out_and_unknown_ones_kept() -> None:
    facts = [
        fact(FactKind.ANTICOAGULANT, extra={"drug": "warfarin"}, current=False),
        fact(FactKind.ANTICOAGULANT, extra={"drug": "apixaban"}, current=None),
        fact(FactKind.ANTIPLATELET, extra={"drug": "aspirin"}, current=True),
        fact(FactKind.OPIOID, extra={"drug": "morphine"}, current=True),
    ]
    assert antithrombotics(facts) == ("apixaban", "aspirin")
