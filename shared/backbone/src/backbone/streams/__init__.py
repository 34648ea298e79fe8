"""What an operator sees and does of a service's streams: lag, held events, dead letters, parked deadlines.

The service that holds a thing answers for it and retries or discards it, so the state shown is the state there is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter

from backbone.contract import PROBLEM_RESPONSES
from backbone.streams import dead_letters, deadlines, held, lag

router = APIRouter(prefix="/streams", tags=["streams"], responses=PROBLEM_RESPONSES)
router.include_router(lag.router)
router.include_router(held.router)
router.include_router(dead_letters.router)
router.include_router(deadlines.router)


def path_of(answers: Callable[..., Any], /, **place: object) -> str:
    """The path at which `answers` answers, for whoever asks a service; `place` is what the path names.

    Raises NoMatchFound when that is no route of these, or when its place is another.
    """
    return str(router.url_path_for(answers.__name__, **place))
