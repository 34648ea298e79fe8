"""The REST API of operations: journeys, counts, lag, and what is held back. For the role operations alone."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter, Depends, FastAPI, Path, Query, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from backbone.access import Caller, Principal, require_role
from backbone.actions import KeyHeader, read_command, unit_of_work
from backbone.contract import PROBLEM_RESPONSES
from backbone.deadlines import DeadlineStatus
from backbone.idempotency import check_key
from backbone.inbox import DeadLetterStatus
from backbone.inbox import Status as HeldStatus
from backbone.paging import CursorText, Limit, Page, page_of
from backbone.problems import NotFound
from backbone.service import ServiceName
from backbone.streams.acts import BECAUSE, Because
from backbone.streams.lag import Restarted, Topic
from operations import deadletters, lags, queries
from operations.deadletters import DEAD_LETTERS, DEADLINES, DISCARD, PARKED, RETRY, Shelf
from operations.lags import Consumers
from operations.peers import Answer, Asker, Peers
from operations.schemas import (
    Counts,
    DeadLetter,
    Deadline,
    Gathered,
    JourneyShown,
    JourneyTraced,
    Lags,
    Parked,
    ParkedDetail,
)
from reliefpath.vocabulary import Role, Setting, Stage


@asynccontextmanager
async def _with_peers(app: FastAPI) -> AsyncIterator[None]:
    async with Peers.of(app.state.settings) as peers:
        app.state.peers, app.state.consumers = peers, Consumers()
        yield


READING_PROBLEMS: Final[dict[int | str, dict[str, Any]]] = {
    status: PROBLEM_RESPONSES[status] for status in (401, 403, 404, 422, 503)
}

router = APIRouter(lifespan=_with_peers, responses=READING_PROBLEMS)


def _operator(principal: Caller) -> Principal:
    require_role(principal, Role.OPERATIONS)
    return principal


Operator = Annotated[Principal, Depends(_operator)]


def _peers(request: Request) -> Peers:
    peers: Peers = request.app.state.peers
    return peers


def _asker(request: Request, _: Operator) -> Asker:
    return Asker(request.headers["authorization"])


ToPeers = Annotated[Peers, Depends(_peers)]
AsCaller = Annotated[Asker, Depends(_asker)]
Services = Annotated[list[ServiceName] | None, Query(description="Only of these services.")]
OneService = Annotated[ServiceName | None, Query(description="The service that holds it, when it is known.")]
ServicesCursor = Annotated[str | None, Query(alias="cursor", max_length=2000, description="`next` of the page before.")]


@router.get("/journeys", operation_id="journeys", tags=["journeys"])
async def list_journeys(
    request: Request,
    response: Response,
    principal: Operator,
    stage: Annotated[list[Stage] | None, Query()] = None,
    setting: Annotated[list[Setting] | None, Query()] = None,
    cursor: CursorText = None,
    limit: Limit = 50,
) -> Page[JourneyShown]:
    """Journeys, those first that have stood at their stage the longest."""
    async with unit_of_work(request, principal) as uow:
        found = await queries.journeys(uow, stage=stage, setting=setting, cursor=cursor, limit=limit)
        uow.record("list", "journey", None, journeys=[one.journey for one in found[:limit]])
    return page_of(request, response, found, [(one.since, one.journey) for one in found], limit)


@router.get("/journeys/{id}", operation_id="journey", tags=["journeys"])
async def show_journey(request: Request, principal: Operator, id: UUID) -> JourneyTraced:
    """One journey's events of every service: each after its cause, each with its cause."""
    async with unit_of_work(request, principal) as uow:
        found = await queries.journey(uow, id)
        if found is None:
            raise NotFound("journey")
        uow.record("read", "journey", id, journey=id)
    return found


@router.get("/counts", operation_id="counts", tags=["journeys"])
async def show_counts(request: Request, principal: Operator) -> Counts:
    """How many journeys stand at each stage, in each setting."""
    async with unit_of_work(request, principal) as uow:
        return await queries.counts(uow)


@router.get("/lag", operation_id="lag", tags=["streams"])
async def show_lag(request: Request, peers: ToPeers, asker: AsCaller) -> Lags:
    """How far behind every consumer is, in seconds and in records, and whether it catches up."""
    return await lags.gather(peers, asker, request.app.state.consumers)


@router.post(
    "/lag/{service}/{topic}/{partition}/restart",
    operation_id="lag_restart",
    tags=["streams"],
    response_model=Restarted,
    responses=PROBLEM_RESPONSES,
    openapi_extra=BECAUSE,
)
async def restart_partition(
    request: Request,
    peers: ToPeers,
    asker: AsCaller,
    service: ServiceName,
    topic: Topic,
    partition: Annotated[int, Path(ge=0, le=2**31 - 1)],
    idempotency_key: KeyHeader = None,
) -> Response:
    """Let a service read a partition whose offset is gone from its beginning; nothing has a second effect."""
    key, body = check_key(idempotency_key), await request.body()
    read_command(Because, request, body)
    return _response(await lags.restart(peers, asker, service, topic, partition, key=key, body=body))


