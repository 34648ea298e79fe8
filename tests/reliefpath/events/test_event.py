"""What an event is: said once under its own type, immutable, and readable by those who are older."""

from __future__ import annotations

import re
from uuid import UUID

import pytest
from pydantic import ValidationError

from reliefpath.events import (
    CATALOGUE,
    LATER,
    Event,
    FacilityListed,
    ReferralDeclined,
    ReferralReceived,
    Speaker,
    latest,
    split_type,
    topic_of,
)
from tests.support.versions import second_version

ID = UUID(int=7)


def test_a_type_says_who_says_what_in_which_version() -> None:
    assert ReferralReceived.type == "reliefpath.referral.ReferralReceived.v1"
    assert split_type(ReferralReceived.type) == ("reliefpath.referral.ReferralReceived", "v1")


@pytest.mark.parametrize("cls", CATALOGUE.values(), ids=lambda cls: cls.__name__)
def test_every_event_is_in_the_catalogue_under_its_own_type(cls: type[Event]) -> None:
    assert CATALOGUE[cls.type] is cls
    assert re.fullmatch(rf"reliefpath\.{cls.speaker}\.{cls.__name__}\.v[1-9]\d*", cls.type)


@pytest.mark.parametrize("cls", CATALOGUE.values(), ids=lambda cls: cls.__name__)
def test_every_event_says_in_its_docstring_what_has_happened(cls: type[Event]) -> None:
    assert cls.__doc__ is not None
    assert cls.__doc__.strip().endswith(".")


def test_no_two_events_share_a_type() -> None:
    before = dict(CATALOGUE)
    with pytest.raises(TypeError, match="declared twice"):
        type("ReferralReceived", (Event,), {"speaker": Speaker.REFERRAL, "__module__": __name__, "__annotations__": {}})
    assert before == CATALOGUE


def test_what_was_said_cannot_be_changed() -> None:
    event = ReferralReceived(referral=ID)
    with pytest.raises(ValidationError):
        event.referral = UUID(int=8)  # type: ignore[misc]  # that is the point


def test_every_speaker_has_a_topic_of_its_own() -> None:
    topics = [topic_of(speaker) for speaker in Speaker]
    assert topics == ["reliefpath.referral", "reliefpath.scheduling", "reliefpath.followup", "reliefpath.directory"]


def test_the_directory_says_the_whole_truth_each_time() -> None:
    assert {cls for cls in CATALOGUE.values() if cls.speaker is Speaker.DIRECTORY} == {FacilityListed}


def test_a_second_version_stands_beside_the_first_and_is_made_of_it() -> None:
    first = ReferralDeclined(referral=ID, reason_code="no-capacity")
    with second_version() as second:
        assert latest(first) == second(referral=ID, reason_codes=("no-capacity",))
        assert CATALOGUE[ReferralDeclined.type] is ReferralDeclined
        assert CATALOGUE["reliefpath.referral.ReferralDeclined.v2"] is second
        assert latest(latest(first)) == latest(first)
    assert latest(first) is first
    assert LATER == {}


@pytest.mark.parametrize("earlier", [None, ReferralReceived])
def test_a_later_version_names_the_one_before(earlier: type[Event] | None) -> None:
    with pytest.raises(TypeError, match=r"has to name reliefpath\.referral\.ReferralDeclined\.v1"):
        type(
            "ReferralDeclined",
            (Event,),
            {"speaker": Speaker.REFERRAL, "version": 2, "earlier": earlier, "__module__": __name__},
        )
    assert "reliefpath.referral.ReferralDeclined.v2" not in CATALOGUE


def test_a_version_that_does_not_say_what_becomes_of_the_earlier_one_says_so() -> None:
    with pytest.raises(NotImplementedError, match="does not say what becomes of"):
        ReferralReceived.upcast(ReferralDeclined(referral=ID, reason_code="x"))
