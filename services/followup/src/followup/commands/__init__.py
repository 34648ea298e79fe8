"""What changes the rows of follow-up: lock, expect, gather the facts, move, write. Nothing here commits."""
