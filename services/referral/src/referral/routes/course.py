"""Courses: one course, a new one of a referral, and every action on one."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request, Response

from backbone.access import Caller, Principal, require_role, require_visible
from backbone.actions import (
    add_action_routes,
    add_creation_route,
    allowed_actions,
    etag,
    unit_of_work,
)
from backbone.contract import PROBLEM_RESPONSES
from backbone.database import UnitOfWork
from backbone.problems import NotFound
from referral.commands import course as commands
from referral.commands.facts import course_facts, sides_of
from referral.lifecycle import COURSE
from referral.lifecycle.course import Propose
from referral.queries.course import show_courses
from referral.routes.referral import READERS
from referral.schemas import CourseShown
from referral.tables import Course, Referral

router = APIRouter(tags=["courses"])


async def shown(uow: UnitOfWork, principal: Principal, course: Course) -> CourseShown:
    """The course for this caller, with what they may do now."""
    await uow.session.flush()
    referral = await uow.session.get_one(Referral, course.referral)
    facts = await course_facts(uow, course, referral)
    [answer] = await show_courses(uow, [course])
    actions = allowed_actions(COURSE, facts, principal, sides_of(referral, principal))
    return CourseShown(**answer.model_dump(), allowed_actions=actions)


@router.get("/courses/{id}", operation_id="course", responses=PROBLEM_RESPONSES)
async def read_course(request: Request, response: Response, principal: Caller, id: UUID) -> CourseShown:
    """A course, the decision and the authorisation it rests on, and what you may do now."""
    require_role(principal, *READERS)
    async with unit_of_work(request, principal) as uow:
        course = await uow.session.get(Course, id)
        if course is None:
            raise NotFound("course")
        await require_visible(uow, principal, course.journey, "course")
        answer = await shown(uow, principal, course)
        uow.record("read", "course", id, journey=course.journey)
    response.headers["ETag"] = etag(answer.version)
    return answer


async def _propose(uow: UnitOfWork, principal: Principal, command: Propose, *, referral: UUID) -> CourseShown:
    return await shown(uow, principal, await commands.propose(uow, principal, command, referral=referral))


async def _perform(
    uow: UnitOfWork, principal: Principal, id: UUID, action: str, command: Any, expected: int | None
) -> CourseShown:
    return await shown(uow, principal, await commands.perform(uow, principal, id, action, command, expected))


add_creation_route(
    router,
    COURSE,
    "propose",
    path="/referrals/{referral}/courses",
    create=_propose,
    shown=CourseShown,
    location="/courses/{id}",
)
add_action_routes(router, COURSE, path="/courses/{id}", perform=_perform, shown=CourseShown)
