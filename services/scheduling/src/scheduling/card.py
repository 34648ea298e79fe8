"""The card of the scheduling service, the same for its API and its worker."""

from __future__ import annotations

from typing import Final

from backbone.service import Service, approved_records
from scheduling import HEARS, NAME, SAYS, TITLE
from scheduling.lifecycle import APPOINTMENT
from scheduling.reactions import DEADLINES, REACTIONS

SERVICE: Final = Service(
    NAME,
    TITLE,
    SAYS,
    HEARS,
    lifecycles=(APPOINTMENT,),
    reactions=REACTIONS,
    deadlines=DEADLINES,
    prepare=approved_records,
)
