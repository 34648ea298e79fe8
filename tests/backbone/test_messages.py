"""What travels on topics."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from backbone.messages import Incoming

READ = Incoming("topic", 0, 7, b"key", b"value", (("ce_id", b"1"),), 1_000)


def test_a_message_says_when_it_was_recorded_also_when_its_sender_wrote_nonsense() -> None:
    assert replace(READ, at=1_700_000_000_123).recorded_at.isoformat() == "2023-11-14T22:13:20.123000+00:00"
    assert replace(READ, at=-1).recorded_at.year == 1970
    assert replace(READ, at=2**62).recorded_at.year == 9999


@pytest.mark.parametrize("other", [{"key": b"other"}, {"value": None}, {"headers": ()}, {"at": 1_001}])
def test_a_mark_tells_a_message_from_another_at_its_offset(other: dict[str, Any]) -> None:
    assert replace(READ, **other).mark != READ.mark


def test_a_mark_is_the_same_wherever_the_message_is_read() -> None:
    assert replace(READ, partition=1, offset=8).mark == READ.mark


def test_a_mark_tells_where_the_key_ends() -> None:
    assert replace(READ, key=b"keyv", value=b"alue").mark != READ.mark
