"""What an operator sees and does of a service's streams: lag, held events, dead letters, parked deadlines.

The service that holds a thing answers for it and retries or discards it, so the state shown is the state there is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Literal

from fastapi import APIRouter
from fastapi.routing import APIRoute

from backbone.contract import PROBLEM_RESPONSES
from backbone.streams import dead_letters, deadlines, held, lag

PARTS: Final = (lag.router, held.router, dead_letters.router, deadlines.router)

router = APIRouter(prefix="/streams", tags=["streams"], responses=PROBLEM_RESPONSES)
for part in PARTS:
    router.include_router(part)


def path_of(method: Literal["GET", "POST"], answers: Callable[..., Any], /, **place: object) -> str:
    """The path at which `answers` answers this method, for whoever asks a service; `place` is what the path names.

    Raises LookupError when that is no route of these, or is not asked by this method.
    """
    for one in (route for part in PARTS for route in part.routes):
        if isinstance(one, APIRoute) and one.endpoint is answers and method in (one.methods or ()):
            return router.prefix + one.path_format.format(**place)
    raise LookupError(f"{answers.__name__} does not answer {method}.")
