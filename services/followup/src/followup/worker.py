"""The worker of follow-up: `python -m followup.worker` relays, hears and keeps deadlines."""

from __future__ import annotations

from typing import Final

from backbone.process import Service, run_worker
from followup import HEARS, NAME, SAYS, TITLE
from followup.lifecycle import LIFECYCLES
from followup.reactions import DEADLINES, REACTIONS
from followup.rules.approval import refuse_drafts

SERVICE: Final = Service(
    NAME, TITLE, SAYS, HEARS, LIFECYCLES, REACTIONS, DEADLINES, lambda settings: refuse_drafts(settings.profile)
)


def main() -> None:
    """Work until told to stop."""
    run_worker(SERVICE)


if __name__ == "__main__":
    main()
