"""The API of operations: `python -m operations.app`."""

from __future__ import annotations

from typing import Final

from fastapi import FastAPI

from backbone.process import Service, build_api, serve_api
from operations import HEARS, NAME, SAYS, TITLE
from operations.reactions import REACTIONS
from operations.routes import router

SERVICE: Final = Service(NAME, TITLE, SAYS, HEARS, reactions=REACTIONS)


def build() -> FastAPI:
    """The application; building it does no I/O."""
    return build_api(SERVICE, [router])


def main() -> None:
    """Serve until told to stop."""
    serve_api(SERVICE, build)


if __name__ == "__main__":
    main()
