"""What people may write in a command. Free text is bounded, and never travels further than its service's database."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from reliefpath.lifecycle import Command
from reliefpath.vocabulary import Code

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=4000, pattern=r"^[^\x00]*$")]
"""Free text of one to 4000 characters. PostgreSQL cannot store NUL, so it is refused here."""

Line = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=r"^[^\x00-\x1f]*$")
]
"""One line: a name, an identifier, a unit."""

Codes = Annotated[tuple[Code, ...], Field(max_length=50)]
"""A list of codes."""

SomeCodes = Annotated[tuple[Code, ...], Field(min_length=1, max_length=50)]
"""A list with at least one code."""


class Because(Command):
    """A change that needs a reason."""

    reason_code: Code
    note: Text | None = None
