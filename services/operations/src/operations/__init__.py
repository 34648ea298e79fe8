"""Operations: what is going on, seen from above; whether anything is late, stuck or lost, and can be mended safely.

Owns    no clinical fact and no patient data: ids, codes, times. Everything here can be rebuilt from the topics.
Says    nothing.
Hears   everything, each event by the same reaction: it is written down, and a journey's standing is folded from it.
Serves  journeys and their events with causes, counts, lag, parked events, dead letters; and the `reliefpath` command.

What is held back in a service is asked of that service (`peers`), so the state shown is the state there is.
"""

from __future__ import annotations

from typing import Final

from reliefpath.events import Speaker

NAME: Final = "operations"
TITLE: Final = "operations"
SAYS: Final[tuple[Speaker, ...]] = ()
HEARS: Final = tuple(Speaker)
