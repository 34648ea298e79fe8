"""States, commands and transition tables of what this service keeps: referrals, courses and attentions."""

from referral.lifecycle.attention import ATTENTION, AttentionKind, AttentionState
from referral.lifecycle.course import COURSE, CourseState
from referral.lifecycle.note import NoteKind
from referral.lifecycle.referral import REFERRAL, ReferralState

LIFECYCLES = (REFERRAL, COURSE, ATTENTION)

__all__ = [
    "LIFECYCLES",
    "REFERRAL",
    "ReferralState",
    "COURSE",
    "CourseState",
    "ATTENTION",
    "AttentionKind",
    "AttentionState",
    "NoteKind",
]
