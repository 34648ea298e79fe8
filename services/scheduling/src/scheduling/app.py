"""The API of the scheduling service: `python -m scheduling.app`."""

from __future__ import annotations

from fastapi import FastAPI

from backbone.api import build_api, serve_api
from scheduling.card import SERVICE
from scheduling.routes import ROUTERS


def build() -> FastAPI:
    """The application; building it does no I/O."""
    return build_api(SERVICE, ROUTERS)


def main() -> None:
    """Serve until told to stop."""
    serve_api(SERVICE, build)


if __name__ == "__main__":
    main()