@router.get("/parked", operation_id="parked", tags=["streams"])
async def list_parked(
    request: Request,
    response: Response,
    peers: ToPeers,
    asker: AsCaller,
    service: Services = None,
    status: Annotated[list[HeldStatus] | None, Query(description="Without one: all that are still held.")] = None,
    cursor: ServicesCursor = None,
    limit: Limit = 50,
) -> Gathered[Parked]:
    """Events that could not take effect yet, in every service, and why."""
    found = await deadletters.gather(peers, asker, PARKED, service=service, status=status, cursor=cursor, limit=limit)
    return _linked(request, response, found)


@router.get("/parked/{id}", operation_id="parked_one", tags=["streams"])
async def show_parked(peers: ToPeers, asker: AsCaller, id: UUID, service: OneService = None) -> ParkedDetail:
    """One of them, with its headers and data."""
    return await deadletters.find(peers, asker, PARKED, id, service)


@router.get("/dead-letters", operation_id="dead_letters", tags=["streams"])
async def list_dead_letters(
    request: Request,
    response: Response,
    peers: ToPeers,
    asker: AsCaller,
    service: Services = None,
    status: Annotated[
        list[DeadLetterStatus] | None,
        Query(description="Without one: all that nobody has dealt with."),
    ] = None,
    cursor: ServicesCursor = None,
    limit: Limit = 50,
) -> Gathered[DeadLetter]:
    """Messages that belong to no stream, in every service, and why."""
    found = await deadletters.gather(
        peers, asker, DEAD_LETTERS, service=service, status=status, cursor=cursor, limit=limit
    )
    return _linked(request, response, found)


@router.get("/dead-letters/{id}", operation_id="dead_letter", tags=["streams"])
async def show_dead_letter(peers: ToPeers, asker: AsCaller, id: UUID, service: OneService = None) -> DeadLetter:
    """One of them. Its content is not shown: nobody knows what it holds."""
    return await deadletters.find(peers, asker, DEAD_LETTERS, id, service)


@router.get("/deadlines", operation_id="deadlines", tags=["streams"])
async def list_deadlines(
    request: Request,
    response: Response,
    peers: ToPeers,
    asker: AsCaller,
    service: Services = None,
    status: Annotated[list[DeadlineStatus] | None, Query(description="Without one: those that are parked.")] = None,
    cursor: ServicesCursor = None,
    limit: Limit = 50,
) -> Gathered[Deadline]:
    """Deadlines whose handlers failed too often, in every service, and why."""
    found = await deadletters.gather(
        peers, asker, DEADLINES, service=service, status=status, cursor=cursor, limit=limit
    )
    return _linked(request, response, found)


@router.get("/deadlines/{id}", operation_id="deadline", tags=["streams"])
async def show_deadline(peers: ToPeers, asker: AsCaller, id: UUID, service: OneService = None) -> Deadline:
    """One of them."""
    return await deadletters.find(peers, asker, DEADLINES, id, service)


def _add_mending_route(shelf: Shelf[Any, Any], path: str, action: str, summary: str) -> None:
    async def act(
        request: Request,
        peers: ToPeers,
        asker: AsCaller,
        id: UUID,
        service: OneService = None,
        idempotency_key: KeyHeader = None,
    ) -> Response:
        key = check_key(idempotency_key)
        body = await request.body()
        read_command(Because, request, body)
        done = await deadletters.mend(peers, asker, shelf, id, service, action, key=key, body=body)
        return _response(done)

    router.add_api_route(
        f"{path}/{{id}}/{action}",
        act,
        methods=["POST"],
        name=f"{action} {shelf.resource}",
        operation_id=f"{shelf.resource}_{action}".replace(" ", "_"),
        summary=summary,
        response_model=shelf.detail,
        tags=["streams"],
        responses=PROBLEM_RESPONSES,
        openapi_extra=BECAUSE,
    )


_add_mending_route(PARKED, "/parked", RETRY, "Try it, and what is behind it, again")
_add_mending_route(PARKED, "/parked", DISCARD, "Let it have no effect, for a reason, and go on behind it")
_add_mending_route(DEAD_LETTERS, "/dead-letters", RETRY, "Read it again, in case the service can by now")
_add_mending_route(DEAD_LETTERS, "/dead-letters", DISCARD, "Be done with it, for a reason")
_add_mending_route(DEADLINES, "/deadlines", RETRY, "Try it again, now")
_add_mending_route(DEADLINES, "/deadlines", DISCARD, "Let it have no effect, for a reason")


def _response(done: BaseModel | Answer) -> Response:
    if isinstance(done, Answer):
        return JSONResponse(done.body, done.status, media_type=done.media_type)
    return Response(done.model_dump_json(), media_type="application/json")


def _linked(request: Request, response: Response, found: Gathered[Any]) -> Gathered[Any]:
    if found.next:
        response.headers["Link"] = f'<{request.url.include_query_params(cursor=found.next)}>; rel="next"'
    return found
