"""All topics as one AsyncAPI 3.0 document: who says and who hears what, with which headers, key, order and delivery."""

from __future__ import annotations

from typing import Any, Final

from backbone.service import SERVICES, card_of
from contracts.cards import events, heard_by, one_line
from contracts.event_schemas import DIALECT, schema
from contracts.examples import examples_of
from reliefpath.envelope import CONTENT_TYPE, SOURCE_PREFIX, SPEC_VERSION
from reliefpath.events import Event, Speaker, topic_of

PROMISES: Final = """\
CloudEvents 1.0 in binary mode (Kafka protocol binding), data as JSON. The key is the stream: the journey's id, or the
facility's on `reliefpath.directory`. Order: the events of one stream are in one partition, in the order of `ce_seq`,
which counts 1, 2, 3… per speaker and stream; streams and topics are not ordered against each other. Delivery is at
least once: an event may come again, also after later ones; drop what you have heard by `ce_seq`, and wait when one is
missing. Topics keep every event without limit. A `v1` event only ever gains optional fields; read on when you meet one,
or a type, that you do not know. No event holds a name, a birth date or free text."""

_UUID: Final = {"type": "string", "format": "uuid"}


def document() -> dict[str, Any]:
    """The AsyncAPI document."""
    return {
        "asyncapi": "3.0.0",
        "id": "https://reliefpath.example/contracts/topics",
        "info": {"title": "Reliefpath topics", "version": "1", "description": PROMISES},
        "defaultContentType": CONTENT_TYPE,
        "channels": {speaker.value: _channel(speaker) for speaker in Speaker},
        "operations": _operations(),
        "components": {
            "messages": {_key(event): _message(event) for event in events()},
            "messageTraits": {"cloudEvent": {"contentType": CONTENT_TYPE, "bindings": {"kafka": {"key": _UUID}}}},
        },
    }


def _channel(speaker: Speaker) -> dict[str, Any]:
    said = [event for event in events() if event.speaker is speaker]
    stream = "facility" if speaker is Speaker.DIRECTORY else "journey"
    return {
        "address": topic_of(speaker),
        "description": f"What {speaker.value} says, in order per {stream}, at least once, for ever.",
        "messages": {_key(event): {"$ref": f"#/components/messages/{_key(event)}"} for event in said},
        "bindings": {"kafka": {"topic": topic_of(speaker), "topicConfiguration": {"cleanup.policy": ["delete"]}}},
    }


def _operations() -> dict[str, Any]:
    operations: dict[str, Any] = {}
    for service in SERVICES:
        for speaker in card_of(service).says:
            said = [event for event in events() if event.speaker is speaker]
            operations[f"{service}.says.{speaker.value}"] = _operation("send", speaker, said)
        for speaker in card_of(service).hears:
            heard = [event for event in events() if event.speaker is speaker and service in heard_by(event)]
            operations[f"{service}.hears.{speaker.value}"] = _operation("receive", speaker, heard)
    return operations


def _operation(action: str, speaker: Speaker, messages: list[type[Event]]) -> dict[str, Any]:
    return {
        "action": action,
        "channel": {"$ref": f"#/channels/{speaker.value}"},
        "messages": [{"$ref": f"#/channels/{speaker.value}/messages/{_key(event)}"} for event in messages],
    }


def _key(event: type[Event]) -> str:
    return event.type.removeprefix("reliefpath.")


def _message(event: type[Event]) -> dict[str, Any]:
    examples = [{"name": f"example{number}", "headers": one.headers, "payload": one.data}
                for number, one in enumerate(examples_of(event), 1)]  # fmt: skip
    return {
        "name": event.type,
        "title": event.__name__,
        "summary": one_line(event.__doc__),
        "headers": headers(event),
        "payload": {
            "schemaFormat": f"application/schema+json;version={DIALECT.split('/')[-2]}",
            "schema": _payload(event),
        },
        "traits": [{"$ref": "#/components/messageTraits/cloudEvent"}],
        **({"examples": examples} if examples else {}),
    }


def _payload(event: type[Event]) -> dict[str, Any]:
    return {name: value for name, value in schema(event).items() if name != "examples"}


def headers(event: type[Event]) -> dict[str, Any]:
    """The schema of an event's Kafka headers, as text."""
    of_journey: dict[str, Any] = {} if event.speaker is Speaker.DIRECTORY else {"ce_journey": _UUID}
    properties: dict[str, Any] = {
        "ce_specversion": {"const": SPEC_VERSION},
        "ce_id": {**_UUID, "description": "Unique per event; the same when it is sent again."},
        "ce_type": {"const": event.type},
        "ce_source": {"const": SOURCE_PREFIX + event.speaker},
        "ce_subject": {**_UUID, "description": "The stream; also the message's key."},
        "ce_time": {"type": "string", "format": "date-time", "description": "When it happened, by the one clock."},
        "ce_seq": {"type": "string", "pattern": "^[1-9][0-9]*$", "description": "Its place in its stream."},
        "ce_cause": {
            "type": "string",
            "description": "What led to it: `request:id`, `event:id` or `deadline:kind:id:cause`.",
        },
        "ce_actor": {"type": "string", "pattern": "^[a-z_]+:.+$", "description": "`role:subject`, without names."},
        "content-type": {"const": CONTENT_TYPE},
        **of_journey,
        "ce_rules": {"type": "string", "description": "The records it rests on, `id@version`, separated by spaces."},
        "traceparent": {"type": "string", "description": "W3C trace context."},
    }
    optional = {"ce_rules", "traceparent"}
    return {
        "type": "object",
        "properties": properties,
        "required": [name for name in properties if name not in optional],
    }
