"""What would break a reader or a caller is refused, with its exact place and the way out; nothing else is."""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path
from typing import Any, Final

import pytest

from backbone.service import SERVICES
from contracts.__main__ import write
from contracts.cards import HERE, lifecycles
from contracts.compatibility import (
    NEW_CODE,
    NEW_OPERATION,
    NEW_VERSION,
    REASONS,
    RELEASED,
    RESTORE,
    TOPICS,
    breaches,
    lost,
)
from tests.contracts.planting import Plant, Planted, put, remove
from tests.support.versions import second_version

EVENT: Final = "events/reliefpath.referral.ReferralAccepted.v1.json"
API: Final = "openapi/referral.json"


def test_nothing_that_was_released_is_broken_or_lost() -> None:
    assert sorted(path.name for path in RELEASED.iterdir()) == [
        "asyncapi.json",
        "events",
        "lifecycles",
        "openapi",
        "reasons.json",
    ]
    assert [str(one) for one in (*lost(), *breaches())] == []


@pytest.mark.parametrize("name", [EVENT, API, TOPICS, REASONS])
def test_what_was_released_and_is_not_kept_is_missed(planted: Planted, name: str) -> None:
    (planted.released / name).unlink()
    assert [str(one) for one in lost(planted.released)] == [
        f"released/{name}: what was released is not kept. {RESTORE}"
    ]


def test_where_nothing_is_kept_of_what_was_released_everything_is_missed(tmp_path: Path) -> None:
    assert [one.place for one in lost(tmp_path / "released")] == [
        f"released/{name}"
        for name in (
            TOPICS,
            REASONS,
            *(f"openapi/{one}.json" for one in SERVICES),
            *(f"lifecycles/{one}.json" for one in lifecycles()),
        )
    ]


@pytest.mark.parametrize("damage", ["<<<<<<< HEAD\n{}", "{}", "[]", '{"channels": 1, "paths": 1, "reasons": 1}'])
@pytest.mark.parametrize("name", [API, TOPICS, REASONS])
def test_a_contract_that_is_damaged_is_told_and_ends_no_comparison(planted: Planted, name: str, damage: str) -> None:
    (planted.present / name).write_text(damage)
    assert [line for line in planted.breaches() if line.startswith(f"{name}")], planted.breaches()


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
        "the field is new and required, which was never sent before",
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
        "maxItems changed from nothing to 1, and what is on the topics already would not be read any more",
    ),
    "a list may hold anything": (
        remove("properties", "antithrombotics", "items"), "/antithrombotics", "items changed from some to any",
    ),
    "what nobody has thought about": (
        put(True, "properties", "antithrombotics", "uniqueItems"),
        "/antithrombotics",
        "uniqueItems changed from nothing to true",
    ),
    "codes are written otherwise": (
        put("^[a-z]+$", "properties", "antithrombotics", "items", "pattern"),
        "/antithrombotics/items",
        "its pattern changed from",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", EVENT_BREACHES)
def test_a_breach_of_an_event_is_refused_with_its_place_and_the_way_out(planted: Planted, what: str) -> None:
    change, where, said = EVENT_BREACHES[what]
    found = planted.change(EVENT, change)
    assert any(line.startswith(f"{EVENT}#{where}: {said}") and line.endswith(NEW_VERSION) for line in found), found


@pytest.mark.parametrize(
    ("name", "said"),
    [
        (EVENT, f"{EVENT}: the event is gone. {NEW_VERSION}"),
        (API, f"{API}: the API is gone. {NEW_OPERATION}"),
        (TOPICS, f"{TOPICS}: the topics' contract is gone. {NEW_VERSION}"),
        (REASONS, f"{REASONS}: the list of reasons is gone. {NEW_CODE}"),
    ],
)
def test_a_contract_that_is_gone_is_missed(planted: Planted, name: str, said: str) -> None:
    (planted.present / name).unlink()
    assert planted.breaches() == [said]


def test_a_reason_that_is_given_no_more_is_refused(planted: Planted) -> None:
    found = planted.change(REASONS, remove("reasons", "idempotency-key-reused"))
    assert found == [f"{REASONS}#/reasons/idempotency-key-reused: the reason is gone. {NEW_CODE}"]


def more_of_everything(document: Any) -> None:
    document["paths"]["/referrals/{id}/praise"] = {"post": {"operationId": "referral_praise", "responses": {}}}
    accept = document["paths"]["/referrals/{id}/accept"]["post"]
    accept["responses"]["418"] = {"description": "A teapot."}
    accept["parameters"].append({"in": "query", "name": "ward", "schema": {"type": "string"}})
    document["components"]["schemas"]["ReferralShown"]["properties"]["ward"] = {"type": "string"}
    body = accept["requestBody"]["content"]["application/json"]["schema"]
    body["properties"]["ward"] = {"type": "string"}


def another_example(document: Any) -> None:
    media = document["paths"]["/referrals/{id}/accept"]["post"]["responses"]["200"]["content"]["application/json"]
    media["examples"] = {"told-otherwise": {"value": {"id": None}}}


FREE: Final[dict[str, tuple[str, Plant]]] = {
    "an event gains an optional field": (EVENT, put({"type": "string"}, "properties", "ward")),
    "an event is described otherwise": (EVENT, put("Another sentence.", "description")),
    "an API gains an operation, a status, optional parameters and fields": (API, more_of_everything),
    "an answer's example is another": (API, another_example),
}


@pytest.mark.parametrize("what", FREE)
def test_what_breaks_nobody_is_let_through(planted: Planted, what: str) -> None:
    name, change = FREE[what]
    before = json.loads((HERE / name).read_text())
    after = deepcopy(before)
    change(after)
    assert after != before
    assert planted.change(name, change) == []


def test_a_second_version_beside_the_first_breaks_nobody_and_has_a_contract_of_its_own(planted: Planted) -> None:
    with second_version():
        write(planted.present)
    assert planted.breaches() == []
    described = json.loads((planted.present / "events/reliefpath.referral.ReferralDeclined.v2.json").read_text())
    assert described["required"] == ["referral", "reason_codes"]
