"""Whether this installation may use the records it has."""

from __future__ import annotations

from reliefpath.rulebook import Rulebook, Unapproved
from reliefpath.vocabulary import Profile


def refuse_drafts(profile: Profile) -> None:
    """Raise LookupError, naming every record that nobody approved, in a production profile."""
    try:
        Rulebook.load().refuse_unapproved(profile)
    except Unapproved as unapproved:
        raise LookupError(str(unapproved)) from None
