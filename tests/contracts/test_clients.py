"""A client is read off its contract: what a caller may say is a parameter, what they are told is a type.

What several contracts say alike is in a client of its own, which theirs are too.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from backbone.service import SERVICES
from contracts import clients, http
from contracts.cards import HERE
from tests.architecture.sources import ROOT


def answering(schema: dict[str, Any], components: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """A contract of one operation, which answers this."""
    operation = {
        "operationId": "visits",
        "summary": "Look",
        "responses": {
            "200": {"content": {"application/json": {"schema": schema}}},
            "409": {"$ref": "#/components/responses/Refused"},
        },
        **more,
    }
    return {
        "paths": {"/visits/{id}": {"post": operation}},
        "components": {"schemas": components or {}, "responses": {"Refused": {"description": "No."}}},
    }


def joined(*documents: dict[str, Any]) -> dict[str, Any]:
    """One contract with the operations of all of these, each at a path of its own."""
    paths = {f"/{number}{path}": item for number, one in enumerate(documents) for path, item in one["paths"].items()}
    schemas = {name: schema for one in documents for name, schema in one["components"]["schemas"].items()}
    return {"paths": paths, "components": documents[0]["components"] | {"schemas": schemas}}


def written(document: dict[str, Any]) -> str:
    """The client of an API that has nothing in common with others."""
    [text] = clients.modules({"visit": document}).values()
    return text


def thing(**fields: Any) -> dict[str, Any]:
    return {"type": "object", "title": "Thing", "properties": fields, "required": ["a"]}


def referring(component: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{component}"}


ID = {"name": "id", "in": "path", "required": True, "schema": {"type": "string", "format": "uuid"}}
TEXT = {"type": "string"}


def assert_formatted(folder: Path, modules: Mapping[str, str]) -> None:
    for name, text in modules.items():
        (folder / f"{name}.py").write_text(text)
    for command in (["format", "--check"], ["check"]):
        asked = [sys.executable, "-m", "ruff", *command, "--config", str(ROOT / "pyproject.toml"), str(folder)]
        done = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def test_all_is_written_as_the_formatter_would_leave_it(tmp_path: Path) -> None:
    assert_formatted(tmp_path, clients.modules({service: http.document(service) for service in SERVICES}))


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
        (referring("Page_Thing_"), "PageThing"),
        ({"const": 3}, "VisitsAnswer"),
    ],
)
def test_every_schema_has_its_type(schema: dict[str, Any], type_: str) -> None:
    document = answering(schema, {"Page_Thing_": thing(a=TEXT)}, parameters=[ID])
    assert f"async def visits(self, id: str) -> {type_}:" in written(document)


def test_what_may_be_absent_is_not_required_and_fixed_values_are_written_out() -> None:
    fixed = {"enum": ["x", "y"], "type": "string"}
    schema = thing(a=TEXT, b={"anyOf": [fixed, {"type": "null"}]}, c={"type": "array", "items": thing(a=fixed)})
    text = written(answering(schema, parameters=[ID]))
    assert 'ThingB = Literal["x", "y"]' in text
    assert "    a: str\n    b: NotRequired[ThingB | None]\n    c: NotRequired[list[ThingC]]\n" in text
    assert "class ThingC(TypedDict):\n    a: ThingB\n" in text


def test_the_same_thing_has_one_name_and_namesakes_are_told_apart() -> None:
    one, other = {"enum": ["x"], "title": "Status"}, {"enum": ["y"], "title": "Status"}
    components = {"Status-Input": one, "a__inbox__Status": one, "b__streams__Status": other}
    fields = {field: referring(name) for field, name in zip("abc", components, strict=True)}
    text = written(answering(thing(**fields), components, parameters=[ID]))
    assert '\nStatus = Literal["x"]' in text
    assert 'StreamsStatus = Literal["y"]' in text
    assert "    a: Status\n    b: NotRequired[Status]\n    c: NotRequired[StreamsStatus]\n" in text


def test_things_that_only_look_alike_keep_their_own_names() -> None:
    schema = thing(a=thing(c=TEXT) | {"title": "Miss"}, b=thing(c=TEXT) | {"title": "Release"})
    text = written(answering(schema, parameters=[ID]))
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
    text = written(answering({}, parameters=parameters, requestBody=body))
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
    text = written(answering({}, parameters=[ID], requestBody=body))
    assert f"async def visits(self, id: str{parameter}) -> Any:" in text
    assert 'takes="application/json"' in text


def test_a_document_of_another_standard_is_asked_for_as_it_is() -> None:
    schema = thing(a=TEXT)
    body = {"content": {"application/fhir+json": {"schema": schema}, "application/json": {"schema": schema}}}
    text = written(answering({}, parameters=[ID], requestBody=body))
    assert "async def visits(self, id: str, body: Mapping[str, object] | bytes | None = None) -> Any:" in text
    assert 'takes="application/fhir+json"' in text


def test_what_is_said_in_the_contract_stays_within_its_quotes_and_lines() -> None:
    about = 'A "path" \\d """ ' + "word " * 30 + "\n\nMore."
    text = written(answering({}, parameters=[ID], description=about))
    compile(text, "visit.py", "exec", dont_inherit=True)
    assert max(map(len, text.splitlines())) <= clients.WIDTH


