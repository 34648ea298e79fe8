"""The only place that changes a state: with its version, its events and its audit row, or not at all."""

from __future__ import annotations

from uuid import UUID

import pytest

from backbone.database import Database, UnitOfWork
from backbone.problems import Stale
from backbone.rows import new_id
from backbone.transitions import begin, expect, move
from reliefpath import events
from reliefpath.envelope import Actor
from reliefpath.lifecycle import Finding, Refused
from reliefpath.vocabulary import Role, Side
from tests.support.visiting.lifecycle import VISIT, Finish, Pause, Plan, VisitFacts, VisitState
from tests.support.visiting.tables import Visit
from tests.support.visiting.world import SOMEBODY, rows, unit, value


def facts(visit: Visit) -> VisitFacts:
    returns_to = VisitState(visit.returns_to) if visit.returns_to else None
    return VisitFacts(VisitState(visit.state), returns_to, visit.place, visit.chairs)


async def planned(db: Database, **more: object) -> UUID:
    async with unit(db) as uow:
        visit = Visit(journey=new_id(), state="", **more)  # type: ignore[arg-type]  # its own columns
        said = events.ReferralReceived(referral=visit.id)
        begin(uow, VISIT, visit, "plan", VisitFacts(VisitState.PLANNED), command=Plan(), events=[said])
        return visit.id


async def taken(uow: UnitOfWork, id: UUID) -> Visit:
    visit = await uow.session.get(Visit, id)
    assert visit is not None
    await uow.lock(visit.journey)
    return visit


async def act(db: Database, id: UUID, action: str, *said: events.Event, by: Actor = SOMEBODY, **more: object) -> Visit:
    async with unit(db, by) as uow:
        visit = await taken(uow, id)
        move(uow, VISIT, visit, action, facts(visit), events=said, **more)  # type: ignore[arg-type]  # its own
        return visit


async def test_what_is_begun_is_there_with_its_first_version_its_event_and_its_audit_row(db: Database) -> None:
    thing = await planned(db)
    assert await rows(db, "SELECT state, version, returns_to FROM visits WHERE id = :id", id=thing) == [
        ("planned", 1, None)
    ]
    assert await value(db, "SELECT count(*) FROM backbone.outbox") == 1
    (row,) = await rows(db, "SELECT action, resource, resource_id, before, after, actor FROM backbone.audit")
    assert (row.action, row.resource, str(row.resource_id), row.before, row.after) == (
        "plan",
        "visit",
        str(thing),
        None,
        "planned",
    )


async def test_a_move_changes_the_state_counts_the_version_says_and_records(db: Database) -> None:
    thing = await planned(db, place="north")
    visit = await act(
        db,
        thing,
        "finish",
        events.ReferralCompleted(referral=thing),
        command=Finish(),
        reason="over",
        rules=["visit-place@1"],
    )
    assert (visit.state, visit.version) == ("done", 2)
    (row,) = await rows(db, "SELECT * FROM backbone.audit WHERE action = 'finish'")
    assert (row.before, row.after, row.reason, row.rules) == ("planned", "done", "over", ["visit-place@1"])
    assert [str(one) for one in row.journeys] == [str(visit.journey)]
    assert await value(db, "SELECT count(*) FROM backbone.outbox WHERE headers LIKE '%visit-place@1%'") == 1
    created, updated = (await rows(db, "SELECT created_at, updated_at FROM visits"))[0]
    assert updated > created


async def test_a_refusal_changes_nothing(db: Database) -> None:
    thing = await planned(db)
    with pytest.raises(Refused) as refused:
        await act(db, thing, "finish", events.ReferralCompleted(referral=thing), command=Finish())
    assert [reason.code for reason in refused.value.reasons] == ["place-unknown"]
    assert await rows(db, "SELECT state, version FROM visits") == [("planned", 1)]
    assert await value(db, "SELECT count(*) FROM backbone.outbox") == 1
    assert await value(db, "SELECT count(*) FROM backbone.audit") == 1


async def test_a_refused_beginning_leaves_no_row(db: Database) -> None:
    async def refuse() -> None:
        async with unit(db, Actor(Role.PATIENT, "p-1")) as uow:
            visit = Visit(journey=new_id(), state="")
            begin(uow, VISIT, visit, "plan", VisitFacts(VisitState.PLANNED), command=Plan())

    with pytest.raises(Refused):
        await refuse()
    assert await value(db, "SELECT count(*) FROM visits") == 0


async def test_the_actors_role_decides_not_what_the_command_says(db: Database) -> None:
    thing = await planned(db)
    with pytest.raises(Refused) as refused:
        await act(db, thing, "prepare", by=Actor(Role.SCHEDULER, "s-1"))
    assert [reason.code for reason in refused.value.reasons] == ["wrong-role"]


async def test_the_side_decides_too(db: Database) -> None:
    thing = await planned(db)
    with pytest.raises(Refused):
        await act(db, thing, "retract", sides=frozenset({Side.RECEIVER}))
    await act(db, thing, "retract", sides=frozenset({Side.SENDER}))


async def test_an_action_says_only_what_its_table_says(db: Database) -> None:
    thing = await planned(db)
    with pytest.raises(TypeError, match="pause does not say ReferralCompleted"):
        await act(db, thing, "pause", events.ReferralCompleted(referral=thing), command=Pause(reason_code="rain"))
    with pytest.raises(TypeError, match="prepare does not say"):
        await act(db, thing, "prepare", events.ReferralReceived(referral=thing))
    assert await rows(db, "SELECT state, version FROM visits") == [("planned", 1)]


@pytest.mark.parametrize("was", [VisitState.PLANNED, VisitState.READY])
async def test_after_an_interruption_it_is_back_where_it_was_and_that_is_forgotten(
    db: Database, was: VisitState
) -> None:
    thing = await planned(db)
    if was is VisitState.READY:
        await act(db, thing, "prepare")
    paused = await act(db, thing, "pause", command=Pause(reason_code="rain"))
    assert (paused.state, paused.returns_to) == ("paused", was)
    resumed = await act(db, thing, "resume")
    assert (resumed.state, resumed.returns_to) == (was, None)


async def test_an_interruption_that_ends_for_good_returns_nowhere(db: Database) -> None:
    thing = await planned(db)
    await act(db, thing, "pause", command=Pause(reason_code="rain"))
    await act(db, thing, "drop", events.ReferralExpired(referral=thing), by=Actor(Role.SYSTEM, "visiting"))
    assert await rows(db, "SELECT state, returns_to FROM visits") == [("dropped", None)]


async def test_events_may_be_made_only_once_the_action_is_decided(db: Database) -> None:
    thing = await planned(db)
    made: list[bool] = []

    def make() -> list[events.Event]:
        made.append(True)
        return [events.ReferralCompleted(referral=thing)]

    async def finish(place: str | None) -> tuple[Finding, ...]:
        async with unit(db) as uow:
            visit = await taken(uow, thing)
            visit.place = place
            return move(uow, VISIT, visit, "finish", facts(visit), events=make)

    with pytest.raises(Refused):
        await finish(None)
    assert made == []
    advice = await finish("north")
    assert made == [True]
    assert [one.code for one in advice] == ["one-chair"]


async def test_whoever_decided_on_an_older_version_is_told_so(db: Database) -> None:
    thing = await planned(db)
    visit = await act(db, thing, "prepare")
    expect(visit, 2)
    expect(visit, None)
    for stale in (1, 3):
        with pytest.raises(Stale) as refused:
            expect(visit, stale)
        assert refused.value.headers["ETag"] == '"2"'
