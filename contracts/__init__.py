"""What Reliefpath promises to those outside: APIs, topics, events and lifecycles, written from the code."""
