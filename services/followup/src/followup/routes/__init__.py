"""The HTTP interface of follow-up. Actions are read off the lifecycles' tables."""

from typing import Final

from followup.routes.check_in import router as check_in
from followup.routes.handover import router as handover
from followup.routes.observation import router as observation
from followup.routes.trial import router as trial

ROUTERS: Final = (check_in, trial, observation, handover)
