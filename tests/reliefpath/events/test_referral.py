"""The referral service's events carry what their hearers need to go on."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from reliefpath import events
from reliefpath.events import CATALOGUE, Event, Speaker

OURS = [cls for cls in CATALOGUE.values() if cls.speaker is Speaker.REFERRAL]


@pytest.mark.parametrize("cls", OURS, ids=lambda cls: cls.__name__)
def test_every_event_names_its_referral(cls: type[Event]) -> None:
    assert cls.model_fields["referral"].is_required()


@pytest.mark.parametrize("cls", [cls for cls in OURS if cls.__name__.startswith(("Course", "Authorisation"))],
                         ids=lambda cls: cls.__name__)  # fmt: skip
def test_every_event_about_a_course_says_which_modality_and_whether_it_is_a_trial(cls: type[Event]) -> None:
    assert issubclass(cls, events.AboutCourse)
    assert {"course", "kind", "modality"} <= cls.model_fields.keys()


@pytest.mark.parametrize("cls", [events.ReferralAccepted, events.CourseRequested])
def test_what_is_to_be_booked_says_how_soon_and_which_drugs_to_hold(cls: type[Event]) -> None:
    assert {"urgency", "setting", "antithrombotics"} <= cls.model_fields.keys()


def test_an_unknown_baseline_is_unknown_and_not_zero() -> None:
    assert events.CoursePerformed.model_fields["baseline_pain"].default is None
    assert events.AssessmentRecorded.model_fields["average_pain"].default is None


def test_a_score_out_of_range_is_never_said() -> None:
    with pytest.raises(ValidationError):
        events.AssessmentRecorded.model_validate(
            {"referral": "01890000-0000-7000-8000-000000000001", "setting": "home", "average_pain": 11}
        )
