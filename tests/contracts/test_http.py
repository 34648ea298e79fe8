"""Each API's contract: valid OpenAPI 3.1, fit for client generators, with every refusal described."""

from __future__ import annotations

import ast
import re
from collections import Counter
from typing import Any, Final

import jsonschema_rs
import pytest

from backbone.contract import problem_types
from backbone.problems import TYPE_PREFIX
from backbone.service import SERVICES
from contracts import http
from contracts.examples import answers, recorded
from tests.architecture.sources import modules, place, tree
from tests.contracts.official import openapi_errors

WITHOUT: Final = {
    ("operations", "/streams/deadlines/{id}"): "it sets no deadlines, so that none of its own can fail and be shown",
}
"""Whose successful answers have no example, by service and the beginnings of their paths, and why."""

MADE_UP: Final = {
    "clock-goes-back": "the address that shifts the clock is a development profile's alone, and in no contract",
    "method-not-allowed": "a step asks an operation, and what there is an operation for is answered",
    "resource-taken": "of two that book at the same moment one is told so; whoever comes later is refused by a rule",
    "too-large-head": "the server refuses it before the service is asked",
    "too-slow": "a story is told without dawdling",
    "unavailable": "nothing that a service needs is away in a story",
}
"""Problems that no story meets, so that what is shown of them is made up, and why."""


def operations(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [operation for item in document["paths"].values() for operation in item.values()]


@pytest.fixture(params=SERVICES)
def document(request: pytest.FixtureRequest) -> dict[str, Any]:
    return http.document(request.param)


def test_it_is_what_openapi_itself_calls_valid(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1.")
    assert openapi_errors(document) == []


def test_the_validator_finds_what_is_wrong(document: dict[str, Any]) -> None:
    del document["info"]["title"]
    assert openapi_errors(document) != []


def test_an_operation_has_one_id_that_is_a_good_name_of_a_function(document: dict[str, Any]) -> None:
    ids = Counter(one["operationId"] for one in operations(document))
    assert [name for name, count in ids.items() if count > 1 or not re.fullmatch(r"[a-z]+(_[a-z]+)*", name)] == []


def test_every_operation_needs_a_token_or_is_known_to_need_none(document: dict[str, Any]) -> None:
    open_ = {one["operationId"] for one in operations(document) if not one.get("security")}
    assert open_ <= {"lifecycles", "livez", "readyz", "metrics"}
    assert document["components"]["securitySchemes"]["HTTPBearer"]["scheme"] == "bearer"


def test_every_problem_type_is_shown_in_an_example(document: dict[str, Any]) -> None:
    shown = {
        (code, example["value"]["status"])
        for response in document["components"]["responses"].values()
        for code, example in response["content"]["application/problem+json"]["examples"].items()
    }
    assert shown == {(code, status) for code, (status, _) in problem_types().items()}


def refusals(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """What is shown of each problem type, by its code."""
    return {
        code: example
        for response in document["components"]["responses"].values()
        for code, example in response["content"]["application/problem+json"]["examples"].items()
    }


@pytest.mark.parametrize("service", SERVICES)
def test_every_problem_is_shown_as_it_was_met_or_is_known_to_be_met_in_no_story(service: str) -> None:
    met = [one for one in answers() if one.status >= 400]
    assert MADE_UP.keys() == problem_types().keys() - {one.to for one in met}
    for code, example in refusals(http.document(service)).items():
        own = [recorded(one) for one in met if (one.service, one.to) == (service, code)]
        wherever = [recorded(one) for one in met if one.to == code]
        if code in MADE_UP:
            assert example["value"].keys() == {"type", "title", "status", "detail"}
        else:
            assert example["value"] in (own or wherever), code


def test_a_problems_example_is_valid_and_of_its_type(document: dict[str, Any]) -> None:
    schema = document["components"]["schemas"]["ProblemDocument"] | {"components": document["components"]}
    validator = jsonschema_rs.validator_for(schema)
    for code, example in refusals(document).items():
        status, title = problem_types()[code]
        shown = example["value"]
        assert [one.message for one in validator.iter_errors(shown)] == []
        assert (shown["type"], shown["title"], shown["status"]) == (TYPE_PREFIX + code, title, status)


def answered(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    """Every successful answer: its path, its operation and status, and what is said of it."""
    return [
        (path, f"{operation['operationId']} {status}", answer["content"]["application/json"])
        for path, item in document["paths"].items()
        for operation in item.values()
        for status, answer in operation["responses"].items()
        if status.startswith("2")
    ]


@pytest.mark.parametrize("service", SERVICES)
def test_every_successful_answer_has_an_example_or_is_known_to_have_none(service: str) -> None:
    document = http.document(service)
    known = tuple(path for of, path in WITHOUT if of == service)
    lacking = {name for _, name, media in answered(document) if not media.get("examples")}
    assert sorted(lacking) == sorted(name for path, name, _ in answered(document) if path.startswith(known))


def test_every_change_that_takes_a_body_has_an_example_of_it_that_is_valid(document: dict[str, Any]) -> None:
    for operation in operations(document):
        for media in operation.get("requestBody", {}).get("content", {}).values():
            validator = jsonschema_rs.validator_for(media["schema"] | {"components": document["components"]})
            assert media.get("examples") or not media["schema"].get("properties"), operation["operationId"]
            for name, example in media.get("examples", {}).items():
                wrong = [f"{name}{one.instance_path}: {one.message}" for one in validator.iter_errors(example["value"])]
                assert wrong == []


def test_an_answers_example_is_valid(document: dict[str, Any]) -> None:
    for _, name, media in answered(document):
        schema = media["schema"] | {"components": document["components"]}
        validator = jsonschema_rs.validator_for(schema, validate_formats=True)
        for example in media.get("examples", {}).values():
            wrong = [f"{name}{one.instance_path}: {one.message}" for one in validator.iter_errors(example["value"])]
            assert wrong == []


def test_an_answers_example_belongs_to_that_of_its_request(document: dict[str, Any]) -> None:
    lonely = [
        name
        for operation in operations(document)
        for media in operation.get("requestBody", {}).get("content", {}).values()
        for status, answer in operation["responses"].items()
        if status.startswith("2")
        for name in answer["content"]["application/json"].get("examples", {})
        if media.get("examples") and name not in media["examples"]
    ]
    assert lonely == []


def test_every_change_says_that_it_needs_a_key_and_a_version(document: dict[str, Any]) -> None:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            needed = {
                one["name"] for one in operation.get("parameters", ()) if one["in"] == "header" and one["required"]
            }
            if method == "post":
                assert "Idempotency-Key" in needed, path
            assert all(one["schema"] for one in operation.get("parameters", ()))


def test_every_conflict_that_is_raised_is_a_problem_type() -> None:
    raised = {
        (place(path), node.args[0].value)
        for path in modules()
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Call)
        and getattr(node.func, "id", "") == "Conflict"
        and isinstance(node.args[0], ast.Constant)
    }
    assert raised
    assert [one for one in sorted(raised) if one[1] not in problem_types()] == []
