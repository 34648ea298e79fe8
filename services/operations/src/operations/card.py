"""The card of operations, the same for its API and its worker."""

from __future__ import annotations

from typing import Final

from backbone.service import Service
from operations import HEARS, NAME, SAYS, TITLE
from operations.reactions import REACTIONS, READ_MODELS

SERVICE: Final = Service(NAME, TITLE, SAYS, HEARS, reactions=REACTIONS, read_models=READ_MODELS)
