"""What people may write in a command. Free text is bounded, and goes from here to its readers, never into an event."""

from __future__ import annotations

from typing import Annotated

from pydantic import StringConstraints

from reliefpath.lifecycle import Command
from reliefpath.vocabulary import Code

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=4000, pattern=r"^[^\x00]*$")]
"""Free text of one to 4000 characters. PostgreSQL cannot store NUL, so it is refused here."""


class Because(Command):
    """A change that needs a reason."""

    reason_code: Code
    note: Text | None = None
