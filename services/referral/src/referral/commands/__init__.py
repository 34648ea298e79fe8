"""What changes the referral service's rows: lock, expect, gather the facts, move, write. Nothing here commits."""
