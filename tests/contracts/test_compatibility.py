"""What would break a reader or a caller is refused, with its exact place and the way out; nothing else is."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any, Final

import pytest

from contracts.__main__ import write
from contracts.cards import HERE
from contracts.compatibility import NEW_OPERATION, NEW_VERSION, RELEASED, TOPICS, Way, breaches, changed, release
from tests.support.versions import second_version

EVENT: Final = "events/reliefpath.referral.ReferralAccepted.v1.json"
API: Final = "openapi/referral.json"
ACCEPT: Final = "/paths/~1referrals~1{id}~1accept/post"

Plant = Callable[[Any], object]


@pytest.fixture
def planted(tmp_path: Path) -> Callable[[str, Plant], list[str]]:
    """Plants a change into a copy of the present contracts; what is then said of it."""

    def plant(name: str, change: Plant) -> list[str]:
        released, present = tmp_path / "released", tmp_path / "present"
        for folder in ("openapi", "events"):
            shutil.copytree(HERE / folder, present / folder)
        shutil.copy(HERE / TOPICS, present / TOPICS)
        release(present, released)
        document = json.loads((present / name).read_text())
        change(document)
        (present / name).write_text(json.dumps(document))
        return [str(one) for one in breaches(released, present)]

    return plant


def test_nothing_that_was_released_is_broken() -> None:
    assert sorted(path.name for path in RELEASED.iterdir()) == ["asyncapi.json", "events", "openapi"]
    assert [str(one) for one in breaches()] == []


def remove(*path: str) -> Plant:
    def change(document: Any) -> None:
        for part in path[:-1]:
            document = document[part]
        del document[path[-1]]

    return change


def put(value: Any, *path: str) -> Plant:
    def change(document: Any) -> None:
        for part in path[:-1]:
            document = document.setdefault(part, {})
        document[path[-1]] = value

    return change


def rename(event: Any) -> None:
    event["properties"]["referring_facility"] = event["properties"].pop("from_facility")
    event["required"] = [{"from_facility": "referring_facility"}.get(one, one) for one in event["required"]]


def require(name: str, schema: Any) -> Plant:
    def change(event: Any) -> None:
        event["properties"][name] = schema
        event["required"].append(name)

    return change


EVENT_BREACHES: Final[dict[str, tuple[Plant, str, str]]] = {
    "a field is removed": (remove("properties", "urgency"), "/urgency", "the field is gone"),
    "a field is renamed": (rename, "/from_facility", "the field is gone (renamed to referring_facility?)"),
    "a new required field": (
        require("ward", {"type": "string"}),
        "/ward",
        "the field is new and required, which earlier events on the topics lack",
    ),
    "a field may be lacking": (
        put(["referral", "from_facility", "to_facility", "setting"], "required"),
        "/urgency",
        "the field may be lacking now",
    ),
    "a type is narrowed": (
        put({"type": "integer"}, "properties", "referral"),
        "/referral",
        "its type changed from string (uuid) to integer",
    ),
    "a type is widened": (
        put({"anyOf": [{"type": "string", "format": "uuid"}, {"type": "null"}]}, "properties", "referral"),
        "/referral",
        "null may come now",
    ),
    "a value of a list is removed": (
        put(["emergency", "urgent", "soon"], "$defs", "Urgency", "enum"), "/urgency", "the value routine is gone",
    ),
    "a value of a list is added": (
        put(["emergency", "urgent", "soon", "routine", "whenever"], "$defs", "Urgency", "enum"),
        "/urgency",
        "the value whenever is new, which earlier readers refuse",
    ),
    "a list of values is opened": (
        put({"type": "string"}, "$defs", "Urgency"), "/urgency", "its values are no fixed list any more",
    ),
    "an optional field becomes required": (
        put(["referral", "from_facility", "to_facility", "urgency", "setting", "antithrombotics"], "required"),
        "/antithrombotics",
        "the field is required now, and what is on the topics already would not be read any more",
    ),
    "a list becomes shorter": (
        put(1, "properties", "antithrombotics", "maxItems"),
        "/antithrombotics",
        "maxItems changed from None to 1, and what is on the topics already would not be read any more",
    ),
    "a list may hold anything": (
        remove("properties", "antithrombotics", "items"), "/antithrombotics", "items changed from some to any",
    ),
    "what nobody has thought about": (
        put(True, "properties", "antithrombotics", "uniqueItems"),
        "/antithrombotics",
        "uniqueItems changed from None to True",
    ),
    "codes are written otherwise": (
        put("^[a-z]+$", "properties", "antithrombotics", "items", "pattern"),
        "/antithrombotics/items",
        "its pattern changed from",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", EVENT_BREACHES)
def test_a_breach_of_an_event_is_refused_with_its_place_and_the_way_out(
    planted: Callable[[str, Plant], list[str]], what: str
) -> None:
    change, where, said = EVENT_BREACHES[what]
    found = planted(EVENT, change)
    assert any(line.startswith(f"{EVENT}#{where}: {said}") and line.endswith(NEW_VERSION) for line in found), found
    print("\n".join(found))


def test_an_event_that_is_gone_is_missed(planted: Callable[[str, Plant], list[str]], tmp_path: Path) -> None:
    planted(EVENT, lambda _: None)
    (tmp_path / "present" / EVENT).unlink()
    found = [str(one) for one in breaches(tmp_path / "released", tmp_path / "present")]
    assert found == [f"{EVENT}: the event is gone. {NEW_VERSION}"]


def body(document: Any) -> Any:
    return document["paths"]["/referrals/{id}/accept"]["post"]["requestBody"]["content"]["application/json"]["schema"]


def in_body(change: Plant) -> Plant:
    return lambda document: change(body(document))


def answer_without_state(document: Any) -> None:
    schema = document["components"]["schemas"]["ReferralShown"]
    del schema["properties"]["state"]
    schema["required"].remove("state")


def one_operation_less(document: Any) -> None:
    del document["paths"]["/referrals/{id}/accept"]


def create_with_more(document: Any) -> None:
    schema = document["paths"]["/referrals"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    schema["properties"]["ward"] = {"type": "string"}
    schema.setdefault("required", []).append("ward")


def create_with_fewer_settings(document: Any) -> None:
    schema = document["paths"]["/referrals"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    schema["properties"]["setting"]["enum"].remove("home")


ACCEPT_OF: Final = ("paths", "/referrals/{id}/accept", "post")
CREATE: Final = "/paths/~1referrals/post"
API_BREACHES: Final[dict[str, tuple[Plant, str, str]]] = {
    "an operation is removed": (one_operation_less, ACCEPT, "the operation is gone"),
    "an operation has another id": (
        put("accept_referral", *ACCEPT_OF, "operationId"), f"{ACCEPT}/operationId", "it was referral_accept",
    ),
    "a status is removed": (remove(*ACCEPT_OF, "responses", "409"), f"{ACCEPT}/responses/409", "the status is gone"),
    "an answer is of another media type": (
        put({"text/html": {}}, *ACCEPT_OF, "responses", "200", "content"),
        f"{ACCEPT}/responses/200",
        "application/json is not answered any more",
    ),
    "an answer lacks a field": (answer_without_state, f"{ACCEPT}/responses/200/state", "the field is gone"),
    "a body needs a new field": (
        create_with_more,
        f"{CREATE}/requestBody/ward",
        "the field is new and required, which earlier callers do not send",
    ),
    "a body takes fewer values": (
        create_with_fewer_settings, f"{CREATE}/requestBody/setting", "the value home is gone",
    ),
    "a token is needed": (
        lambda document: document["paths"]["/lifecycles"]["get"].update({"security": [{"HTTPBearer": []}]}),
        "/paths/~1lifecycles/get/security",
        "a token is needed now",
    ),
    "callers prove otherwise who they are": (
        put("basic", "components", "securitySchemes", "HTTPBearer", "scheme"),
        "/components/securitySchemes/HTTPBearer",
        "callers prove otherwise who they are",
    ),
    "a problem type is removed": (
        remove("components", "responses", "Problem409", "content", "application/problem+json", "examples", "not-first"),
        "/components/responses/Problem409",
        "the problem type not-first is gone",
    ),
    "a parameter is removed": (
        put([], *ACCEPT_OF, "parameters"), f"{ACCEPT}/parameters/path/id", "the parameter is gone",
    ),
    "a parameter is new and required": (
        lambda document: document["paths"]["/referrals/{id}/accept"]["post"]["parameters"].append(
            {"in": "query", "name": "ward", "required": True, "schema": {"type": "string"}}
        ),
        f"{ACCEPT}/parameters/query/ward",
        "the parameter is new and required",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", API_BREACHES)
def test_a_breach_of_an_api_is_refused_with_its_place_and_the_way_out(
    planted: Callable[[str, Plant], list[str]], what: str
) -> None:
    change, where, said = API_BREACHES[what]
    found = planted(API, change)
    assert any(line.startswith(f"{API}#{where}: {said}") and line.endswith(NEW_OPERATION) for line in found), found
    print("\n".join(found))


def test_an_api_that_is_gone_is_missed(planted: Callable[[str, Plant], list[str]], tmp_path: Path) -> None:
    planted(API, lambda _: None)
    (tmp_path / "present" / API).unlink()
    found = [str(one) for one in breaches(tmp_path / "released", tmp_path / "present")]
    assert found == [f"{API}: the API is gone. {NEW_OPERATION}"]


def more_of_everything(document: Any) -> None:
    document["paths"]["/referrals/{id}/praise"] = {"post": {"operationId": "referral_praise", "responses": {}}}
    accept = document["paths"]["/referrals/{id}/accept"]["post"]
    accept["responses"]["418"] = {"description": "A teapot."}
    accept["parameters"].append({"in": "query", "name": "ward", "schema": {"type": "string"}})
    document["components"]["schemas"]["ReferralShown"]["properties"]["ward"] = {"type": "string"}
    body(document)["properties"]["ward"] = {"type": "string"}


def another_example(document: Any) -> None:
    media = document["paths"]["/referrals/{id}/accept"]["post"]["responses"]["200"]["content"]["application/json"]
    media["examples"] = {"told-otherwise": {"value": {"id": None}}}


CHANNEL: Final = ("channels", "referral")
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
}


@pytest.mark.parametrize("what", TOPIC_BREACHES)
def test_a_breach_of_the_topics_is_refused_with_its_place_and_the_way_out(
    planted: Callable[[str, Plant], list[str]], what: str
) -> None:
    change, where, said = TOPIC_BREACHES[what]
    found = planted(TOPICS, change)
    assert any(line.startswith(f"{TOPICS}#{where}: {said}") and line.endswith(NEW_VERSION) for line in found), found


TEXT: Final = {"type": "string"}
OR_NOTHING: Final = {"anyOf": [TEXT, {"type": "null"}]}
OPEN_OR_SHUT: Final = {"type": "string", "enum": ["open", "shut"]}


@pytest.mark.parametrize(
    ("before", "after", "way", "found"),
    [
        (TEXT, OR_NOTHING, Way.IN, []),
        (OR_NOTHING, TEXT, Way.IN, ["/: null is not taken any more"]),
        (TEXT, OR_NOTHING, Way.OUT, ["/: null may come now"]),
        (OR_NOTHING, TEXT, Way.OUT, []),
        ({"type": "integer"}, {"type": "number"}, Way.IN, []),
        ({"type": "integer"}, {"type": "number"}, Way.OUT, ["/: its type changed from integer to number"]),
        (
            {"anyOf": [OPEN_OR_SHUT, {"type": "null"}]},
            {"anyOf": [{"type": "string", "enum": ["open", "shut", "ajar"]}, {"type": "null"}]},
            Way.OUT,
            ["/: the value ajar is new, which earlier readers refuse"],
        ),
        (
            {"properties": {"at": {"anyOf": [{"type": "object", "properties": {"code": TEXT}}, {"type": "null"}]}}},
            {"properties": {"at": {"anyOf": [{"type": "object", "properties": {}}, {"type": "null"}]}}},
            Way.OUT,
            ["/at/code: the field is gone"],
        ),
        ({"type": "object"}, {"type": "object", "additionalProperties": False}, Way.IN,
         ["/: additionalProperties changed from any to none"]),
        ({"type": "integer", "default": 50}, {"type": "integer", "default": 9}, Way.IN,
         ["/: default changed from 50 to 9"]),
        ({"type": "integer", "default": 50}, {"type": "integer", "default": 9}, Way.OUT, []),
        (TEXT, {"type": "string", "maxLength": 5}, Way.IN, ["/: maxLength changed from None to 5"]),
        ({"type": "string", "maxLength": 5}, TEXT, Way.IN, []),
    ],
)  # fmt: skip
def test_what_breaks_callers_is_not_what_breaks_readers(before: Any, after: Any, way: Way, found: list[str]) -> None:
    assert [f"{where}: {what}" for where, what in changed(before, after, way, before, after)] == found


FREE: Final[dict[str, tuple[str, Plant]]] = {
    "an event gains an optional field": (EVENT, put({"type": "string"}, "properties", "ward")),
    "an event is described otherwise": (EVENT, put("Another sentence.", "description")),
    "an API gains an operation, a status, optional parameters and fields": (API, more_of_everything),
    "an answer's example is another": (API, another_example),
}


@pytest.mark.parametrize("what", FREE)
def test_what_breaks_nobody_is_let_through(planted: Callable[[str, Plant], list[str]], what: str) -> None:
    name, change = FREE[what]
    before = json.loads((HERE / name).read_text())
    after = deepcopy(before)
    change(after)
    assert after != before
    assert planted(name, change) == []


def test_a_second_version_beside_the_first_breaks_nobody_and_has_a_contract_of_its_own(
    planted: Callable[[str, Plant], list[str]], tmp_path: Path
) -> None:
    planted(EVENT, lambda _: None)
    with second_version():
        write(tmp_path / "present")
    assert breaches(tmp_path / "released", tmp_path / "present") == []
    described = json.loads((tmp_path / "present/events/reliefpath.referral.ReferralDeclined.v2.json").read_text())
    assert described["required"] == ["referral", "reason_codes"]
