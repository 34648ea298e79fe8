"""The worker of the referral service: `python -m referral.worker` relays, hears and watches deadlines."""

from __future__ import annotations

from typing import Final

from backbone.process import Service, run_worker
from referral import HEARS, NAME, SAYS, TITLE
from referral.lifecycle import LIFECYCLES
from referral.reactions import DEADLINES, REACTIONS
from referral.rules.records import require_approved

SERVICE: Final = Service(
    NAME,
    TITLE,
    SAYS,
    HEARS,
    lifecycles=LIFECYCLES,
    reactions=REACTIONS,
    deadlines=DEADLINES,
    prepare=lambda settings: require_approved(settings.profile),
)


def main() -> None:
    """Work until told to stop."""
    run_worker(SERVICE)


if __name__ == "__main__":
    main()
