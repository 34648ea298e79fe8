"""The directory over HTTP: facilities and their resources."""

from __future__ import annotations

from typing import Annotated, TypeVar, cast
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from backbone.access import Caller, require_role
from backbone.actions import (
    KeyHeader,
    MatchHeader,
    answer_once,
    body_of,
    etag,
    expected_version,
    read_command,
    shown_answer,
    unit_of_work,
)
from backbone.contract import PROBLEM_RESPONSES
from backbone.database import UnitOfWork
from backbone.idempotency import Answer
from backbone.paging import CursorText, Limit, Page, page_of
from reliefpath.lifecycle import Command
from reliefpath.vocabulary import Code, FacilityKind, Role
from scheduling.commands.directory import add_resource, change_facility, change_resource, list_facility
from scheduling.queries.directory import (
    list_facilities,
    list_resources,
    read_facility,
    read_resource,
    show_facility,
)
from scheduling.schemas import (
    FacilityChange,
    FacilityGiven,
    FacilityShown,
    ResourceChange,
    ResourceGiven,
    ResourceShown,
)

router = APIRouter(tags=["directory"])

KEEPERS = (Role.SCHEDULER, Role.OPERATIONS)

Given = TypeVar("Given", bound=Command)


async def _read(cls: type[Given], request: Request) -> Given:
    return cast(Given, read_command(cls, request, await request.body()))


@router.get("/facilities", responses=PROBLEM_RESPONSES, operation_id="facilities")
async def facilities(
    request: Request,
    response: Response,
    principal: Caller,
    code: Code | None = None,
    kind: FacilityKind | None = None,
    capability: Annotated[Code | None, Query(description="Only facilities that list it.")] = None,
    cursor: CursorText = None,
    limit: Limit = 50,
) -> Page[FacilityShown]:
    """The facilities of the network, by code."""
    async with unit_of_work(request, principal) as uow:
        items, places = await list_facilities(uow, code, kind, capability, cursor, limit)
    return page_of(request, response, items, places, limit)


@router.post(
    "/facilities",
    status_code=201,
    response_model=FacilityShown,
    responses=PROBLEM_RESPONSES | {200: {"model": FacilityShown, "description": "It was listed so before."}},
    operation_id="facility_list",
    openapi_extra=body_of(FacilityGiven),
)
async def post_facility(request: Request, principal: Caller, idempotency_key: KeyHeader = None) -> Response:
    """List a facility. The same one again is answered with 200 and changes nothing."""
    require_role(principal, *KEEPERS)
    given = await _read(FacilityGiven, request)

    async def work(uow: UnitOfWork) -> Answer:
        row, fresh = await list_facility(uow, principal, given)
        return shown_answer(show_facility(row), 201 if fresh else 200, f"/facilities/{row.id}")

    return await answer_once(request, principal, idempotency_key, await request.body(), work)


@router.get("/facilities/{id}", responses=PROBLEM_RESPONSES, operation_id="facility")
async def facility(request: Request, response: Response, principal: Caller, id: UUID) -> FacilityShown:
    """One facility."""
    async with unit_of_work(request, principal) as uow:
        shown = await read_facility(uow, id)
    response.headers["ETag"] = etag(shown.version)
    return shown


@router.put(
    "/facilities/{id}",
    responses=PROBLEM_RESPONSES,
    operation_id="facility_change",
    openapi_extra=body_of(FacilityChange),
)
async def put_facility(
    request: Request, response: Response, principal: Caller, id: UUID, if_match: MatchHeader = None
) -> FacilityShown:
    """Change a facility."""
    require_role(principal, *KEEPERS)
    expected = expected_version(if_match)
    given = await _read(FacilityChange, request)
    async with unit_of_work(request, principal) as uow:
        shown = show_facility(await change_facility(uow, principal, id, given, expected))
    response.headers["ETag"] = etag(shown.version)
    return shown


@router.get("/facilities/{id}/resources", responses=PROBLEM_RESPONSES, operation_id="facility_resources")
async def resources(
    request: Request, response: Response, principal: Caller, id: UUID, cursor: CursorText = None, limit: Limit = 50
) -> Page[ResourceShown]:
    """A facility's rooms, clinicians and devices, by code."""
    async with unit_of_work(request, principal) as uow:
        items, places = await list_resources(uow, id, cursor, limit)
    return page_of(request, response, items, places, limit)


@router.post(
    "/facilities/{id}/resources",
    status_code=201,
    response_model=ResourceShown,
    responses=PROBLEM_RESPONSES | {200: {"model": ResourceShown, "description": "It was added so before."}},
    operation_id="resource_add",
    openapi_extra=body_of(ResourceGiven),
)
async def post_resource(request: Request, principal: Caller, id: UUID, idempotency_key: KeyHeader = None) -> Response:
    """Add a resource to a facility. The same one again is answered with 200 and changes nothing."""
    require_role(principal, *KEEPERS)
    given = await _read(ResourceGiven, request)

    async def work(uow: UnitOfWork) -> Answer:
        row, fresh = await add_resource(uow, principal, id, given)
        await uow.session.flush()
        return shown_answer(await read_resource(uow, row.id), 201 if fresh else 200, f"/resources/{row.id}")

    return await answer_once(request, principal, idempotency_key, await request.body(), work)


@router.get("/resources/{id}", responses=PROBLEM_RESPONSES, operation_id="resource")
async def resource(request: Request, response: Response, principal: Caller, id: UUID) -> ResourceShown:
    """One resource."""
    async with unit_of_work(request, principal) as uow:
        shown = await read_resource(uow, id)
    response.headers["ETag"] = etag(shown.version)
    return shown


@router.put(
    "/resources/{id}",
    responses=PROBLEM_RESPONSES,
    operation_id="resource_change",
    openapi_extra=body_of(ResourceChange),
)
async def put_resource(
    request: Request, response: Response, principal: Caller, id: UUID, if_match: MatchHeader = None
) -> ResourceShown:
    """Change a resource. What is booked already stays booked."""
    require_role(principal, *KEEPERS)
    expected = expected_version(if_match)
    given = await _read(ResourceChange, request)
    async with unit_of_work(request, principal) as uow:
        await change_resource(uow, principal, id, given, expected)
        await uow.session.flush()
        shown = await read_resource(uow, id)
    response.headers["ETag"] = etag(shown.version)
    return shown
