"""Check-ins: a patient knows when they will be asked, and answers when they are, if they hear the phone."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from reliefpath_client import Followup, every, followup
from simulator.patients import Patient, Response
from simulator.people import Person, Thing

ASKED: Final = frozenset({"due", "missed"})
OVER: Final = frozenset({"completed", "lost", "cancelled"})
LOOK_AGAIN: Final = timedelta(hours=12)


@dataclass
class CheckIn:
    """One planned contact: when, how the patient fares by then, and how often they do not hear the phone."""

    thing: Thing
    course: str
    due_at: datetime
    response: Response
    unheard: int = 0
    look_at: datetime | None = None


@dataclass
class Agenda:
    """The check-ins still to come."""

    planned: list[CheckIn] = field(default_factory=list)
    answered: int = 0

    async def note(self, asker: Person, course: str, response: Response, *, unheard: int = 0) -> None:
        """Write down the check-ins that follow a course, as follow-up planned them.

        The first of them is not answered before so many tries were made in vain.
        """
        found = [one async for one in every(asker.apis.followup.check_ins, course=course)]
        for shown in sorted(found, key=lambda one: str(one["due_at"])):
            thing = Thing("followup", "check_in", shown["id"])
            due_at = datetime.fromisoformat(shown["due_at"])
            self.planned.append(CheckIn(thing, course, due_at, response, unheard))
            unheard = 0

    def last(self, course: str) -> datetime | None:
        """When the last check-in after a course is planned; None when none is still to come."""
        return max((one.due_at for one in self.planned if one.course == course), default=None)

    @property
    def end(self) -> datetime | None:
        """When the last of all is planned; None when none is still to come."""
        return max((one.due_at for one in self.planned), default=None)

    def next(self) -> datetime | None:
        """When to look at the phone next."""
        return min((one.look_at or one.due_at for one in self.planned), default=None)

    async def asked(self, person: Person, now: datetime) -> CheckIn | None:
        """A check-in that waits for this person's answer now."""
        for one in [one for one in self.planned if (one.look_at or one.due_at) <= now]:
            shown = await person.read(one.thing)
            if shown["state"] in OVER:
                self.planned.remove(one)
            elif shown["state"] in ASKED and shown["attempts"] >= one.unheard:
                return one
            else:
                one.look_at = now + LOOK_AGAIN
        return None

    async def answer(self, check_in: CheckIn, person: Person, patient: Patient) -> None:
        """Answer it: how much pain, and how often a rescue dose was needed."""
        average = patient.pain_after(check_in.response)
        worst = min(10, average + patient.chance.choice((1, 2)))
        rescue = patient.chance.randrange(average // 2 + 1)
        told = followup.Complete(average_pain=average, worst_pain=worst, rescue_doses=rescue)
        await person.do(Followup.check_in_complete, check_in.thing, told)
        self.planned.remove(check_in)
        self.answered += 1

    def forget(self) -> None:
        """Nobody will answer any more."""
        self.planned.clear()
