"""What may happen in follow-up, decided from facts, the rulebook and the clock. Every guard yields all it finds."""
