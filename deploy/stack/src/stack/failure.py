"""The one way in which the stack says that it cannot go on."""

from __future__ import annotations


class Failure(Exception):
    """The message is the sentence for the person at the terminal: what is wrong, and what to do about it."""


def first_failure(error: BaseException) -> Failure | None:
    """The first Failure inside an exception group, or the error itself as one, or None.

    A file that cannot be used (of another account, on a full disk) is one too.
    """
    if isinstance(error, Failure):
        return error
    if isinstance(error, PermissionError) and error.filename:
        return Failure(
            f"{error.filename} may not be used by this account: Reliefpath was started there by another user; "
            "start it as that user, or set RELIEFPATH_DATA to a folder of your own."
        )
    if isinstance(error, OSError) and error.filename:
        return Failure(f"{error.filename}: {error.strerror}. Put that right, then start again.")
    if isinstance(error, BaseExceptionGroup):
        return next((found for part in error.exceptions if (found := first_failure(part))), None)
    return None