@pytest.mark.parametrize(
    "document",
    [
        answering({"type": "file"}, parameters=[ID]),
        answering(thing(**{"from": TEXT}), parameters=[ID]),
        answering(thing(**{"a-b": TEXT}), parameters=[ID]),
        answering(referring("Client"), {"Client": thing(a=TEXT)}, parameters=[ID]),
        answering({}, parameters=[ID, {"name": "X-Mood", "in": "header", "schema": TEXT}]),
    ],
    ids=["unknown type", "reserved field", "odd field", "name that is taken", "unknown header"],
)
def test_what_a_typed_client_cannot_say_is_refused_rather_than_left_out(document: dict[str, Any]) -> None:
    with pytest.raises(clients.Inexpressible):
        written(document)


ROUNDS = answering(referring("Thing"), {"Thing": thing(a=TEXT)}, parameters=[ID], tags=["rounds"])
ALONE = answering({}, parameters=[ID], operationId="alone")


def test_what_several_apis_say_alike_under_a_tag_is_written_once_and_inherited() -> None:
    found = clients.modules({"visit": joined(ROUNDS, ALONE), "stay": joined(ROUNDS)})
    assert found.keys() == {"rounds", "visit", "stay"}
    assert "class Thing(TypedDict):\n    a: str\n\n\nclass Rounds(Client):\n" in found["rounds"]
    assert "async def visits(self, id: str) -> Thing:" in found["rounds"]
    assert "visit and stay" in found["rounds"]
    assert '{\n        **Rounds.OPERATIONS,\n        "alone": Operation(' in found["visit"]
    for one in ("visit", "stay"):
        assert f"class {one.capitalize()}(Rounds):\n" in found[one]
        assert "from reliefpath_client.rounds import Rounds\n" in found[one]
        assert "Thing" not in found[one]
        assert "def visits" not in found[one]


def test_the_same_may_go_by_different_names_in_each_contract_and_is_called_as_if_there_was_nothing_else() -> None:
    schemas = {"wards__Thing": thing(a=TEXT), "beds__Thing": thing(b=TEXT)}
    apart = answering(referring("wards__Thing"), schemas, parameters=[ID], tags=["rounds"])
    for documents in ({"visit": ROUNDS, "stay": apart}, {"visit": apart, "stay": ROUNDS}):
        found = clients.modules(documents)
        assert "async def visits(self, id: str) -> Thing:" in found["rounds"]
        assert "def visits" not in found["visit"] + found["stay"]


