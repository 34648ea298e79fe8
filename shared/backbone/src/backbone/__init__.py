"""How things are carried: database, outbox, relay, consumer, deadlines, HTTP edge. Nothing here is clinical."""
