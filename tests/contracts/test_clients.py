"""A client is read off its contract: what a caller may say is a parameter, what they are told is a type."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from contracts import clients, http
from contracts.cards import HERE, SERVICES
from tests.architecture.sources import ROOT


def answering(schema: dict[str, Any], components: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """A contract of one operation, which answers this."""
    operation = {
        "operationId": "visits",
        "summary": "Look",
        "responses": {"200": {"content": {"application/json": {"schema": schema}}}, "409": {"$ref": "#/x"}},
        **more,
    }
    return {"paths": {"/visits/{id}": {"post": operation}}, "components": {"schemas": components or {}}}


def thing(**fields: Any) -> dict[str, Any]:
    return {"type": "object", "title": "Thing", "properties": fields, "required": ["a"]}


ID = {"name": "id", "in": "path", "required": True, "schema": {"type": "string", "format": "uuid"}}
TEXT = {"type": "string"}


@pytest.mark.parametrize("service", SERVICES)
def test_it_is_written_as_the_formatter_would_leave_it(service: str) -> None:
    text = clients.module(service, http.document(service))
    place = str(HERE / clients.PLACE / f"{service}.py")
    for command in (["format", "--check"], ["check"]):
        asked = [sys.executable, "-m", "ruff", *command, "--stdin-filename", place, "-"]
        done = subprocess.run(asked, input=text, cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("schema", "type_"),
    [
        ({"type": "integer"}, "int"),
        ({"type": "number"}, "float"),
        ({"type": "string", "format": "date-time"}, "str"),
        ({"anyOf": [{"type": "boolean"}, {"type": "null"}]}, "bool | None"),
        ({"type": "array", "items": {"anyOf": [TEXT, {"type": "integer"}]}}, "list[str | int]"),
        ({"type": "object", "additionalProperties": {"type": "integer"}}, "dict[str, int]"),
        ({"type": "object", "additionalProperties": True}, "dict[str, Any]"),
        ({}, "Any"),
        ({"$ref": "#/components/schemas/Page_Thing_"}, "PageThing"),
        ({"const": 3}, "VisitsAnswer"),
    ],
)
def test_every_schema_has_its_type(schema: dict[str, Any], type_: str) -> None:
    document = answering(schema, {"Page_Thing_": thing(a=TEXT)}, parameters=[ID])
    assert f"async def visits(self, id: str) -> {type_}:" in clients.module("visit", document)


def test_what_may_be_absent_is_not_required_and_fixed_values_are_written_out() -> None:
    fixed = {"enum": ["x", "y"], "type": "string"}
    schema = thing(a=TEXT, b={"anyOf": [fixed, {"type": "null"}]}, c={"type": "array", "items": thing(a=fixed)})
    text = clients.module("visit", answering(schema, parameters=[ID]))
    assert 'ThingB = Literal["x", "y"]' in text
    assert "    a: str\n    b: NotRequired[ThingB | None]\n    c: NotRequired[list[ThingC]]\n" in text
    assert "class ThingC(TypedDict):\n    a: ThingB\n" in text


def test_the_same_thing_has_one_name_and_namesakes_are_told_apart() -> None:
    one, other = {"enum": ["x"], "title": "Status"}, {"enum": ["y"], "title": "Status"}
    components = {"Status-Input": one, "a__inbox__Status": one, "b__streams__Status": other}
    document = answering(thing(a=one, b={"$ref": "#/components/schemas/b__streams__Status"}), components)
    text = clients.module("visit", document | {"paths": {"/visits": document["paths"]["/visits/{id}"]}})
    assert 'Status = Literal["x"]' in text
    assert 'StreamsStatus = Literal["y"]' in text
    assert "    a: Status\n    b: NotRequired[StreamsStatus]\n" in text


def test_things_that_only_look_alike_keep_their_own_names() -> None:
    schema = thing(a=thing(c=TEXT) | {"title": "Miss"}, b=thing(c=TEXT) | {"title": "Release"})
    text = clients.module("visit", answering(schema, parameters=[ID]))
    assert "    a: Miss\n    b: NotRequired[Release]\n" in text


def test_parameters_come_in_the_order_place_body_version_key_and_what_narrows() -> None:
    parameters = [
        {"name": "from", "in": "query", "schema": {"anyOf": [{"type": "array", "items": TEXT}, {"type": "null"}]}},
        {"name": "to", "in": "query", "required": True, "schema": TEXT},
        {"name": "Idempotency-Key", "in": "header", "required": True, "schema": TEXT},
        {"name": "If-Match", "in": "header", "required": True, "schema": TEXT},
        ID,
    ]
    body = {"required": True, "content": {"application/json": {"schema": thing(a=TEXT)}}}
    text = clients.module("visit", answering({}, parameters=parameters, requestBody=body))
    assert text.endswith('''\
    async def visits(
        self,
        id: str,
        body: Thing,
        *,
        version: int,
        key: str | None = None,
        to: str,
        from_: Sequence[str] | None = None,
    ) -> Any:
        """Look."""
        answer: Any = await self.call(
            "visits",
            id,
            body=body,
            version=version,
            key=key,
            query={"from": from_, "to": to},
        )
        return answer
''')  # fmt: skip
    assert '"visits": Operation("POST", "/visits/{id}", takes="application/json", keyed=True),' in text


@pytest.mark.parametrize(
    ("schema", "parameter"),
    [
        (thing(a=TEXT), ", body: Thing | None = None"),
        ({"type": "object", "properties": {}, "additionalProperties": False}, ""),
        ({"type": "object"}, ", body: Mapping[str, object] | None = None"),
    ],
    ids=["may be left out", "says nothing", "is any document"],
)
def test_a_body_is_asked_for_as_far_as_it_says_something(schema: dict[str, Any], parameter: str) -> None:
    body = {"content": {"application/json": {"schema": schema}}}
    text = clients.module("visit", answering({}, parameters=[ID], requestBody=body))
    assert f"async def visits(self, id: str{parameter}) -> Any:" in text
    assert 'takes="application/json"' in text


def test_a_document_of_another_standard_is_asked_for_as_it_is() -> None:
    schema = thing(a=TEXT)
    body = {"content": {"application/fhir+json": {"schema": schema}, "application/json": {"schema": schema}}}
    text = clients.module("visit", answering({}, parameters=[ID], requestBody=body))
    assert "async def visits(self, id: str, body: Mapping[str, object] | bytes | None = None) -> Any:" in text
    assert 'takes="application/fhir+json"' in text


def test_what_is_said_in_the_contract_stays_within_its_quotes_and_lines() -> None:
    about = 'A "path" \\d """ ' + "word " * 30 + "\n\nMore."
    text = clients.module("visit", answering({}, parameters=[ID], description=about))
    compile(text, "visit.py", "exec", dont_inherit=True)
    assert max(map(len, text.splitlines())) <= clients.WIDTH


@pytest.mark.parametrize(
    "document",
    [
        answering({"type": "file"}, parameters=[ID]),
        answering(thing(**{"from": TEXT}), parameters=[ID]),
        answering(thing(**{"a-b": TEXT}), parameters=[ID]),
        answering({}, {"Client": thing(a=TEXT)}, parameters=[ID]),
        answering({}, parameters=[ID, {"name": "X-Mood", "in": "header", "schema": TEXT}]),
    ],
    ids=["unknown type", "reserved field", "odd field", "name that is taken", "unknown header"],
)
def test_what_a_typed_client_cannot_say_is_refused_rather_than_left_out(document: dict[str, Any]) -> None:
    with pytest.raises(clients.Inexpressible):
        clients.module("visit", document)
