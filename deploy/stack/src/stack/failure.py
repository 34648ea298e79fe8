"""The one way in which the stack says that it cannot go on."""

from __future__ import annotations


class Failure(Exception):
    """The message is the sentence for the person at the terminal: what is wrong, and what to do about it."""


def first_failure(error: BaseException) -> Failure | None:
    """The first Failure inside an exception group, or the error itself if it is one, or None."""
    if isinstance(error, Failure):
        return error
    if isinstance(error, BaseExceptionGroup):
        return next((found for part in error.exceptions if (found := first_failure(part))), None)
    return None
