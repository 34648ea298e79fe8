"""The API of the referral service: `python -m referral.app`."""

from __future__ import annotations

from typing import Final

from fastapi import FastAPI

from backbone.process import Service, build_api, serve_api
from referral import HEARS, NAME, SAYS, TITLE
from referral.lifecycle import LIFECYCLES
from referral.reactions import REACTIONS
from referral.routes import ROUTERS
from referral.rules.records import require_approved

SERVICE: Final = Service(
    NAME,
    TITLE,
    SAYS,
    HEARS,
    lifecycles=LIFECYCLES,
    reactions=REACTIONS,
    prepare=lambda settings: require_approved(settings.profile),
)


def build() -> FastAPI:
    """The application; building it does no I/O."""
    return build_api(SERVICE, ROUTERS, larger_bodies={"/intake": "intake_limit"})


def main() -> None:
    """Serve until told to stop."""
    serve_api(SERVICE, build)


if __name__ == "__main__":
    main()
