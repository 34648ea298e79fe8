"""Lengths of time, as records write them."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from reliefpath.record.form import Frozen

DAYS_IN: Final = {"d": 1, "working_d": 1, "wk": 7, "mo": 30, "y": 365}
HOURS_IN: Final = {"min": 1 / 60, "h": 1, "working_h": 1}
"""How a record's calendar words count. A working hour counts as an hour until a site's working calendar is known, so
that a deadline comes too early rather than too late."""


class Span(Frozen):
    """A length of time, exact (`low` equals `high`) or a range. Written `24 h`, `3-10 d`, `4 working_h`."""

    low: float = Field(ge=0)
    high: float = Field(ge=0)
    unit: Literal["min", "h", "working_h", "d", "working_d", "wk", "mo", "y"]

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.low > self.high:
            raise ValueError(f"{self.low} is more than {self.high}")
        return self

    @property
    def shortest(self) -> timedelta:
        """The lower end."""
        return self._length(self.low)

    @property
    def longest(self) -> timedelta:
        """The upper end."""
        return self._length(self.high)

    @property
    def working(self) -> bool:
        """Whether only working time should count, once a working calendar is known."""
        return self.unit.startswith("working")

    def _length(self, amount: float) -> timedelta:
        if self.unit in DAYS_IN:
            return timedelta(days=amount * DAYS_IN[self.unit])
        return timedelta(hours=amount * HOURS_IN[self.unit])

    def __str__(self) -> str:
        amount = f"{self.low:g}" if self.low == self.high else f"{self.low:g}-{self.high:g}"
        return f"{amount} {self.unit}"


def _read_span(given: Any) -> Any:
    if not isinstance(given, str):
        return given
    written = re.fullmatch(r"(\d+(?:\.\d+)?)(?:-(\d+(?:\.\d+)?))? ([a-z_]+)", given)
    if written is None:
        raise ValueError(f"{given!r} is not a length of time such as '24 h' or '3-10 d'")
    low, high, unit = written.groups()
    return {"low": float(low), "high": float(high or low), "unit": unit}


Length = Annotated[Span, BeforeValidator(_read_span)]
