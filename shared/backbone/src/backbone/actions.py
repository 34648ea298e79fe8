"""Routes read off a lifecycle's table, and the one way in which a request becomes a transaction.

A keyed request is: token → body → transaction { key, command, answer } → commit → response. The commit is over before
the first byte of the answer leaves.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Annotated, Any, TypeVar
from uuid import UUID

from fastapi import APIRouter, Header, Path, Request, Response
from pydantic import BaseModel, ValidationError

from backbone import idempotency
from backbone.access import Caller, Principal, require_role
from backbone.contract import PROBLEM_RESPONSES
from backbone.database import Database, UnitOfWork
from backbone.problems import (
    Malformed,
    Reason,
    VersionMissing,
    WrongMediaType,
    invalid,
    not_json,
)
from backbone.telemetry import current_trace
from reliefpath.lifecycle import Command, Facts, Finding, Lifecycle, Transition
from reliefpath.vocabulary import Side

Shown = TypeVar("Shown", bound=BaseModel)
Perform = Callable[[UnitOfWork, Principal, UUID, str, Any, int | None], Awaitable[Shown]]
Create = Callable[..., Awaitable[Shown]]

KeyHeader = Annotated[
    str | None, Header(alias="Idempotency-Key", description="A key of your own for this request, such as a UUID.")
]
MatchHeader = Annotated[str | None, Header(alias="If-Match", description="The ETag of the version you decided on.")]


class AllowedAction(BaseModel):
    """An action the caller may take from the present state, and what still stands in its way."""

    action: str
    label: str
    possible: bool
    unmet: list[Finding] = []
    advice: list[Finding] = []


def allowed_actions(
    lifecycle: Lifecycle, facts: Facts, principal: Principal, sides: frozenset[Side] = frozenset(Side)
) -> list[AllowedAction]:
    """What this caller may do now, read off the table."""
    return [
        AllowedAction(
            action=one.action, label=one.label, possible=one.possible, unmet=list(one.unmet), advice=list(one.advice)
        )
        for one in lifecycle.allowed(facts, role=principal.role, sides=sides)
    ]


def etag(version: int) -> str:
    """A version as a strong ETag."""
    return f'"{version}"'


def expected_version(if_match: str | None) -> int | None:
    """The version an If-Match header names; None for `*`. Raises VersionMissing, Malformed."""
    if if_match is None:
        raise VersionMissing(
            "Say which version you decided on.",
            [
                Reason(
                    code="if-match",
                    message="The If-Match header is missing.",
                    satisfy="Send the ETag of your last read as If-Match.",
                )
            ],
        )
    if if_match.strip() == "*":
        return None
    number = if_match.strip().strip('"')
    if not number.isascii() or not number.isdigit() or len(number) > 18:
        raise Malformed(
            "If-Match is not an ETag that was given out here.",
            [Reason(code="if-match", message="Not an ETag of ours.")],
        )
    return int(number)


@asynccontextmanager
async def unit_of_work(request: Request, principal: Principal) -> AsyncIterator[UnitOfWork]:
    """The transaction of a request that only reads or needs no key: it, too, commits its audit rows."""
    database: Database = request.app.state.database
    async with database.unit_of_work(actor=principal.actor, cause=request_id(request), trace=current_trace()) as uow:
        yield uow


def request_id(request: Request) -> str:
    """What an event names as its cause when a request led to it."""
    return f"request:{request.state.request_id}"


def read_command(cls: type[Command], request: Request, body: bytes) -> Command:
    """The body as this command. An empty body is an empty object. Raises WrongMediaType, Malformed, Invalid.

    Strict: that somebody who wrote "yes" or 0 where the contract has `true` or `false` meant one of them is a guess.
    """
    media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if body and media != "application/json":
        raise WrongMediaType(
            "Send application/json.",
            [Reason(code="media-type", message="The Content-Type is not application/json.", satisfy="Send JSON.")],
        )
    try:
        return cls.model_validate_json(body or b"{}", strict=True)
    except ValidationError as wrong:
        errors = wrong.errors(include_input=False, include_url=False, include_context=False)
        if any(error["type"] == "json_invalid" for error in errors):
            raise not_json() from None
        raise invalid(errors) from None


async def answer_once(
    request: Request,
    principal: Principal,
    key: str | None,
    body: bytes,
    work: Callable[[UnitOfWork], Awaitable[idempotency.Answer]],
) -> Response:
    """Do the work in one transaction, once for this key; give the same answer whenever the request is repeated."""
    key = idempotency.check_key(key)
    same = idempotency.fingerprint(
        request.method, request.url.path, request.url.query, request.headers.get("if-match"), body
    )

    async def attempt() -> idempotency.Answer:
        async with unit_of_work(request, principal) as uow:
            answer = await idempotency.recall(uow, key, same)
            if answer is None:
                answer = await work(uow)
                await idempotency.keep(uow, key, answer)
            return answer

    turns: idempotency.Turns = request.app.state.turns
    answer = await turns.take(str(principal.actor), key, attempt)
    return Response(answer.body, answer.status, headers=answer.headers, media_type="application/json")


def shown_answer(shown: BaseModel, status: int = 200, location: str | None = None) -> idempotency.Answer:
    """A resource as an answer, with its version as ETag."""
    headers = {"ETag": etag(shown.version)} if hasattr(shown, "version") else {}
    if location:
        headers["Location"] = location
    return idempotency.Answer(status, headers, shown.model_dump_json().encode())


def add_action_routes(
    router: APIRouter, lifecycle: Lifecycle, *, path: str, perform: Perform[Shown], shown: type[Shown]
) -> None:
    """One POST per action a person may take, `{path}/{action}`; `path` holds `{id}`.

    `perform` is given the unit of work, the caller, the id, the action, its command and the version the caller decided
    on. It locks, checks that the caller may see the thing, calls `move` and returns what is to be shown.
    """
    for transition in lifecycle.transitions:
        if transition.offered and transition.sources:
            _add_action_route(router, lifecycle, transition, path, perform, shown)


def _add_action_route(
    router: APIRouter,
    lifecycle: Lifecycle,
    transition: Transition,
    path: str,
    perform: Perform[Shown],
    shown: type[Shown],
) -> None:
    async def act(
        request: Request,
        principal: Caller,
        id: Annotated[UUID, Path()],
        idempotency_key: KeyHeader = None,
        if_match: MatchHeader = None,
    ) -> Response:
        require_role(principal, *transition.by)
        body = await request.body()
        expected = expected_version(if_match)
        command = read_command(transition.command, request, body)

        async def work(uow: UnitOfWork) -> idempotency.Answer:
            return shown_answer(await perform(uow, principal, id, transition.action, command, expected))

        return await answer_once(request, principal, idempotency_key, body, work)

    router.add_api_route(
        f"{path}/{transition.action}",
        act,
        methods=["POST"],
        name=f"{transition.action} {lifecycle.name}",
        operation_id=f"{lifecycle.name}_{transition.action}".replace("-", "_"),
        summary=transition.label,
        response_model=shown,
        responses=PROBLEM_RESPONSES,
        openapi_extra=body_of(transition.command),
    )


def add_creation_route(
    router: APIRouter,
    lifecycle: Lifecycle,
    action: str,
    *,
    path: str,
    create: Create[Shown],
    shown: type[Shown],
    location: str,
) -> None:
    """POST {path} creates a thing by this transition; `create(uow, principal, command, **ids)` returns what is shown.

    `location` is the address of the new thing, with `{id}` in it. Path parameters are ids.
    """
    transition = lifecycle[action]

    async def act(request: Request, principal: Caller, idempotency_key: KeyHeader = None) -> Response:
        require_role(principal, *transition.by)
        body = await request.body()
        command = read_command(transition.command, request, body)
        ids = _ids(request)

        async def work(uow: UnitOfWork) -> idempotency.Answer:
            made: Any = await create(uow, principal, command, **ids)
            return shown_answer(made, 201, location.replace("{id}", str(made.id)))

        return await answer_once(request, principal, idempotency_key, body, work)

    router.add_api_route(
        path,
        act,
        methods=["POST"],
        status_code=201,
        name=f"{transition.action} {lifecycle.name}",
        operation_id=f"{lifecycle.name}_{transition.action}".replace("-", "_"),
        summary=transition.label,
        response_model=shown,
        responses=PROBLEM_RESPONSES,
        openapi_extra=body_of(transition.command) | {"parameters": [_path_parameter(name) for name in _names_in(path)]},
    )


def _names_in(path: str) -> list[str]:
    return [part[1:-1] for part in path.split("/") if part.startswith("{")]


def _path_parameter(name: str) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string", "format": "uuid"}}


def _ids(request: Request) -> dict[str, UUID]:
    ids = {}
    for name, value in request.path_params.items():
        try:
            ids[name] = UUID(value)
        except ValueError:
            raise invalid([{"type": "uuid_parsing", "msg": "Not a UUID.", "loc": (name,)}]) from None
    return ids


def body_of(command: type[Command]) -> dict[str, Any]:
    """The OpenAPI description of a body that is read as this command, for `openapi_extra`."""
    schema = command.model_json_schema(ref_template="#/components/schemas/{model}")
    inner = schema.pop("$defs", {})
    return {
        "requestBody": {
            "required": bool(schema.get("required")),
            "content": {"application/json": {"schema": _inlined(schema, inner)}},
        }
    }


def _inlined(schema: Any, inner: dict[str, Any]) -> Any:
    """A schema with its inner definitions written in place, so that it stands alone."""
    if isinstance(schema, dict):
        reference = schema.get("$ref", "")
        if reference.startswith("#/components/schemas/"):
            rest = {name: value for name, value in schema.items() if name != "$ref"}
            return _inlined(inner[reference.rpartition("/")[2]], inner) | rest
        return {name: _inlined(value, inner) for name, value in schema.items()}
    if isinstance(schema, list):
        return [_inlined(one, inner) for one in schema]
    return schema
