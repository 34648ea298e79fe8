"""What differs between two AsyncAPI documents in a way that breaks whoever reads the topics."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from contracts.schema_changes import PASSING, Between, Change, Way, changed, differing, escaped

GROWING: Final = frozenset({"channels", "operations", "components", "info"})
SAYS: Final = "send"


def topics_changed(old: Any, new: Any) -> Iterator[Change]:
    """The breaking differences of two AsyncAPI documents. Whatever has no rule here may not differ.

    Payloads are compared as the events' own schemas. What our services hear is nobody's to rely on but theirs.
    """
    between = Between(old, new, Way.OUT)
    yield from differing(old, new, "", PASSING | GROWING)
    for name, channel in old["channels"].items():
        yield from _channel_changed(channel, new["channels"].get(name), f"/channels/{escaped(name)}")
    for name, operation in old["operations"].items():
        if operation["action"] == SAYS:
            yield from _speaker_changed(operation, new["operations"].get(name), f"/operations/{escaped(name)}")
    for name, message in old["components"]["messages"].items():
        now = new["components"]["messages"].get(name)
        if now is not None:  # its channel tells
            yield from _message_changed(message, now, between, f"/components/messages/{escaped(name)}")
    for name, trait in old["components"]["messageTraits"].items():
        now = new["components"]["messageTraits"].get(name, {})
        yield from _trait_changed(trait, now, between, f"/components/messageTraits/{escaped(name)}")


def _channel_changed(before: Any, after: Any, place: str) -> Iterator[Change]:
    if after is None:
        yield place, "the topic is gone"
        return
    if after["address"] != before["address"]:
        yield f"{place}/address", f"the topic was {before['address']} and is {after['address']}"
    for name, message in before["messages"].items():
        at = f"{place}/messages/{escaped(name)}"
        if name not in after["messages"]:
            yield at, "the event is not said on this topic any more"
        else:
            yield from differing(message, after["messages"][name], at)
    yield from differing(before, after, place, PASSING | {"address", "messages"})


def _speaker_changed(before: Any, after: Any, place: str) -> Iterator[Change]:
    if after is None:
        yield place, "nobody says this any more"
        return
    still = [one["$ref"] for one in after["messages"]]
    for message in before["messages"]:
        if message["$ref"] not in still:
            yield f"{place}/messages", f"{message['$ref'].rpartition('/')[2]} is not said by it any more"
    yield from differing(before, after, place, PASSING | {"messages"})


def _message_changed(before: Any, after: Any, between: Between, place: str) -> Iterator[Change]:
    yield from changed(before["headers"], after["headers"], between, f"{place}/headers")
    yield from differing(before, after, place, PASSING | {"headers", "schema"})


def _trait_changed(before: Any, after: Any, between: Between, place: str) -> Iterator[Change]:
    key = ("bindings", "kafka", "key")
    yield from changed(_at(before, *key), _at(after, *key), between, f"{place}/{'/'.join(key)}")
    yield from differing(before, after, place, PASSING | {"key"})


def _at(part: Any, *path: str) -> Any:
    for name in path:
        part = part.get(name, {})
    return part