def test_an_example_of_one_of_the_apis_makes_no_difference() -> None:
    shown = deepcopy(ROUNDS)
    answers = shown["paths"]["/visits/{id}"]["post"]["responses"]
    answers["200"]["content"]["application/json"]["examples"] = {"first": {"value": {"a": "b"}}}
    assert clients.modules({"visit": shown, "stay": ROUNDS}) == clients.modules({"visit": ROUNDS, "stay": ROUNDS})


def test_it_is_under_the_first_of_its_tags() -> None:
    document = answering({}, parameters=[ID], tags=["rounds", "wards"])
    assert clients.modules({"visit": document, "stay": document}).keys() == {"rounds", "visit", "stay"}


def elsewhere(document: dict[str, Any], path: str, method: str) -> dict[str, Any]:
    return document | {"paths": {path: {method: document["paths"]["/visits/{id}"]["post"]}}}


REFUSING = {"components": ROUNDS["components"] | {"responses": {"Refused": {"description": "Never."}}}}
OTHER_THING = {"components": ROUNDS["components"] | {"schemas": {"Thing": thing(a=TEXT, b=TEXT)}}}


@pytest.mark.parametrize(
    "other",
    [
        elsewhere(ROUNDS, "/visits/{id}", "put"),
        elsewhere(ROUNDS, "/rounds/{id}", "post"),
        joined(answering(referring("Thing"), {"Thing": thing(a=TEXT)}, parameters=[ID])),
        answering({}, parameters=[ID], tags=["rounds"], operationId="others"),
        answering({}, parameters=[ID], tags=["rounds"]),
        answering(referring("Thing"), {"Thing": thing(a=TEXT)}, parameters=[ID], tags=["others"]),
        ROUNDS | OTHER_THING,
        ROUNDS | REFUSING,
    ],
    ids=["method", "path", "no tag", "id", "schema", "tag", "schema that is referred to", "refusal"],
)
def test_what_differs_in_anything_is_written_in_each(other: dict[str, Any]) -> None:
    found = clients.modules({"visit": ROUNDS, "stay": other})
    assert found.keys() == {"visit", "stay"}
    assert "async def visits(self, id: str) -> Thing:" in found["visit"]
    assert "class Stay(Client):" in found["stay"]


def test_what_one_of_the_apis_with_the_tag_lacks_is_not_alike_in_all() -> None:
    more = answering({}, parameters=[ID], operationId="more", tags=["rounds"])
    both = joined(ROUNDS, more)
    found = clients.modules({"visit": both, "stay": both, "course": joined(ROUNDS)})
    assert "def visits" in found["rounds"]
    assert "def more" not in found["rounds"]
    assert "def more" in found["visit"]
    assert "def more" in found["stay"]
    apart = clients.modules({"visit": both, "stay": both, "course": answering({}, parameters=[ID], tags=["rounds"])})
    assert apart.keys() == {"visit", "stay", "course"}


def test_a_type_of_what_is_inherited_is_imported_where_it_is_named_and_its_namesake_is_a_type_of_its_own() -> None:
    same = answering(referring("X"), {"X": thing(a=TEXT)}, parameters=[ID], operationId="alone")
    namesake = answering(thing(b=TEXT), parameters=[ID], operationId="alone")
    found = clients.modules({"visit": joined(ROUNDS, same), "stay": joined(ROUNDS, namesake)})
    assert "from reliefpath_client.rounds import Rounds, Thing\n" in found["visit"]
    assert "class Thing" not in found["visit"]
    assert "from reliefpath_client.rounds import Rounds\n" in found["stay"]
    assert "class Thing(TypedDict):\n    b: NotRequired[str]\n" in found["stay"]
    assert all("async def alone(self, id: str) -> Thing:" in found[one] for one in ("visit", "stay"))


