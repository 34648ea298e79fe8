"""To whom a patient's care may be handed, and when."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from followup.lifecycle import HandoverState
from followup.lifecycle.handover import HANDOVER, Offer
from followup.rules import handover as rules
from followup.rules.handover import HandoverFacts, Team, answer_by
from reliefpath.lifecycle import ReasonKind, Refused
from reliefpath.rulebook import Rulebook
from reliefpath.vocabulary import FacilityKind, Role

BOOK = Rulebook.load()
NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
TEAM = Team("home-west", FacilityKind.HOME_CARE, accepting=True, capabilities=frozenset({"home_nursing"}))
FACTS = HandoverFacts(HandoverState.OFFERED, NOW, BOOK, journey_is_open=True, team=TEAM)
OFFER = Offer(journey=uuid4(), to="home-west")
GUARDS = HANDOVER["offer"].guards


def codes(facts: HandoverFacts, command: Offer | None = OFFER) -> list[str]:
    return [found.code for guard in GUARDS for found in guard(facts, command) if not found.advisory]


def test_a_team_that_takes_patients_may_be_asked() -> None:
    assert codes(FACTS) == []
    assert codes(FACTS, None) == []


@pytest.mark.parametrize(
    ("facts", "code"),
    [
        (replace(FACTS, journey_is_open=False), "journey-closed"),
        (replace(FACTS, journey_is_open=None), "journey-unknown"),
        (replace(FACTS, another_is_open=True), "handover-open"),
        (replace(FACTS, team=None), "facility-unknown"),
        (replace(FACTS, team=replace(TEAM, kind=FacilityKind.HOSPITAL)), "not-a-home-team"),
        (replace(FACTS, team=replace(TEAM, accepting=False)), "not-accepting"),
        (replace(FACTS, modalities=("ITDD_EXT",)), "capability-missing"),
        (replace(FACTS, follows_another=True), "predecessor-unknown"),
        (replace(FACTS, follows_another=True, predecessor_was_declined=False), "predecessor-not-declined"),
    ],
)
def test_each_thing_in_the_way_is_named(facts: HandoverFacts, code: str) -> None:
    assert codes(facts) == [code]


def test_everything_in_the_way_is_named_at_once() -> None:
    clinic = Team("clinic", FacilityKind.CLINIC, accepting=False)
    worst = HandoverFacts(
        HandoverState.OFFERED,
        NOW,
        BOOK,
        journey_is_open=False,
        another_is_open=True,
        team=clinic,
        modalities=("ITDD_EXT", "PNB"),
        follows_another=True,
    )
    with pytest.raises(Refused) as refused:
        HANDOVER.decide("offer", worst, role=Role.COORDINATOR, command=OFFER)
    assert [reason.code for reason in refused.value.reasons] == [
        "journey-closed",
        "handover-open",
        "not-a-home-team",
        "not-accepting",
        "capability-missing",
        "predecessor-unknown",
    ]
    assert all(reason.satisfy for reason in refused.value.reasons)


def test_what_is_unknown_is_incomplete() -> None:
    unknown = replace(FACTS, journey_is_open=None, team=None)
    kinds = {found.kind for guard in GUARDS for found in guard(unknown, OFFER)}
    assert kinds == {ReasonKind.INCOMPLETE}


def test_care_may_be_handed_over_despite_what_a_team_does_not_list_if_it_is_said_how() -> None:
    facts = replace(FACTS, modalities=("ITDD_EXT",))
    [lacking] = rules.it_can_do_what_is_needed(facts, OFFER)
    assert "home_pharmacy" in lacking.message
    assert "home_nursing" not in lacking.message
    assert lacking.rules == ("MODALITY-ITDD-EXT@1",)
    [told] = rules.it_can_do_what_is_needed(facts, Offer(journey=uuid4(), to="x", despite="The hospital's pharmacy."))
    assert told.advisory


def test_after_a_refusal_another_offer_may_follow() -> None:
    assert codes(replace(FACTS, follows_another=True, predecessor_was_declined=True)) == []


def test_a_team_has_the_record_s_time_to_answer() -> None:
    assert answer_by(NOW, BOOK) == NOW + BOOK.operation("OPS-HANDOVER-ANSWER").wait.longest
