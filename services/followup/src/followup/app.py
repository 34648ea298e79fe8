"""The API of follow-up: `python -m followup.app`."""

from __future__ import annotations

from typing import Final

from fastapi import FastAPI

from backbone.process import Service, build_api, serve_api
from followup import HEARS, NAME, SAYS, TITLE
from followup.lifecycle import LIFECYCLES
from followup.reactions import DEADLINES, REACTIONS
from followup.routes import ROUTERS
from followup.rules.approval import refuse_drafts

SERVICE: Final = Service(
    NAME, TITLE, SAYS, HEARS, LIFECYCLES, REACTIONS, DEADLINES, lambda settings: refuse_drafts(settings.profile)
)


def build() -> FastAPI:
    """The application; building it does no I/O."""
    return build_api(SERVICE, ROUTERS)


def main() -> None:
    """Serve until told to stop."""
    serve_api(SERVICE, build)


if __name__ == "__main__":
    main()