def test_where_both_are_named_the_inherited_one_keeps_its_name() -> None:
    holder = thing(a=referring("wards__Thing"), b=referring("beds__Thing"))
    schemas = {"beds__Thing": thing(c=TEXT), "wards__Thing": thing(a=TEXT)}
    both = answering(holder | {"title": "Holder"}, schemas, parameters=[ID], operationId="alone")
    found = clients.modules({"visit": joined(ROUNDS, both), "stay": joined(ROUNDS)})
    assert "    a: Thing\n    b: NotRequired[BedsThing]\n" in found["visit"]
    assert "from reliefpath_client.rounds import Rounds, Thing\n" in found["visit"]


def test_what_is_inherited_is_known_again_though_what_it_holds_goes_by_another_name() -> None:
    def page(component: str, **more: Any) -> dict[str, Any]:
        schemas = {"Page": thing(a=referring(component)) | {"title": "Page"}, component: thing(a=TEXT)}
        return answering(referring("Page"), schemas, parameters=[ID], **more)

    visit = joined(page("Thing", tags=["rounds"]), page("Thing", operationId="alone"))
    found = clients.modules({"visit": visit, "stay": joined(page("wards__Thing", tags=["rounds"]))})
    assert "from reliefpath_client.rounds import Page, Rounds\n" in found["visit"]
    assert "class Page" not in found["visit"]


def test_no_name_means_two_things_though_each_is_inherited() -> None:
    wards = answering(thing(b=TEXT), parameters=[ID], operationId="wards", tags=["wards"])
    holder = thing(a=thing(a=TEXT), b=thing(b=TEXT), c=thing(c=TEXT) | {"title": "Rounds"}) | {"title": "Holder"}
    both = answering(holder, parameters=[ID], operationId="alone")
    found = clients.modules({"visit": joined(ROUNDS, wards, both), "stay": joined(ROUNDS, wards)})
    assert "    a: Thing\n    b: NotRequired[HolderB]\n    c: NotRequired[HolderC]\n" in found["visit"]
    assert "from reliefpath_client.rounds import Rounds, Thing\n" in found["visit"]
    assert "from reliefpath_client.wards import Wards\n" in found["visit"]


def test_a_thing_that_holds_its_like_is_no_circle_to_be_caught_in() -> None:
    node = {"Thing": thing(a={"type": "array", "items": referring("Thing")})}
    document = answering(referring("Thing"), node, parameters=[ID], tags=["rounds"])
    assert "class Thing(TypedDict):\n    a: list[Thing]\n" in written(document)
    assert "    a: list[Thing]\n" in clients.modules({"visit": document, "stay": document})["rounds"]


@pytest.mark.parametrize("tags", [["visit"], ["Transport"], ["to-day", "to day"]], ids=["API", "handwritten", "tag"])
def test_what_is_alike_has_a_module_of_its_own(tags: list[str]) -> None:
    alike = [answering({}, parameters=[ID], operationId=f"of{place}", tags=[tag]) for place, tag in enumerate(tags)]
    with pytest.raises(clients.Inexpressible):
        clients.modules({"visit": joined(*alike), "stay": joined(*alike)})


def test_those_written_by_hand_are_known() -> None:
    unmarked = [one for one in (HERE / clients.PLACE).glob("*.py") if clients.MARK not in one.read_text()]
    assert {one.stem for one in unmarked} == set(clients.HANDWRITTEN)


def test_what_is_alike_is_written_as_the_formatter_would_leave_it_however_much_or_little_there_is(
    tmp_path: Path,
) -> None:
    about = {"description": "Told in the contract."}
    things = {f"a{number}": thing(a=TEXT) | about | {"title": "Thing" * number} for number in range(1, 9)}
    many = answering(thing(**things) | about | {"title": "All"}, parameters=[ID], tags=["rounds"])
    each = [answering(one, parameters=[ID], operationId=f"of_{name}") for name, one in things.items()]
    bare = answering({}, parameters=[ID], operationId="bare", tags=["bare"])
    found = clients.modules({"visit": joined(many, bare, *each), "stay": joined(many, bare)})
    assert "import (\n    Rounds,\n    Thing,\n" in found["visit"]
    assert_formatted(tmp_path, found)
