"""The card of the follow-up service, the same for its API and its worker."""

from __future__ import annotations

from typing import Final

from backbone.service import Service, approved_records
from followup import HEARS, NAME, SAYS, TITLE
from followup.lifecycle import LIFECYCLES
from followup.reactions import DEADLINES, REACTIONS, READ_MODELS

SERVICE: Final = Service(
    NAME,
    TITLE,
    SAYS,
    HEARS,
    lifecycles=LIFECYCLES,
    reactions=REACTIONS,
    deadlines=DEADLINES,
    read_models=READ_MODELS,
    prepare=approved_records,
)
