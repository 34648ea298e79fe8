"""Routes read off a lifecycle's table: one way in which a request becomes a transaction, and every way it may not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any
from uuid import UUID

import httpx2
import pytest
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backbone.actions import etag, expected_version, read_command
from backbone.contract import PROBLEM_RESPONSES
from backbone.database import Database
from backbone.problems import Invalid, Malformed, VersionMissing
from backbone.rows import new_id
from reliefpath.lifecycle import Command
from reliefpath.vocabulary import Role
from stack.keys import Keys
from tests.support.visiting.lifecycle import VISIT
from tests.support.visiting.routes import router
from tests.support.visiting.served import Served, serving
from tests.support.visiting.world import rows, value

NORTH, SOUTH = str(UUID(int=1)), str(UUID(int=2))


JSON_REQUEST = Request({"type": "http", "headers": [(b"content-type", b"application/json")]})


class Desk:
    """People at the visiting service's API."""

    def __init__(self, served: Served) -> None:
        self.served = served

    async def post(
        self,
        path: str,
        body: Any = None,
        *,
        role: Role = Role.COORDINATOR,
        facility: str = NORTH,
        version: int | str | None = None,
        key: str | None = "",
        client: httpx2.AsyncClient | None = None,
        **headers: str,
    ) -> httpx2.Response:
        sent = self.served.headers(role, facility) | headers
        if key is not None:
            sent["Idempotency-Key"] = key or str(new_id())
        if version is not None:
            sent["If-Match"] = version if isinstance(version, str) else etag(version)
        content = {"content": body} if isinstance(body, bytes) else {"json": body}
        return await (client or self.served.client).post(path, headers=sent, **content)

    async def plan(self, **command: Any) -> dict[str, Any]:
        answer = await self.post("/visits", {"place": "north", **command})
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    async def act(self, visit: dict[str, Any], action: str, body: Any = None, **more: Any) -> httpx2.Response:
        more.setdefault("version", visit["version"])
        return await self.post(f"/visits/{visit['id']}/{action}", body, **more)

    async def get(self, visit: dict[str, Any], role: Role = Role.COORDINATOR, facility: str = NORTH) -> httpx2.Response:
        return await self.served.client.get(f"/visits/{visit['id']}", headers=self.served.headers(role, facility))


@pytest.fixture
async def desk(address: str, keys: Keys) -> AsyncIterator[Desk]:
    async with serving(address, keys, [router]) as served:
        yield Desk(served)


def codes(answer: httpx2.Response) -> list[str]:
    return [reason["code"] for reason in answer.json()["errors"]]


def kind(answer: httpx2.Response) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json"
    return answer.status_code, answer.json()["type"].rpartition("/")[2]


async def test_what_is_created_is_at_its_address_with_its_version(desk: Desk) -> None:
    answer = await desk.post("/visits", {"place": "north", "chairs": 2})
    made = answer.json()
    assert (answer.status_code, answer.headers["Location"], answer.headers["ETag"]) == (
        201,
        f"/visits/{made['id']}",
        '"1"',
    )
    found = await desk.get(made)
    assert found.json() == made
    assert found.headers["ETag"] == '"1"'


async def test_an_action_answers_with_the_new_state_and_version(desk: Desk) -> None:
    visit = await desk.plan()
    answer = await desk.act(visit, "prepare")
    assert (answer.status_code, answer.headers["ETag"]) == (200, '"2"')
    assert (answer.json()["state"], answer.json()["version"]) == ("ready", 2)
    assert (await desk.get(visit)).json() == answer.json()


async def test_what_is_shown_as_possible_is_what_this_caller_can_do(desk: Desk) -> None:
    visit = await desk.plan(place=None)
    shown = {one["action"]: one for one in visit["allowed_actions"]}
    assert shown.keys() == {"prepare", "pause", "finish", "retract"}
    assert (shown["finish"]["possible"], shown["finish"]["unmet"][0]["code"]) == (False, "place-unknown")
    clinicians = (await desk.get(visit, Role.CLINICIAN)).json()["allowed_actions"]
    assert [one["action"] for one in clinicians] == ["finish"]


async def test_an_action_needs_the_version_it_was_decided_on(desk: Desk) -> None:
    visit = await desk.plan()
    assert kind(await desk.post(f"/visits/{visit['id']}/prepare")) == (428, "if-match-missing")
    assert (await desk.get(visit)).json()["version"] == 1


