"""What the directory takes."""

from __future__ import annotations

import re
from datetime import time
from typing import Any

import pytest
from pydantic import ValidationError

from scheduling.schemas import FacilityGiven, Hours, ResourceGiven

ROOM: dict[str, Any] = {"code": "room-1", "kind": "room", "hours": []}


def hours(opens: str, closes: str, weekday: int = 1) -> dict[str, Any]:
    return {"weekday": weekday, "opens": opens, "closes": closes}


def test_closing_at_midnight_is_the_end_of_the_day() -> None:
    assert Hours.model_validate(hours("18:00", "00:00")).closes == time(0)
    assert Hours.model_validate(hours("00:00", "00:00")).opens == time(0)


@pytest.mark.parametrize(
    "wrong",
    [hours("16:00", "08:00"), hours("08:00", "08:00"), hours("08:00", "16:00", 0), hours("08:00+01:00", "16:00+01:00")],
)
def test_hours_that_make_no_sense_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Hours.model_validate(wrong)


@pytest.mark.parametrize("moment", ["08:00", "08:00:30", "23:59:59.25"])
def test_opening_hours_are_described_as_they_are_written_without_an_offset(moment: str) -> None:
    described = Hours.model_json_schema()["properties"]["opens"]
    assert re.fullmatch(described["pattern"], moment)
    assert re.fullmatch(
        described["pattern"], Hours.model_validate(hours(moment, "00:00")).model_dump(mode="json")["opens"]
    )
    assert not re.fullmatch(described["pattern"], moment + "Z")


@pytest.mark.parametrize(
    "wrong",
    [
        [hours("08:00", "12:00"), hours("11:00", "16:00")],
        [hours("08:00", "00:00"), hours("09:00", "10:00")],
        [hours("08:00", "12:00"), hours("08:00", "12:00")],
    ],
)
def test_hours_of_one_day_do_not_overlap(wrong: list[dict[str, Any]]) -> None:
    with pytest.raises(ValidationError, match="overlap"):
        ResourceGiven.model_validate({**ROOM, "hours": wrong})


def test_a_lunch_break_is_two_openings() -> None:
    broken = [hours("13:00", "16:00"), hours("08:00", "12:00"), hours("08:00", "12:00", 2)]
    assert len(ResourceGiven.model_validate({**ROOM, "hours": broken}).hours) == 3


@pytest.mark.parametrize("zone", ["Mars/Olympus", "../../etc/passwd", "", "Europe", "/etc/localtime"])
def test_only_time_zones_of_the_list_are_known(zone: str) -> None:
    with pytest.raises(ValidationError):
        FacilityGiven.model_validate({"code": "x", "kind": "clinic", "timezone": zone})


@pytest.mark.parametrize("label", ["", "  ", "two\nlines", "x" * 201])
def test_a_label_is_one_line(label: str) -> None:
    with pytest.raises(ValidationError):
        ResourceGiven.model_validate({**ROOM, "label": label})
