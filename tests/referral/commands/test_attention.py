"""Asking for a hand once, of the right people, until somebody has seen to it."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

from referral.commands.attention import lapse, raise_attention
from referral.lifecycle import AttentionKind
from referral.tables import Referral
from reliefpath.vocabulary import Role, facility_id
from tests.support.referral import SENDER, STRANGER, Place


async def raised(place: Place, sent: dict[str, Any], **more: Any) -> UUID:
    """An attention about something of a referral; the thing."""
    subject = uuid4()
    async with place.work() as uow:
        referral = await uow.session.get_one(Referral, UUID(sent["id"]))
        await uow.lock(referral.journey)
        for _ in range(2):
            await raise_attention(uow, referral, AttentionKind.CHECK_IN_LOST, subject, **more)
    return subject


async def seen(place: Place, sent: dict[str, Any]) -> list[dict[str, Any]]:
    shown: list[dict[str, Any]] = (await place.coordinator.get(f"/referrals/{sent['id']}")).json()["attentions"]
    return shown


async def test_what_is_asked_twice_is_asked_once(place: Place) -> None:
    sent = await place.requested()
    subject = await raised(place, sent)
    assert [one["subject"] for one in await seen(place, sent)] == [str(subject)]


async def test_what_was_seen_to_may_be_asked_anew(place: Place) -> None:
    sent = await place.requested()
    subject = await raised(place, sent)
    [attention] = await seen(place, sent)
    cleared = await place.coordinator.done(
        f"/attentions/{attention['id']}/clear", {"outcome_code": "phoned", "note": "She was away."}
    )
    assert (cleared["state"], cleared["outcome_code"]) == ("cleared", "phoned")
    assert await seen(place, sent) == []
    async with place.work() as uow:
        referral = await uow.session.get_one(Referral, UUID(sent["id"]))
        await raise_attention(uow, referral, AttentionKind.CHECK_IN_LOST, subject)
    assert len(await seen(place, sent)) == 1
    notes = (await place.coordinator.get(f"/referrals/{sent['id']}")).json()["notes"]
    assert [note["text"] for note in notes] == ["She was away."]


async def test_what_no_longer_matters_lapses_by_kind_and_subject(place: Place) -> None:
    sent = await place.requested()
    first, second = await raised(place, sent), await raised(place, sent)
    async with place.work() as uow:
        await lapse(uow, UUID(sent["journey"]), [AttentionKind.REVIEW_DUE])
        await lapse(uow, UUID(sent["journey"]), [AttentionKind.CHECK_IN_LOST], subject=first)
    assert [one["subject"] for one in await seen(place, sent)] == [str(second)]


async def test_only_those_whose_hand_is_asked_see_it_and_clear_it(place: Place) -> None:
    sent = await place.requested()
    await raised(place, sent, facility=facility_id(SENDER))
    assert await seen(place, sent) == []
    sender = place.person(Role.COORDINATOR, SENDER)
    [attention] = (await sender.get(f"/referrals/{sent['id']}")).json()["attentions"]
    url = f"/attentions/{attention['id']}/clear"
    for other in (place.coordinator, place.person(Role.COORDINATOR, STRANGER)):
        assert (await other.post(url, {"outcome_code": "x"})).status_code == 404
    assert (await sender.post(url, {"outcome_code": "phoned"}, version=1)).status_code == 200
    again = await sender.post(url, {"outcome_code": "phoned"})
    assert again.status_code == 409