async def test_a_decision_on_an_older_version_is_refused_with_the_present_one(desk: Desk) -> None:
    visit = await desk.plan()
    await desk.act(visit, "prepare")
    answer = await desk.act(visit, "pause", {"reason_code": "rain"})
    assert kind(answer) == (412, "stale")
    assert answer.headers["ETag"] == '"2"'


async def test_of_two_who_decide_on_the_same_version_at_once_one_is_told_so(desk: Desk) -> None:
    visit = await desk.plan()
    answers = await asyncio.gather(*(desk.act(visit, "pause", {"reason_code": "rain"}) for _ in range(6)))
    assert sorted(answer.status_code for answer in answers) == [200, 412, 412, 412, 412, 412]
    assert await value(desk.served.database, "SELECT version FROM visits") == 2


async def test_whoever_insists_may_act_on_any_version(desk: Desk) -> None:
    visit = await desk.plan()
    await desk.act(visit, "prepare")
    assert (await desk.act(visit, "pause", {"reason_code": "rain"}, version="*")).status_code == 200


@pytest.mark.parametrize("wrong", ["1x", 'W/"1"', '"1", "2"', '"١"', "", '"-1"', '"' + "9" * 30 + '"'])
def test_an_etag_that_was_not_given_out_here_is_malformed(wrong: str) -> None:
    with pytest.raises(Malformed):
        expected_version(wrong)


def test_an_etag_comes_back_as_its_version() -> None:
    assert [expected_version(etag(version)) for version in (1, 77)] == [1, 77]
    assert expected_version(" * ") is None
    with pytest.raises(VersionMissing):
        expected_version(None)


async def test_a_change_needs_a_key(desk: Desk) -> None:
    assert kind(await desk.post("/visits", {}, key=None)) == (400, "idempotency-key-missing")
    visit = await desk.plan()
    assert kind(await desk.act(visit, "prepare", key=None)) == (400, "idempotency-key-missing")


async def test_a_repeated_request_has_one_effect_and_the_same_answer_with_its_headers(desk: Desk) -> None:
    first = await desk.post("/visits", {"place": "north"}, key="k-1")
    again = await desk.post("/visits", {"place": "north"}, key="k-1")
    assert (first.status_code, first.content) == (again.status_code, again.content)
    assert [first.headers[name] for name in ("ETag", "Location")] == [
        again.headers[name] for name in ("ETag", "Location")
    ]
    visit = first.json()
    one = await desk.act(visit, "prepare", key="k-2")
    await desk.act(one.json(), "pause", {"reason_code": "rain"})
    late = await desk.act(visit, "prepare", key="k-2")  # although the version is old by now
    assert (late.status_code, late.content) == (200, one.content)
    assert await rows(desk.served.database, "SELECT state, version FROM visits") == [("paused", 3)]


