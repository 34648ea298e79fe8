"""Courses as they are shown, with the decision and the authorisation each rests on."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select
from sqlmodel import col

from backbone.database import UnitOfWork
from referral.schemas import AuthorisationShown, CourseSummary, DecisionShown
from referral.tables import Authorisation, Course, Decision


async def courses_of(uow: UnitOfWork, journey: UUID) -> list[CourseSummary]:
    """Every course of a journey, oldest first."""
    statement = select(Course).where(col(Course.journey) == journey).order_by(col(Course.id))
    return await show_courses(uow, (await uow.session.execute(statement)).scalars().all())


async def show_courses(uow: UnitOfWork, courses: Sequence[Course]) -> list[CourseSummary]:
    """These courses, each with its decision and its authorisation."""
    ids = [course.id for course in courses]
    decided = {
        row.course: DecisionShown.model_validate(row, from_attributes=True)
        for row in (await uow.session.execute(select(Decision).where(col(Decision.course).in_(ids)))).scalars()
    }
    authorised = {
        row.course: AuthorisationShown.model_validate(row, from_attributes=True)
        for row in (
            await uow.session.execute(select(Authorisation).where(col(Authorisation.course).in_(ids)))
        ).scalars()
    }
    return [
        CourseSummary.model_validate(
            course.model_dump() | {"decision": decided.get(course.id), "authorisation": authorised.get(course.id)}
        )
        for course in courses
    ]
