"""The worker of operations: `python -m operations.worker` hears every topic."""

from __future__ import annotations

from typing import Final

from backbone.process import Service, run_worker
from operations import HEARS, NAME, SAYS, TITLE
from operations.reactions import REACTIONS

SERVICE: Final = Service(NAME, TITLE, SAYS, HEARS, reactions=REACTIONS)


def main() -> None:
    """Hear until told to stop."""
    run_worker(SERVICE)


if __name__ == "__main__":
    main()
