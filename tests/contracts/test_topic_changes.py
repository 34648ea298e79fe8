"""What would break who reads the topics is refused with its exact place and the way out."""

from __future__ import annotations

from typing import Any, Final

import pytest

from contracts.compatibility import NEW_VERSION, TOPICS
from tests.contracts.planting import Plant, Planted, put, remove

CHANNEL: Final = ("channels", "referral")
MESSAGE: Final = ("components", "messages", "referral.ReferralAccepted.v1")
SAYS: Final = ("operations", "referral.says.referral")
TRAIT: Final = ("components", "messageTraits", "cloudEvent")
TOPIC_BREACHES: Final[dict[str, tuple[Plant, str, str]]] = {
    "a topic is renamed": (
        put("reliefpath.v9", *CHANNEL, "address"),
        "/channels/referral/address",
        "the topic was reliefpath.referral and is reliefpath.v9",
    ),
    "a topic is gone": (remove(*CHANNEL), "/channels/referral", "the topic is gone"),
    "an event is said elsewhere": (
        remove(*CHANNEL, "messages", "referral.ReferralAccepted.v1"),
        "/channels/referral/messages/referral.ReferralAccepted.v1",
        "the event is not said on this topic any more",
    ),
    "the key is another": (
        put({"type": "integer"}, "components", "messageTraits", "cloudEvent", "bindings", "kafka", "key"),
        "/components/messageTraits/cloudEvent/bindings/kafka/key",
        "its type changed from string (uuid) to integer",
    ),
    "a header is gone": (
        remove("components", "messages", "referral.ReferralAccepted.v1", "headers", "properties", "ce_cause"),
        "/components/messages/referral.ReferralAccepted.v1/headers/ce_cause",
        "the field is gone",
    ),
    "what is old is compacted away": (
        put(["compact"], *CHANNEL, "bindings", "kafka", "topicConfiguration", "cleanup.policy"),
        "/channels/referral/bindings/kafka/topicConfiguration/cleanup.policy",
        'it was ["delete"] and is ["compact"]',
    ),
    "the topic is bound to another name": (
        put("other", *CHANNEL, "bindings", "kafka", "topic"),
        "/channels/referral/bindings/kafka/topic",
        "it was reliefpath.referral and is other",
    ),
    "a topic's event is another": (
        put({"$ref": "#/components/messages/x"}, *CHANNEL, "messages", "referral.ReferralAccepted.v1"),
        "/channels/referral/messages/referral.ReferralAccepted.v1/$ref",
        "it was #/components/messages/referral.ReferralAccepted.v1 and is #/components/messages/x",
    ),
    "who spoke hears": (put("receive", *SAYS, "action"), f"/operations/{SAYS[1]}/action", "it was send and is receive"),
    "who spoke is silent": (remove(*SAYS), f"/operations/{SAYS[1]}", "nobody says this any more"),
    "a speaker leaves an event out": (
        lambda document: document["operations"][SAYS[1]]["messages"].pop(0),
        f"/operations/{SAYS[1]}/messages",
        "referral.AssessmentRecorded.v1 is not said by it any more",
    ),
    "a speaker speaks elsewhere": (
        put({"$ref": "#/channels/followup"}, *SAYS, "channel"),
        f"/operations/{SAYS[1]}/channel/$ref",
        "it was #/channels/referral and is #/channels/followup",
    ),
    "events are written otherwise": (
        put("application/avro", "defaultContentType"),
        "/defaultContentType",
        "it was application/json and is application/avro",
    ),
    "messages are written otherwise": (
        put("application/avro", *TRAIT, "contentType"),
        "/components/messageTraits/cloudEvent/contentType",
        "it was application/json and is application/avro",
    ),
    "what all messages have is gone": (
        remove(*TRAIT), "/components/messageTraits/cloudEvent/contentType", "it was application/json and is nothing",
    ),
    "a message has not what all have": (
        put([], *MESSAGE, "traits"), f"/components/messages/{MESSAGE[2]}/traits", "it was [{",
    ),
    "an event is called otherwise": (
        put("other", *MESSAGE, "name"),
        f"/components/messages/{MESSAGE[2]}/name",
        "it was reliefpath.referral.ReferralAccepted.v1 and is other",
    ),
    "an event is described in another language": (
        put("application/vnd.apache.avro", *MESSAGE, "payload", "schemaFormat"),
        f"/components/messages/{MESSAGE[2]}/payload/schemaFormat",
        "it was application/schema+json;version=2020-12 and is application/vnd.apache.avro",
    ),
    "a header may be lacking": (
        lambda document: document["components"]["messages"][MESSAGE[2]]["headers"]["required"].remove("ce_seq"),
        f"/components/messages/{MESSAGE[2]}/headers/ce_seq",
        "the field may be lacking now",
    ),
    "what nobody has thought about": (
        put([{"$ref": "#/x"}], *CHANNEL, "servers"),
        "/channels/referral/servers",
        'it was nothing and is [{"$ref": "#/x"}]',
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", TOPIC_BREACHES)
def test_a_breach_of_the_topics_is_refused_with_its_place_and_the_way_out(planted: Planted, what: str) -> None:
    change, where, said = TOPIC_BREACHES[what]
    found = planted.change(TOPICS, change)
    assert any(line.startswith(f"{TOPICS}#{where}: {said}") and line.endswith(NEW_VERSION) for line in found), found


def more_of_everything(document: Any) -> None:
    document["channels"]["billing"] = {"address": "reliefpath.billing", "messages": {}}
    document["components"]["messages"]["billing.Billed.v1"] = {"name": "reliefpath.billing.Billed.v1"}
    document["operations"]["billing.says.billing"] = {"action": "send", "channel": {}, "messages": []}
    document["components"]["messages"][MESSAGE[2]]["headers"]["properties"]["ce_ward"] = {"type": "string"}


FREE: Final[dict[str, Plant]] = {
    "a topic, an event, a speaker and a header that may be lacking are new": more_of_everything,
    "a service hears less": lambda document: document["operations"]["scheduling.hears.referral"]["messages"].clear(),
    "it is described otherwise": put("Another sentence.", "info", "description"),
    "an event's example is another": put([], *MESSAGE, "examples"),
}


@pytest.mark.parametrize("what", FREE)
def test_what_breaks_nobody_is_let_through(planted: Planted, what: str) -> None:
    assert planted.change(TOPICS, FREE[what]) == []
