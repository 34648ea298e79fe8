"""The worker of the referral service: `python -m referral.worker` relays, hears and watches deadlines."""

from __future__ import annotations

from backbone.worker import run_worker
from referral.card import SERVICE


def main() -> None:
    """Work until told to stop."""
    run_worker(SERVICE)


if __name__ == "__main__":
    main()
