"""A tiny service with one lifecycle, so that what carries every service can be tested without any of them.

Owns    visits: planned, paused, done or dropped.
Says    what the referral service says, as an event belongs to a speaker.
Hears   whatever a test lets it hear.
"""
