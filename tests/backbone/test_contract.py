"""An API's contract: every refusal is described once, and what every change needs is said to be needed."""

from __future__ import annotations

import re
from typing import Any

import pytest
from fastapi import APIRouter
from pydantic import BaseModel

from backbone.actions import KeyHeader, MatchHeader, add_action_routes, etag
from backbone.api import build_api
from backbone.contract import HEADERS, PROBLEM_RESPONSES, Api, problem_types
from backbone.problems import CONFLICTS, PROBLEMS, TYPE_PREFIX, Conflict, ProblemDocument
from backbone.service import Service
from tests.support.visiting.lifecycle import VISIT


class Thing(BaseModel):
    id: str
    version: int


def described() -> dict[str, Any]:
    router = APIRouter()
    add_action_routes(router, VISIT, path="/visits/{id}", perform=None, shown=ProblemDocument)  # type: ignore[arg-type]  # nobody performs
    return build_api(Service("referral", "visiting"), [router]).openapi()


def test_an_operation_refers_to_each_refusal_which_is_described_once() -> None:
    document = described()
    (operation, *_) = [item["post"] for path, item in document["paths"].items() if path.startswith("/visits/")]
    for status in PROBLEM_RESPONSES:
        assert operation["responses"][str(status)] == {"$ref": f"#/components/responses/Problem{status}"}
        refusal = document["components"]["responses"][f"Problem{status}"]["content"]["application/problem+json"]
        assert refusal["schema"] == {"$ref": "#/components/schemas/ProblemDocument"}
    assert {"ProblemDocument", "Reason"} <= document["components"]["schemas"].keys()


def test_every_problem_type_has_its_example() -> None:
    examples = {
        example["value"]["type"]
        for refusal in described()["components"]["responses"].values()
        for example in refusal["content"]["application/problem+json"]["examples"].values()
    }
    assert examples == {TYPE_PREFIX + code for code in problem_types()}
    assert set(CONFLICTS) <= problem_types().keys()
    assert {one.status for one in PROBLEMS} == {status for status, _ in problem_types().values()}


def test_an_api_is_described_once() -> None:
    api = build_api(Service("referral", "visiting"), [])
    assert api.openapi() is api.openapi()


def test_a_key_and_a_version_are_described_as_needed_and_by_their_form() -> None:
    app = Api()

    @app.post("/change")
    async def change(key: KeyHeader = None, version: MatchHeader = None) -> None:
        return

    described: list[dict[str, Any]] = app.openapi()["paths"]["/change"]["post"]["parameters"]
    assert {one["name"]: one["schema"] for one in described} == HEADERS
    assert all(one["required"] for one in described)


@pytest.mark.parametrize("given", ["*", etag(1), etag(10**17)])
def test_every_version_that_is_given_out_keeps_its_form(given: str) -> None:
    assert re.fullmatch(HEADERS["If-Match"]["pattern"], given)


@pytest.mark.parametrize("given", ["", "1", 'W/"1"', '"1", "2"', '"x"'])
def test_a_version_of_another_form_is_none_of_ours(given: str) -> None:
    assert not re.fullmatch(HEADERS["If-Match"]["pattern"], given)


def test_every_kind_of_refusal_is_a_problem_type() -> None:
    assert {one.code for one in PROBLEMS if one is not Conflict} <= problem_types().keys()


def test_versions_addresses_and_pauses_are_said_to_be_answered() -> None:
    app = Api()

    @app.post("/things", status_code=201)
    async def make() -> Thing:
        raise NotImplementedError

    @app.get("/things")
    async def look() -> list[Thing]:
        raise NotImplementedError

    document = app.openapi()
    assert document["paths"]["/things"]["post"]["responses"]["201"]["headers"].keys() == {"ETag", "Location"}
    assert "headers" not in document["paths"]["/things"]["get"]["responses"]["200"]
    answers = document["components"]["responses"]
    assert (answers["Problem412"]["headers"].keys(), answers["Problem503"]["headers"].keys()) == (
        {"ETag"},
        {"Retry-After"},
    )
