"""What would break who calls an API is refused with its exact place and the way out, and told once."""

from __future__ import annotations

from typing import Any, Final

import pytest

from contracts.api_changes import api_changed
from contracts.compatibility import NEW_OPERATION
from tests.contracts.planting import Plant, Planted, both, put, remove

API: Final = "openapi/referral.json"
ACCEPT: Final = "/paths/~1referrals~1{id}~1accept/post"


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
NOT_FIRST: Final = (
    "components", "responses", "Problem409", "content", "application/problem+json", "examples", "not-first", "value",
)  # fmt: skip
CREATE: Final = "/paths/~1referrals/post"
API_BREACHES: Final[dict[str, tuple[Plant, str, str]]] = {
    "an operation is removed": (one_operation_less, ACCEPT, "the operation is gone"),
    "an operation has another id": (
        put("accept_referral", *ACCEPT_OF, "operationId"), f"{ACCEPT}/operationId", "it was referral_accept",
    ),
    "a problem type is gone from one operation": (
        put({"$ref": "#/components/responses/Problem400"}, *ACCEPT_OF, "responses", "409"),
        f"{ACCEPT}/responses/409",
        "the problem type action-refused is gone",
    ),
    "a status of success is new": (
        put({"description": "Later."}, *ACCEPT_OF, "responses", "202"),
        f"{ACCEPT}/responses/202",
        "the status is new, where earlier callers know what success is",
    ),
    "a status is removed": (remove(*ACCEPT_OF, "responses", "409"), f"{ACCEPT}/responses/409", "the status is gone"),
    "an answer is of another media type": (
        put({"text/html": {}}, *ACCEPT_OF, "responses", "200", "content"),
        f"{ACCEPT}/responses/200",
        "application/json is not answered any more",
    ),
    "an answer lacks a field": (answer_without_state, "/components/schemas/ReferralShown/state", "the field is gone"),
    "a body needs a new field": (
        create_with_more,
        f"{CREATE}/requestBody/ward",
        "the field is new and required, which was never sent before",
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
        "/components/securitySchemes/HTTPBearer/scheme",
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
    "a parameter is written otherwise": (
        lambda document: document["paths"]["/referrals"]["get"]["parameters"][0].update({"explode": False}),
        "/paths/~1referrals/get/parameters/",
        "it was nothing and is false",
    ),
    "an answer lacks a header": (
        remove(*ACCEPT_OF, "responses", "200", "headers", "ETag"),
        f"{ACCEPT}/responses/200/headers/ETag",
        "the header is gone",
    ),
    "an answer's header is of another kind": (
        put({"type": "integer"}, *ACCEPT_OF, "responses", "200", "headers", "ETag", "schema"),
        f"{ACCEPT}/responses/200/headers/ETag",
        "its type changed from string to integer",
    ),
    "a refusal lacks a header": (
        remove("components", "responses", "Problem503", "headers"),
        "/components/responses/Problem503/headers/Retry-After",
        "the header is gone",
    ),
    "a refusal is of another media type": (
        put({"text/html": {}}, "components", "responses", "Problem409", "content"),
        "/components/responses/Problem409",
        "application/problem+json is not answered any more",
    ),
    "a refusal that nothing refers to is removed": (
        remove("components", "responses", "Problem405"),
        "/components/responses/Problem405",
        "the refusal is gone",
    ),
    "a problem type is called otherwise": (
        put("https://elsewhere.example/not-first", *NOT_FIRST, "type"),
        "/components/responses/Problem409/not-first/type",
        "it was https://reliefpath.example/problems/not-first and is https://elsewhere.example/not-first",
    ),
    "a problem type is of another status": (
        put(410, *NOT_FIRST, "status"), "/components/responses/Problem409/not-first/status", "it was 409 and is 410",
    ),
    "a second proof is needed": (
        put([{"HTTPBearer": [], "Certificate": []}], *ACCEPT_OF, "security"),
        f"{ACCEPT}/security",
        "HTTPBearer is not enough now",
    ),
    "another proof is needed": (
        put([{"Certificate": []}], *ACCEPT_OF, "security"), f"{ACCEPT}/security", "HTTPBearer is not enough now",
    ),
    "more may be needed of the same proof": (
        put([{"HTTPBearer": ["write"]}], *ACCEPT_OF, "security"), f"{ACCEPT}/security", "HTTPBearer is not enough now",
    ),
    "a token is needed everywhere": (
        put([{"HTTPBearer": []}], "security"), "/paths/~1lifecycles/get/security", "a token is needed now",
    ),
    "an operation is called back": (
        put({"told": {}}, *ACCEPT_OF, "callbacks"), f"{ACCEPT}/callbacks", "it was nothing and is {\"told\": {}}",
    ),
    "it is described by another version of OpenAPI": (
        put("3.2.0", "openapi"), "/openapi", "it was 3.1.0 and is 3.2.0",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", API_BREACHES)
def test_a_breach_of_an_api_is_refused_with_its_place_and_the_way_out(planted: Planted, what: str) -> None:
    change, where, said = API_BREACHES[what]
    found = planted.change(API, change)
    assert any(line.startswith(f"{API}#{where}") and f": {said}" in line for line in found), found
    assert all(line.endswith(NEW_OPERATION) for line in found)


@pytest.mark.parametrize(
    "change",
    [
        both(
            remove("components", "schemas", "Reason", "properties", "satisfy"),
            put(["code", "message"], "components", "schemas", "Reason", "required"),
        ),
        remove("components", "responses", "Problem412", "headers", "ETag"),
    ],
)
def test_what_every_operation_answers_is_told_once(planted: Planted, change: Plant) -> None:
    (line,) = planted.change(API, change)
    assert line.startswith(f"{API}#/components/")


def test_a_field_that_is_always_answered_may_be_new(planted: Planted) -> None:
    def change(document: Any) -> None:
        shown = document["components"]["schemas"]["ReferralShown"]
        shown["properties"]["priority"] = {"type": "string"}
        shown["required"].append("priority")

    assert planted.change(API, change) == []


@pytest.mark.parametrize(
    "other",
    [
        [{"HTTPBearer": []}, {"Certificate": []}],
        [{}],
        [],
    ],
)  # fmt: skip
def test_another_way_to_prove_who_calls_breaks_nobody(planted: Planted, other: Any) -> None:
    assert planted.change(API, put(other, *ACCEPT_OF, "security")) == []


def test_what_is_described_in_one_place_may_be_described_where_it_is_used() -> None:
    shown = {"type": "object", "properties": {"id": {"type": "string"}}}
    answer = {"description": "It.", "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Shown"}}}}
    before = {
        "paths": {"/one": {"get": {"operationId": "one", "responses": {"200": answer}}}},
        "components": {"schemas": {"Shown": shown}},
    }
    inline = {"description": "It.", "content": {"application/json": {"schema": shown}}}
    after = {"paths": {"/one": {"get": {"operationId": "one", "responses": {"200": inline}}}}}
    assert api_changed(before, after) == []
    shown["properties"] = {}
    before["components"] = {"schemas": {"Shown": {"type": "object", "properties": {"id": {"type": "string"}}}}}
    assert api_changed(before, after) == [("/paths/~1one/get/responses/200/id", "the field is gone")]
