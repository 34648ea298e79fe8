"""An API's contract: every refusal is described once, and what every change needs is said to be needed."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from backbone.actions import add_action_routes
from backbone.contract import PROBLEM_RESPONSES, problem_types
from backbone.problems import CONFLICTS, PROBLEMS, TYPE_PREFIX, ProblemDocument
from backbone.process import Service, build_api
from tests.support.visiting.lifecycle import VISIT


def described() -> dict[str, Any]:
    router = APIRouter()
    add_action_routes(router, VISIT, path="/visits/{id}", perform=None, shown=ProblemDocument)  # type: ignore[arg-type]  # nobody performs
    return build_api(Service("referral", "visiting"), [router]).openapi()


def test_an_operation_refers_to_each_refusal_which_is_described_once() -> None:
    document = described()
    (operation, *_) = [item["post"] for path, item in document["paths"].items() if path.startswith("/visits/")]
    for status in PROBLEM_RESPONSES:
        assert operation["responses"][str(status)]["$ref"] == f"#/components/responses/Problem{status}"
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


def test_key_and_version_are_said_to_be_needed() -> None:
    for path, item in described()["paths"].items():
        for operation in item.values():
            headers = [one for one in operation.get("parameters", ()) if one["in"] == "header"]
            assert all(one["required"] and one["schema"] == {"type": "string"} for one in headers), path


def test_it_is_described_once() -> None:
    api = build_api(Service("referral", "visiting"), [])
    assert api.openapi() is api.openapi()