async def test_of_the_same_request_sent_many_times_at_once_one_has_the_effect(desk: Desk) -> None:
    answers = await asyncio.gather(*(desk.post("/visits", {"place": "north"}, key="k") for _ in range(8)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
    assert await value(desk.served.database, "SELECT count(*) FROM visits") == 1
    assert await value(desk.served.database, "SELECT count(*) FROM backbone.outbox") == 1


@pytest.mark.parametrize("other", ["body", "version", "address"])
async def test_a_key_belongs_to_one_request(desk: Desk, other: str) -> None:
    visit = await desk.plan()
    path, body = f"/visits/{visit['id']}/pause", {"reason_code": "rain"}
    assert (await desk.post(path, body, version=1, key="k")).status_code == 200
    match other:
        case "body":
            answer = await desk.post(path, {"reason_code": "snow"}, version=1, key="k")
        case "version":
            answer = await desk.post(path, body, version=2, key="k")
        case _:
            answer = await desk.post(f"/visits/{visit['id']}/resume", version=2, key="k")
    assert kind(answer) == (422, "idempotency-key-reused")


async def test_nothing_is_kept_of_what_was_refused(desk: Desk) -> None:
    visit = await desk.plan(place=None)
    assert (await desk.act(visit, "finish", key="k")).status_code == 409
    assert await value(desk.served.database, "SELECT count(*) FROM backbone.idempotency WHERE key = 'k'") == 0
    assert (await desk.act(visit, "prepare", key="k")).status_code == 200


async def test_a_refusal_names_every_reason_and_what_may_be_done_instead(desk: Desk) -> None:
    visit = await desk.plan(place=None, chairs=3)
    answer = await desk.act(visit, "finish", {"chairs_left": 1})
    assert kind(answer) == (409, "action-refused")
    assert codes(answer) == ["place-unknown", "chairs-missing"]
    assert answer.json()["errors"][1]["pointer"] == "/chairs_left"
    assert answer.json()["errors"][0]["rules"] == ["visit-place@1"]
    assert answer.json()["allowed_actions"] == ["prepare", "pause", "retract"]
    assert (await desk.get(visit)).json()["version"] == 1


async def test_an_action_from_the_wrong_state_is_refused(desk: Desk) -> None:
    visit = await desk.plan()
    answer = await desk.act(visit, "resume")
    assert (kind(answer), codes(answer)) == ((409, "action-refused"), ["wrong-state"])


@pytest.mark.parametrize("role", sorted(set(Role) - {Role.COORDINATOR, Role.SYSTEM, Role.PATIENT}))
async def test_a_role_that_may_not_is_refused_whatever_it_sends(desk: Desk, role: Role) -> None:
    visit = await desk.plan()
    for body in ({"reason_code": "rain"}, b"{", None):
        answer = await desk.act(visit, "pause", body, role=role)
        assert kind(answer)[0] == 403
    assert kind(await desk.post("/visits", {}, role=role))[0] == 403


async def test_without_a_token_nothing_is_answered(desk: Desk) -> None:
    visit = await desk.plan()
    for method, path in (
        ("POST", "/visits"),
        ("POST", f"/visits/{visit['id']}/pause"),
        ("GET", f"/visits/{visit['id']}"),
    ):
        for headers in ({}, {"Authorization": "Basic YTpi"}, {"Authorization": "Bearer x"}):
            answer = await desk.served.client.request(method, path, headers=headers)
            assert kind(answer) == (401, "unauthenticated")
            assert answer.headers["WWW-Authenticate"].startswith("Bearer")


async def test_a_foreign_thing_and_one_that_is_not_there_are_answered_alike(desk: Desk) -> None:
    visit = await desk.plan()
    foreign = await desk.act(visit, "prepare", facility=SOUTH)
    absent = await desk.act({"id": new_id(), "version": 1}, "prepare", facility=SOUTH)
    assert kind(foreign) == kind(absent) == (404, "not-found")
    alike = [{name: part for name, part in answer.json().items() if name != "trace_id"} for answer in (foreign, absent)]
    assert alike[0] == alike[1]
    assert (await desk.get(visit, facility=SOUTH)).status_code == 404


WRONG: dict[str, tuple[Any, dict[str, str], int, str | None]] = {
    "a field that does not exist": ({"reason_code": "rain", "colour": "red"}, {}, 422, "/colour"),
    "a field that is missing": ({}, {}, 422, "/reason_code"),
    "no body where one is needed": (b"", {}, 422, "/reason_code"),
    "free text for a code": ({"reason_code": "it rains cats"}, {}, 422, "/reason_code"),
    "a list": ([], {}, 422, ""),
    "null": (b"null", {"content-type": "application/json"}, 422, ""),
    "half a body": (b'{"reason_code": ', {"content-type": "application/json"}, 400, None),
    "no Unicode": (b'{"reason_code": "\xff"}', {"content-type": "application/json"}, 400, None),
    "too deep": (b"[" * 50_000, {"content-type": "application/json"}, 400, None),
    "a form": (b"reason_code=rain", {"content-type": "application/x-www-form-urlencoded"}, 415, None),
    "no media type": (b'{"reason_code": "rain"}', {"content-type": ""}, 415, None),
}


@pytest.mark.parametrize("wrong", WRONG)
async def test_a_body_that_is_not_the_command_is_told_where(desk: Desk, wrong: str) -> None:
    body, headers, status, pointer = WRONG[wrong]
    visit = await desk.plan()
    answer = await desk.act(visit, "pause", body, **headers)
    assert answer.status_code == status, answer.text
    if pointer is not None:
        assert [reason["pointer"] for reason in answer.json()["errors"]] == [pointer]
    assert "cats" not in answer.text
    assert (await desk.get(visit)).json()["version"] == 1


class Told(Command):
    """A command with something of each sort."""

    sure: bool | None = None
    times: int | None = None
    by: Role | None = None
    about: tuple[UUID, ...] = ()


@pytest.mark.parametrize("wrong", ['{"sure": "yes"}', '{"sure": 0}', '{"times": "3"}', '{"times": 2.5}', '{"by": 1}'])
def test_what_is_of_another_type_than_the_contract_says_is_not_guessed(wrong: str) -> None:
    with pytest.raises(Invalid):
        read_command(Told, JSON_REQUEST, wrong.encode())


def test_what_json_can_only_write_as_text_is_read_from_text() -> None:
    told = read_command(
        Told, JSON_REQUEST, b'{"sure": true, "times": 3, "by": "patient", "about": ["%s"]}' % NORTH.encode()
    )
    assert told == Told(sure=True, times=3, by=Role.PATIENT, about=(UUID(NORTH),))


async def test_a_command_of_which_everything_is_optional_needs_no_body(desk: Desk) -> None:
    visit = await desk.plan()
    assert (await desk.act(visit, "finish", b"")).status_code == 200


async def test_an_id_that_is_none_is_told_so(desk: Desk) -> None:
    answer = await desk.post("/visits/mine/prepare", version=1)
    assert (kind(answer)[0], answer.json()["errors"][0]["pointer"]) == (422, "/id")


async def test_what_the_system_does_has_no_route(desk: Desk) -> None:
    visit = await desk.plan()
    assert (await desk.act(visit, "drop")).status_code == 404


async def test_the_audit_and_the_event_name_the_request_and_its_trace(desk: Desk) -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    visit = await desk.plan()
    await desk.act(visit, "finish", traceparent=trace)
    await desk.get(visit)
    (row,) = await rows(
        desk.served.database, "SELECT actor, cause, before, after FROM backbone.audit WHERE action = 'finish'"
    )
    assert (row.actor, row.before, row.after) == ("coordinator:coordinator-1", "planned", "done")
    assert row.cause.startswith("request:")
    headers = await value(desk.served.database, "SELECT headers FROM backbone.outbox ORDER BY id DESC LIMIT 1")
    assert row.cause in headers
    assert "0af7651916cd43dd8448eb211c80319c" in headers
    assert await value(desk.served.database, "SELECT count(*) FROM backbone.audit WHERE action = 'read'") == 1


class Watched:
    """An application whose first word of an answer is preceded by a look into the database, or never arrives."""

    def __init__(self, app: ASGIApp, look: Callable[[], Any]) -> None:
        self._app, self._look = app, look

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def watched(message: Message) -> None:
            if message["type"] == "http.response.start":
                await self._look()
            await send(message)

        await self._app(scope, receive, watched)


async def test_the_commit_is_over_before_the_first_word_of_the_answer(desk: Desk, db: Database) -> None:
    seen: list[int] = []

    async def look() -> None:
        seen.append(await value(db, "SELECT count(*) FROM visits"))

    transport = httpx2.ASGITransport(Watched(desk.served.edge, look))
    async with httpx2.AsyncClient(transport=transport, base_url="http://visiting") as client:
        assert (await desk.post("/visits", {"place": "north"}, client=client)).status_code == 201
    assert seen == [1]


async def test_whoever_never_got_the_answer_gets_it_when_they_ask_again(desk: Desk) -> None:
    async def break_off() -> None:
        raise OSError

    transport = httpx2.ASGITransport(Watched(desk.served.edge, break_off))
    async with httpx2.AsyncClient(transport=transport, base_url="http://visiting") as client:
        with pytest.raises(ConnectionAbortedError):
            await desk.post("/visits", {"place": "north"}, key="k", client=client)
    answer = await desk.post("/visits", {"place": "north"}, key="k")
    assert answer.status_code == 201
    assert await value(desk.served.database, "SELECT count(*) FROM visits") == 1


async def test_every_offered_action_is_described_with_its_command_and_its_refusals(desk: Desk) -> None:
    described = (await desk.served.client.get("/openapi.json")).json()
    for transition in VISIT.transitions:
        if not transition.offered:
            continue
        path = f"/visits/{{id}}/{transition.action}" if transition.sources else "/visits"
        operation = described["paths"][path]["post"]
        assert operation["summary"] == transition.label
        schema = operation["requestBody"]["content"]["application/json"]["schema"]
        assert schema.get("properties", {}).keys() == transition.command.model_fields.keys()
        assert schema["additionalProperties"] is False
        assert {str(status) for status in PROBLEM_RESPONSES} <= operation["responses"].keys()
    assert "$defs" not in str(described)
    assert not [path for path in described["paths"] if path.endswith("/drop")]
