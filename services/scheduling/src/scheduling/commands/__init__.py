"""What changes the scheduling service's rows: lock, expect, gather the facts, move, write. Nothing here commits."""
