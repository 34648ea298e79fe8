"""What is left over by a reading: counted by sort, never dropped."""

from __future__ import annotations

from referral.intake.bundle import Resource
from referral.intake.elements import Concept
from referral.intake.reading import EXAMPLES, Remainder


def test_what_was_not_understood_is_counted_by_sort_and_each_one_named() -> None:
    remainder = Remainder()
    for number in range(5):
        remainder.not_understood(Resource("Device", f"Device/{number}", {}), "type-not-read")
    remainder.not_understood(Resource("Flag", "Flag/1", {}), "type-not-read", Concept(said="Fall risk"))
    first, second = remainder.all_not_understood()
    assert (first.type, first.count, first.examples) == ("Device", 5, tuple(f"Device/{number}" for number in range(5)))
    assert len(first.examples) == first.count <= EXAMPLES
    assert (second.type, second.text) == ("Flag", "Fall risk")


def test_what_was_not_used_and_what_was_ignored_is_counted() -> None:
    remainder = Remainder()
    for kind in ("Claim", "Claim", "Slot"):
        remainder.not_used(kind, "of-no-use")
        remainder.ignored(kind)
    assert [(one.type, one.count) for one in remainder.all_not_used()] == [("Claim", 2), ("Slot", 1)]
    assert [(one.type, one.count) for one in remainder.all_ignored()] == [("Claim", 2), ("Slot", 1)]
