"""Free text is kept with the role of who wrote it."""

from __future__ import annotations

from tests.support.referral import Place, draft


async def test_a_note_carries_the_role_of_its_writer(place: Place) -> None:
    made = await place.referrer.done("/referrals", draft(note="Please call first."), version=None)
    [note] = made["notes"]
    assert (note["kind"], note["role"], note["text"]) == ("referral", "referrer", "Please call first.")


async def test_where_nothing_was_written_nothing_is_kept(place: Place) -> None:
    made = await place.referrer.done("/referrals", draft(), version=None)
    assert made["notes"] == []
