"""Keeping what people wrote."""

from __future__ import annotations

from sqlalchemy import select

from backbone.rows import new_id
from followup.commands.remark import remark
from followup.tables import Remark, Trial
from reliefpath.vocabulary import Role
from tests.support.followup import Place


async def test_what_was_written_is_kept_with_the_role_of_who_wrote_it(place: Place) -> None:
    trial = Trial(id=new_id(), journey=new_id(), state="running", course=new_id())
    async with place.work(Role.CLINICIAN) as uow:
        remark(uow, trial, "judge", "Sleeps through.")
        remark(uow, trial, "judge", None)
    async with place.work() as uow:
        [kept] = (await uow.session.execute(select(Remark))).scalars()
        assert (kept.journey, kept.subject, kept.action, kept.text, kept.role, kept.at <= uow.now) == (
            trial.journey,
            trial.id,
            "judge",
            "Sleeps through.",
            "clinician",
            True,
        )
