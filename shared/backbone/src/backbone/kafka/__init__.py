"""The only place that knows the Kafka client: safe settings, bounded waits, and no silent defaults.

The client's own defaults lose data (acks=1, no idempotence, automatic commits, start at the latest) and some of its
waits never end, so every client is made here and every call here has a limit.
"""
