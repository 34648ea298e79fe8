"""Every refusal is a problem document with every reason, and tells nothing that was sent."""

from __future__ import annotations

from collections.abc import Iterator

import httpx2
import pytest
from fastapi import FastAPI
from pydantic import BaseModel, Field

from backbone import problems
from backbone.problems import (
    MEDIA_TYPE,
    PROBLEMS,
    TYPE_PREFIX,
    Conflict,
    NotFound,
    Problem,
    ProblemDocument,
    Reason,
    Stale,
    Unavailable,
    pointer_of,
    problem_of_refusal,
)
from backbone.service import SERVICES
from backbone.telemetry import traced
from contracts.cards import api
from reliefpath.lifecycle import Finding, ReasonKind, Refused


def finding(code: str, kind: ReasonKind = ReasonKind.UNMET, **more: object) -> Finding:
    return Finding(code=code, message=f"{code}.", satisfy=f"Mend {code}.", kind=kind, **more)  # type: ignore[arg-type]


class Order(BaseModel):
    chairs: int = Field(ge=1)
    names: list[str] = []


def app() -> FastAPI:
    made = FastAPI(telemetry=None)
    problems.install(made)

    @made.get("/refuse")
    async def refuse() -> None:
        raise Refused("finish", [finding("a", pointer="/x", rules=("r@1",)), finding("b")], ["pause"])

    @made.get("/conflict")
    async def conflict() -> None:
        raise Conflict("resource-taken", "It is taken.", [Reason(code="taken", message="Taken.")], free=["10:00"])

    @made.get("/stale")
    async def stale() -> None:
        raise Stale(7)

    @made.post("/order")
    async def order(_: Order) -> None:
        return

    @made.get("/order")
    async def last_order() -> None:
        return

    return made


async def send(method: str, path: str, **more: object) -> httpx2.Response:
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app()), base_url="http://visiting") as client:
        return await client.request(method, path, **more)  # type: ignore[arg-type]  # its own


async def test_a_refused_action_names_every_reason_what_would_satisfy_it_and_what_may_be_done() -> None:
    answer = await send("GET", "/refuse")
    assert (answer.status_code, answer.headers["content-type"]) == (409, MEDIA_TYPE)
    shown = answer.json()
    assert shown["type"] == TYPE_PREFIX + "action-refused"
    assert shown["detail"] == "finish is refused for 2 reasons."
    assert shown["errors"] == [
        {"code": "a", "message": "a.", "satisfy": "Mend a.", "pointer": "/x", "rules": ["r@1"]},
        {"code": "b", "message": "b.", "satisfy": "Mend b.", "rules": []},
    ]
    assert shown["allowed_actions"] == ["pause"]


@pytest.mark.parametrize(
    ("kinds", "status"),
    [
        ([ReasonKind.UNMET], 409), ([ReasonKind.INCOMPLETE], 409), ([ReasonKind.STATE], 409),
        ([ReasonKind.ROLE], 403), ([ReasonKind.SIDE], 403), ([ReasonKind.STATE, ReasonKind.ROLE], 403),
    ],
)  # fmt: skip
def test_what_is_not_the_callers_to_do_is_forbidden_and_all_else_a_conflict(
    kinds: list[ReasonKind], status: int
) -> None:
    refused = Refused("finish", [finding(kind.value, kind) for kind in kinds])
    problem = problem_of_refusal(refused)
    assert problem.status == status
    assert [reason.code for reason in problem.reasons] == [kind.value for kind in kinds]


async def test_a_conflict_has_its_own_name_and_may_offer_what_else_there_is() -> None:
    shown = (await send("GET", "/conflict")).json()
    assert (shown["type"], shown["status"], shown["free"]) == (TYPE_PREFIX + "resource-taken", 409, ["10:00"])


async def test_what_is_stale_tells_the_present_version() -> None:
    answer = await send("GET", "/stale")
    assert (answer.status_code, answer.headers["ETag"]) == (412, '"7"')


async def test_what_does_not_fit_is_told_by_its_places_and_never_by_what_was_sent() -> None:
    answer = await send("POST", "/order", json={"chairs": "Anna Meier", "names": [1]})
    assert answer.status_code == 422
    assert {reason["pointer"] for reason in answer.json()["errors"]} == {"/chairs", "/names/0"}
    assert "Anna" not in answer.text


async def test_what_is_no_json_is_malformed() -> None:
    answer = await send("POST", "/order", content=b"{", headers={"content-type": "application/json"})
    assert (answer.status_code, answer.json()["type"]) == (400, TYPE_PREFIX + "malformed")


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [("GET", "/none", 404, "not-found"), ("PUT", "/order", 405, "method-not-allowed")],
)
async def test_an_address_or_a_method_that_is_not_there_is_a_problem_too(
    method: str, path: str, status: int, code: str
) -> None:
    answer = await send(method, path)
    assert (answer.status_code, answer.headers["content-type"]) == (status, MEDIA_TYPE)
    assert answer.json()["type"] == TYPE_PREFIX + code


@pytest.mark.parametrize("content", [b"{", b'"\xff"', b"[" * 100_000])
async def test_a_body_that_is_no_json_is_malformed_whatever_makes_it_so(content: bytes) -> None:
    answer = await send("POST", "/order", content=content, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400
    assert answer.json()["type"] == TYPE_PREFIX + "malformed"
    assert [reason["code"] for reason in answer.json()["errors"]] == ["json"]


def test_every_refusal_of_the_product_is_one_of_the_contracts() -> None:
    for service in SERVICES:
        api(service)
    ours = {one for one in _below(Problem) if not one.__module__.startswith("tests")}
    assert ours == set(PROBLEMS)


def _below(cls: type[Problem]) -> Iterator[type[Problem]]:
    for one in cls.__subclasses__():
        yield one
        yield from _below(one)


async def test_every_method_of_an_address_is_named_where_another_is_tried() -> None:
    assert (await send("PUT", "/order")).headers["allow"] == "GET, POST"
    assert (await send("POST", "/stale")).headers["allow"] == "GET"


def test_what_does_not_exist_and_what_is_not_yours_are_told_alike() -> None:
    assert NotFound("visit").document() == NotFound("visit").document()
    assert "visible to you" in NotFound("visit").detail


def test_whoever_has_to_wait_is_told_how_long() -> None:
    assert Unavailable().headers == {"Retry-After": "2"}


def test_a_document_names_its_trace() -> None:
    with traced("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"):
        assert Problem("x").document().trace_id == "0af7651916cd43dd8448eb211c80319c"
    assert Problem("x").document().trace_id is None


def test_every_problem_has_a_name_a_title_and_a_status_that_belongs_to_refusals() -> None:
    codes = [one.code for one in PROBLEMS if one is not Conflict]
    assert len(set(codes)) == len(codes)
    assert all(400 <= one.status < 600 and one.title for one in PROBLEMS)


def test_a_document_says_what_rfc_9457_says() -> None:
    assert {"type", "title", "status", "detail"} <= ProblemDocument.model_fields.keys()
    assert MEDIA_TYPE == "application/problem+json"


@pytest.mark.parametrize(
    ("place", "pointer"), [((), ""), (("a", 0, "b"), "/a/0/b"), (("a/b", "c~d"), "/a~1b/c~0d"), (("",), "/")]
)
def test_places_are_json_pointers(place: tuple[str | int, ...], pointer: str) -> None:
    assert pointer_of(place) == pointer
