"""What may become of an appointment and when it can be: pure functions of facts, the rulebook and the clock."""
