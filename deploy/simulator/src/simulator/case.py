"""One patient's case, as those who care for them know it: what the APIs have shown so far, and where care stands."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import TypeVar

from reliefpath.vocabulary import Setting
from simulator.cast import Cast, Staff
from simulator.checkins import Agenda, CheckIn
from simulator.directory import PAIN_CLINIC
from simulator.patients import Patient
from simulator.people import Person, Shown, Thing
from simulator.play import AT_ONCE, Look, Stage

T = TypeVar("T")


@dataclass
class Case:
    """A case. `path` tells what was tried and what came of it; `agenda` holds the check-ins to answer.

    `began` is where the patient was when the referral was sent, `setting` where they are now.
    """

    label: str
    patient: Patient
    cast: Cast
    stage: Stage
    run: str
    at: str = PAIN_CLINIC
    began: Setting = Setting.OUTPATIENT
    setting: Setting = Setting.OUTPATIENT
    home_team: str | None = None
    referral: str = ""
    journey: str = ""
    path: list[str] = field(default_factory=list)
    agenda: Agenda = field(default_factory=Agenda)

    @property
    def now(self) -> datetime:
        """The time it is by the services' clock."""
        return self.stage.now

    @property
    def staff(self) -> Staff:
        """The people of the pain service that has the patient now."""
        return self.cast.staff[self.at]

    @cached_property
    def person(self) -> Person:
        """The patient, with the link to their own journey."""
        return self.cast.network.patient(self.journey)

    @property
    def respondent(self) -> Person:
        """Who answers check-ins: the patient, or at home the nurse who is with them."""
        return self.person if self.home_team is None else self.cast.nurses[self.home_team]

    def thing(self, kind: str = "referral", id: str = "") -> Thing:
        """A thing of the referral service; the referral itself unless told otherwise."""
        return Thing("referral", kind, id or self.referral)

    async def read(self) -> Shown:
        """The referral, as its coordinator sees it."""
        return await self.staff.coordinator.read(self.thing())

    async def until(
        self, what: str, look: Look[T], *, within: timedelta = AT_ONCE, not_before: datetime | None = None
    ) -> T:
        """What `look` sees, as soon as it sees it; check-ins that fall due meanwhile are answered.

        With `not_before` nobody looks, and no time counts, before that moment. Raises WentWrong when it is not seen in
        time.
        """
        begins = max(not_before or self.now, self.now)
        while True:

            async def either() -> T | CheckIn | None:
                due = await self.agenda.asked(self.respondent, self.now)
                return due or (await look() if self.now >= begins else None)

            next_look = min(filter(None, (begins, self.agenda.next())))
            seen: T | CheckIn = await self.stage.until(what, either, not_before=next_look, not_after=begins + within)
            if not isinstance(seen, CheckIn):
                return seen
            await self.agenda.answer(seen, self.respondent, self.patient)

    async def pause(self, until: datetime) -> None:
        """Go on at the first stop of the clock at or after this moment."""

        async def look() -> bool:
            return True

        await self.until(f"it is {until:%d %b %H:%M}", look, within=timedelta(days=3), not_before=until)
