"""The topics are those of the catalogue's speakers, and creating them can be repeated."""

from __future__ import annotations

import pytest

from backbone import topics as subject
from backbone.settings import Settings
from backbone.topics import main, topics
from reliefpath.events import CATALOGUE, Speaker, topic_of


def test_every_event_has_a_topic_to_go_to() -> None:
    names = {topic.name for topic in topics(Settings())}
    assert {topic_of(event.speaker) for event in CATALOGUE.values()} == names
    assert len(names) == len(Speaker)


def test_partitions_and_replicas_are_what_the_settings_say() -> None:
    made = topics(Settings(topic_partitions=12, topic_replicas=3))
    assert {(topic.partitions, topic.replicas) for topic in made} == {(12, 3)}


def test_creating_them_twice_creates_them_once(
    kafka: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RELIEFPATH_KAFKA", kafka)
    assert main() == 0
    capsys.readouterr()
    assert main() == 0
    assert capsys.readouterr().out == "topics: 0 created\n"


def test_without_a_broker_it_says_so_in_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("RELIEFPATH_KAFKA", raising=False)
    assert main() == 1
    assert capsys.readouterr().err == "topics: RELIEFPATH_KAFKA is not set\n"
    monkeypatch.setenv("RELIEFPATH_KAFKA", "127.0.0.1:1")
    monkeypatch.setattr(subject, "PATIENCE", 1.0)
    assert main() == 1
    assert capsys.readouterr().err == "topics: connect: KafkaConnectionError\n"
