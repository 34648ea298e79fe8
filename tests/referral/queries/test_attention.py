"""Attentions are shown to those whose hand they ask for."""

from __future__ import annotations

from uuid import UUID, uuid4

from backbone.access import Principal
from referral.commands.attention import lapse, raise_attention
from referral.lifecycle import AttentionKind
from referral.queries.attention import attentions_of
from referral.tables import Referral
from reliefpath.vocabulary import Role, facility_id
from tests.support.referral import RECEIVER, SENDER, Place


async def test_open_ones_are_shown_to_their_facility_oldest_first(place: Place) -> None:
    sent = await place.requested()
    journey = UUID(sent["journey"])
    first, second, theirs = uuid4(), uuid4(), uuid4()
    async with place.work() as uow:
        referral = await uow.session.get_one(Referral, UUID(sent["id"]))
        await raise_attention(uow, referral, AttentionKind.CHECK_IN_LOST, first)
        await raise_attention(uow, referral, AttentionKind.REVIEW_DUE, second)
        await raise_attention(uow, referral, AttentionKind.REVIEW_DUE, theirs, facility_id(SENDER))
        await lapse(uow, journey, [AttentionKind.CHECK_IN_LOST])
    receiver = Principal("r", Role.COORDINATOR, frozenset({facility_id(RECEIVER)}))
    sender = Principal("s", Role.REFERRER, frozenset({facility_id(SENDER)}))
    async with place.work() as uow:
        assert [one.subject for one in await attentions_of(uow, receiver, journey)] == [second]
        assert [one.subject for one in await attentions_of(uow, sender, journey)] == [theirs]
