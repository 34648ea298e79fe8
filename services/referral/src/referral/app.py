"""The API of the referral service: `python -m referral.app`."""

from __future__ import annotations

from fastapi import FastAPI

from backbone.api import build_api, serve_api
from referral.card import SERVICE
from referral.routes import ROUTERS


def build() -> FastAPI:
    """The application; building it does no I/O."""
    return build_api(SERVICE, ROUTERS, larger_bodies={"/intake": "intake_limit"})


def main() -> None:
    """Serve until told to stop."""
    serve_api(SERVICE, build)


if __name__ == "__main__":
    main()
