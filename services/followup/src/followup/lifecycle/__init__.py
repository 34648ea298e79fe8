"""States, commands and transition tables of what follow-up keeps: observations, trials, check-ins and handovers."""

from typing import Final

from followup.lifecycle.check_in import CHECK_IN, CheckInState
from followup.lifecycle.handover import HANDOVER, HandoverState
from followup.lifecycle.observation import OBSERVATION, ObservationState
from followup.lifecycle.trial import TRIAL, TrialState

LIFECYCLES: Final = (OBSERVATION, TRIAL, CHECK_IN, HANDOVER)

__all__ = [
    "LIFECYCLES",
    "OBSERVATION",
    "ObservationState",
    "TRIAL",
    "TrialState",
    "CHECK_IN",
    "CheckInState",
    "HANDOVER",
    "HandoverState",
]
