"""What an event is: a past tense, a type, a speaker, and data that hold codes, ids, times and scores only."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, ClassVar, Final

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


class Event(BaseModel):
    """The data of one event. A subclass names its speaker; its docstring says what has happened.

    Data are immutable, and a field that this program does not know is ignored: the other side may be newer.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    speaker: ClassVar[Speaker]
    version: ClassVar[int] = 1
    type: ClassVar[str]

    def __init_subclass__(cls, abstract: bool = False, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if abstract:
            return
        cls.type = f"{PREFIX}.{cls.speaker}.{cls.__name__}.v{cls.version}"
        if cls.type in CATALOGUE:
            raise TypeError(f"{cls.type} is declared twice")
        CATALOGUE[cls.type] = cls


def topic_of(speaker: Speaker) -> str:
    """The topic a speaker speaks on."""
    return f"{PREFIX}.{speaker}"


def split_type(type: str) -> tuple[str, str]:
    """An event type as its name and its major version: `reliefpath.referral.ReferralAccepted`, `v1`."""
    name, _, version = type.rpartition(".")
    return name, version
