"""What an event is: a past tense, a type, a speaker, and data that hold codes, ids, times and scores only."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, ClassVar, Final, Self

from pydantic import BaseModel, ConfigDict

PREFIX: Final = "reliefpath"


class Speaker(StrEnum):
    """Who says events. Each speaks on its own topic and on no other."""

    REFERRAL = "referral"
    SCHEDULING = "scheduling"
    FOLLOWUP = "followup"
    DIRECTORY = "directory"


CATALOGUE: Final[dict[str, type[Event]]] = {}
"""Every event by its type, filled as the classes are declared."""

LATER: Final[dict[str, type[Event]]] = {}
"""By the type of an earlier version: the version that came after it."""


class Event(BaseModel):
    """The data of one event. A subclass names its speaker; its docstring says what has happened.

    Data are immutable, and a field that this program does not know is ignored: the other side may be newer. A change
    that earlier readers could not bear is a class of the same name with the next `version`, which names the `earlier`
    one and makes one of its own of it (`upcast`). The topics keep the earlier ones for ever; reactions meet only the
    latest.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    speaker: ClassVar[Speaker]
    version: ClassVar[int] = 1
    earlier: ClassVar[type[Event] | None] = None
    type: ClassVar[str]

    def __init_subclass__(cls, abstract: bool = False, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if abstract:
            return
        cls.type = f"{PREFIX}.{cls.speaker}.{cls.__name__}.v{cls.version}"
        if cls.type in CATALOGUE:
            raise TypeError(f"{cls.type} is declared twice")
        if cls.version > 1:
            before = f"{split_type(cls.type)[0]}.v{cls.version - 1}"
            if cls.earlier is None or cls.earlier.type != before:
                raise TypeError(f"{cls.type} has to name {before} as its earlier version")
            LATER[before] = cls
        CATALOGUE[cls.type] = cls

    @classmethod
    def upcast(cls, earlier: Any) -> Self:
        """The same fact as this version says it, from the version before."""
        raise NotImplementedError(f"{cls.type} does not say what becomes of {earlier.type}")


def latest(event: Event) -> Event:
    """An event as its latest version says it."""
    while (later := LATER.get(event.type)) is not None:
        event = later.upcast(event)
    return event


def topic_of(speaker: Speaker) -> str:
    """The topic a speaker speaks on."""
    return f"{PREFIX}.{speaker}"


def split_type(type: str) -> tuple[str, str]:
    """An event type as its name and its major version: `reliefpath.referral.ReferralAccepted`, `v1`."""
    name, _, version = type.rpartition(".")
    return name, version
