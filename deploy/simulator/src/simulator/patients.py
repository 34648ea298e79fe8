"""Synthetic patients, each the same for the same seed and number, and how they fare with what is done for them."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import StrEnum
from typing import Final

from simulator.names import name_of
from simulator.pictures import Picture

LABEL: Final = "SIM"


class Response(StrEnum):
    """How a patient fares with a modality. Nobody in the system knows it; it only shows in what they answer."""

    HELPS = "helps"
    PARTLY = "partly"
    NOT_AT_ALL = "not_at_all"


RELIEF: Final[dict[Response, tuple[float, float]]] = {
    Response.HELPS: (0.6, 0.9),
    Response.PARTLY: (0.34, 0.45),
    Response.NOT_AT_ALL: (0.0, 0.12),
}
"""Between which parts of the baseline the relief lies. How relief is graded is the records' business."""


@dataclass(frozen=True, slots=True)
class Medicine:
    """A drug and how it is taken: `amount` in `unit`, `times` a day."""

    name: str
    rxnorm: str
    amount: float
    unit: str
    times: int


OPIOIDS: Final = (
    Medicine("morphine sulfate 30 MG extended release oral tablet", "7052", 30, "mg", 2),
    Medicine("oxycodone 20 MG extended release oral tablet", "7804", 20, "mg", 2),
    Medicine("hydromorphone 8 MG extended release oral tablet", "3423", 8, "mg", 2),
)
RESCUE: Final = Medicine("morphine sulfate 10 MG oral tablet", "7052", 10, "mg", 4)
ADJUVANTS: Final = (
    Medicine("gabapentin 300 MG oral capsule", "25480", 300, "mg", 3),
    Medicine("pregabalin 75 MG oral capsule", "187832", 75, "mg", 2),
    Medicine("acetaminophen 500 MG oral tablet", "161", 1000, "mg", 4),
)
ANTITHROMBOTICS: Final = (
    Medicine("apixaban 5 MG oral tablet", "1364430", 5, "mg", 2),
    Medicine("enoxaparin 40 MG/0.4 ML prefilled syringe", "67108", 40, "mg", 1),
    Medicine("warfarin 5 MG oral tablet", "11289", 5, "mg", 1),
)


@dataclass(frozen=True, slots=True)
class Laboratory:
    """What the last blood test said: platelets in 10*3/uL, INR, eGFR in mL/min/1.73 m2."""

    platelets: int
    inr: float
    egfr: int


@dataclass(frozen=True)
class Patient:
    """One synthetic patient. `pain` holds average pain over the past, as days ago and score; `average` is the last."""

    number: int
    given: str
    family: str
    sex: str
    born: date
    picture: Picture
    pain: tuple[tuple[int, int], ...]
    goal: int
    ecog: int
    opioid: Medicine
    rescue: Medicine
    adjuvants: tuple[Medicine, ...]
    antithrombotic: Medicine | None
    laboratory: Laboratory
    chance: random.Random = field(repr=False, compare=False)

    @property
    def average(self) -> int:
        """Average pain now, 0 to 10."""
        return self.pain[-1][1]

    @property
    def worst(self) -> int:
        """Worst pain now, 0 to 10."""
        return min(10, self.average + 2)

    def pain_after(self, response: Response) -> int:
        """Average pain as this patient would answer after something to which they respond so."""
        low, high = RELIEF[response]
        return round(self.average * (1 - self.chance.uniform(low, high)))

    def label(self, run: str) -> str:
        """The number the patient has in one run of the simulator."""
        return f"{LABEL}-{run}-{self.number:02d}"


def generate(seed: int, number: int, picture: Picture, *, anticoagulated: bool = False) -> Patient:
    """The patient of this seed and number: the same whenever asked."""
    chance = random.Random(f"{seed}/{number}")  # noqa: S311 - not for secrets; it must repeat
    sex = (
        "female"
        if picture.name == "cervix"
        else "male"
        if picture.icd10 == "C61"
        else chance.choice(("female", "male"))
    )
    given, family = name_of(chance, sex)
    born = date(1938, 1, 1) + timedelta(days=chance.randrange(40 * 365))
    average = chance.choice((6, 7, 7, 8))
    past = ((84, average - 3), (56, average - 2), (28, average - 1), (7, average), (1, average))
    return Patient(
        number=number,
        given=given,
        family=family,
        sex=sex,
        born=born,
        picture=picture,
        pain=past,
        goal=chance.choice((3, 4)),
        ecog=chance.choice((1, 2, 2, 3)),
        opioid=chance.choice(OPIOIDS),
        rescue=RESCUE,
        adjuvants=tuple(chance.sample(ADJUVANTS, 2)),
        antithrombotic=chance.choice(ANTITHROMBOTICS) if anticoagulated else None,
        laboratory=Laboratory(chance.randrange(150, 320), 1.0, chance.randrange(62, 100)),
        chance=chance,
    )
