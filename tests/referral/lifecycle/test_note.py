"""The kinds of free text."""

from __future__ import annotations

from referral.lifecycle.note import NoteKind


def test_a_closing_report_and_an_override_are_kept_apart_from_other_notes() -> None:
    assert {NoteKind.CLOSING_REPORT, NoteKind.OVERRIDE} < set(NoteKind)
    assert len({kind.value for kind in NoteKind}) == len(NoteKind)
