"""The worker of the scheduling service: `python -m scheduling.worker` relays, hears and watches deadlines."""

from __future__ import annotations

from typing import Final

from backbone.process import Service, run_worker
from scheduling import HEARS, NAME, SAYS, TITLE
from scheduling.lifecycle import APPOINTMENT
from scheduling.reactions import DEADLINES, REACTIONS
from scheduling.rules.records import require_approved

SERVICE: Final = Service(
    NAME,
    TITLE,
    SAYS,
    HEARS,
    lifecycles=(APPOINTMENT,),
    reactions=REACTIONS,
    deadlines=DEADLINES,
    prepare=lambda settings: require_approved(settings.profile),
)


def main() -> None:
    """Work until told to stop."""
    run_worker(SERVICE)


if __name__ == "__main__":
    main()
