"""The API of operations: `python -m operations.app`."""

from __future__ import annotations

from fastapi import FastAPI

from backbone.api import build_api, serve_api
from operations.card import SERVICE
from operations.routes import router


def build() -> FastAPI:
    """The application; building it does no I/O."""
    return build_api(SERVICE, [router])


def main() -> None:
    """Serve until told to stop."""
    serve_api(SERVICE, build)


if __name__ == "__main__":
    main()
