"""The referral service: who a patient is, who asked whom to see them, what was decided, and how far the journey is.

It owns patients' identity, referrals, assessments, case conferences, shared decisions, authorisations and courses, and
the journey's read model. It is the only speaker from whose events a journey's stage is folded.

It says what happens to referrals and courses. It hears scheduling (was a course booked, has it been done), follow-up
(was a trial judged, is a reassessment due, who cares for the patient now) and the directory (which facilities there
are).
"""

from __future__ import annotations

from typing import Final

from reliefpath.events import Speaker

NAME: Final = "referral"
TITLE: Final = "referral"
SAYS: Final = (Speaker.REFERRAL,)
HEARS: Final = (Speaker.SCHEDULING, Speaker.FOLLOWUP, Speaker.DIRECTORY)
