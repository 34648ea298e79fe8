"""The scheduling service: where and when. It never decides whether.

It owns the directory of facilities with their rooms, clinicians and devices; appointments, from somebody having to find
a time until the visit took place; what was decided about antithrombotics before a procedure; and the promise that no
resource is ever booked twice, which the database itself keeps.

It hears that a referral was accepted (a first visit is wanted), that a course is to be booked (a procedure is wanted)
and that a home team takes over (it may see when the patient is expected where). It says what becomes of each
appointment, and how the directory describes each facility. When a referral or a course is closed, or a patient dies, it
closes what is open, and nothing takes its place.
"""

from __future__ import annotations

from typing import Final

from reliefpath.events import Speaker

NAME: Final = "scheduling"
TITLE: Final = "scheduling"
SAYS: Final = (Speaker.SCHEDULING, Speaker.DIRECTORY)
HEARS: Final = (Speaker.REFERRAL, Speaker.FOLLOWUP)
