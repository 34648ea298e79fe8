"""What every act of an operator has in common: its reason, its one effect per key, the row it is about."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Final, cast
from uuid import UUID

from fastapi import Request, Response
from pydantic import StringConstraints
from sqlalchemy import select

from backbone.access import Principal, require_role
from backbone.actions import answer_once, body_of, read_command
from backbone.database import UnitOfWork
from backbone.hearing import Hearer
from backbone.idempotency import Answer
from backbone.problems import NotFound
from reliefpath.lifecycle import Command
from reliefpath.vocabulary import Role


class Because(Command):
    """Why an operator does it."""

    reason: Annotated[str, StringConstraints(strip_whitespace=True, min_length=3, max_length=500)]


BECAUSE: Final = body_of(Because)


Work = Callable[[UnitOfWork, str], Awaitable[Answer]]
"""What an operator does, for this reason, in one transaction."""


async def act_once(request: Request, principal: Principal, key: str | None, work: Work) -> Response:
    """Do an operator's work once per key, for the reason that the body gives, and answer what became of it."""
    require_role(principal, Role.OPERATIONS)
    body = await request.body()
    command = cast("Because", read_command(Because, request, body))

    async def because(uow: UnitOfWork) -> Answer:
        return await work(uow, command.reason)

    return await answer_once(request, principal, key, body, because)


def hearer_of(request: Request) -> Hearer:
    """The API's own hearer."""
    hearer: Hearer = request.app.state.hearer
    return hearer


async def find_row(uow: UnitOfWork, table: Any, id: UUID, resource: str) -> Any:
    """The row of this id, or a refusal that calls it by what a person knows it as."""
    row = (await uow.session.execute(select(table).where(table.c.id == id))).first()
    if row is None:
        raise NotFound(resource)
    return row
