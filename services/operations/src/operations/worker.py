"""The worker of operations: `python -m operations.worker` hears every topic."""

from __future__ import annotations

from backbone.worker import run_worker
from operations.card import SERVICE


def main() -> None:
    """Hear until told to stop."""
    run_worker(SERVICE)


if __name__ == "__main__":
    main()
