"""The topics of the catalogue's speakers. `python -m backbone.topics` creates those that are missing."""

from __future__ import annotations

import asyncio
import sys
from typing import Final

from backbone.kafka.topics import Topic, create_topics
from backbone.messages import KafkaAway
from backbone.settings import Settings, read_settings
from reliefpath.events import Speaker, topic_of

PATIENCE: Final = 60.0
"""Seconds a broker that is just starting is given."""


def topics(settings: Settings) -> list[Topic]:
    """Every topic, one per speaker. None is compacted: a relay that wakes up late could erase newer words."""
    return [Topic(topic_of(speaker), settings.topic_partitions, settings.topic_replicas) for speaker in Speaker]


def main() -> int:
    """Create what is missing and say so."""
    try:
        settings = read_settings()
        settings.require("kafka")
        created = asyncio.run(create_topics(settings.kafka, topics(settings), PATIENCE))
    except (KafkaAway, LookupError) as error:
        sys.stderr.write(f"topics: {error}\n")
        return 1
    sys.stdout.write(f"topics: {len(created)} created\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
