"""Whether the clinical records may be used by this installation."""

from __future__ import annotations

from reliefpath.rulebook import Rulebook, Unapproved
from reliefpath.vocabulary import Profile


def require_approved(profile: Profile) -> None:
    """Raise LookupError, naming every record, when a production profile would use what nobody approved."""
    try:
        Rulebook.load().refuse_unapproved(profile)
    except Unapproved as refused:
        raise LookupError(str(refused)) from None
