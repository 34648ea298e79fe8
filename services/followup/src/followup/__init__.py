"""Follow-up: what a procedure did to the pain, seen by asking, and who cares for the patient at home.

Owns    the observation of each course after it was performed, the trial it may be, the check-ins by which it is seen,
        and handovers to home teams; and a mirror of what it was told of journeys and facilities.
Says    that an observation, a trial, a check-in or a handover went a step further; that a verdict or a reassessment is
        due, with a suggestion.
Hears   referral: who is on a journey, which course is wanted, booked and performed, and every end. The directory: which
        teams there are. Bookings reach it through the course, so it has no need to hear scheduling.
Serves  check-ins to patients and nurses, trials to clinicians, handovers to coordinators and home teams.

It suggests a verdict and says by which record; a clinician judges.
"""

from __future__ import annotations

from typing import Final

from reliefpath.events import Speaker

NAME: Final = "followup"
TITLE: Final = "follow-up"
SAYS: Final = (Speaker.FOLLOWUP,)
HEARS: Final = (Speaker.REFERRAL, Speaker.DIRECTORY)
