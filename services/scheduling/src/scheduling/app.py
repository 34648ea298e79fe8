"""The API of the scheduling service: `python -m scheduling.app`."""

from __future__ import annotations

from typing import Final

from fastapi import FastAPI

from backbone.process import Service, build_api, serve_api
from scheduling import HEARS, NAME, SAYS, TITLE
from scheduling.lifecycle import APPOINTMENT
from scheduling.reactions import REACTIONS
from scheduling.routes import ROUTERS
from scheduling.rules.records import require_approved

SERVICE: Final = Service(
    NAME,
    TITLE,
    SAYS,
    HEARS,
    lifecycles=(APPOINTMENT,),
    reactions=REACTIONS,
    prepare=lambda settings: require_approved(settings.profile),
)


def build() -> FastAPI:
    """The application; building it does no I/O."""
    return build_api(SERVICE, ROUTERS)


def main() -> None:
    """Serve until told to stop."""
    serve_api(SERVICE, build)


if __name__ == "__main__":
    main()
