"""Who may read what. By default nobody."""

from __future__ import annotations

from typing import Final

from reliefpath.vocabulary import Role

CARERS: Final = (Role.REFERRER, Role.COORDINATOR, Role.CLINICIAN, Role.HOME_NURSE)
"""Those who care for the patient, each for the journeys of their own facilities."""

CARERS_AND_PATIENT: Final = (*CARERS, Role.PATIENT)
"""And the patient, for their own journey."""
