"""A run: a name that no other has, and no good end while operations sees anything behind or held."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from reliefpath.vocabulary import Role
from simulator import run
from simulator.clock import NotStill
from simulator.run import Run, confirm_nothing_held, name_of
from tests.support.papers import BEGIN, Papers


def test_the_name_of_a_run_is_short_and_follows_the_clock() -> None:
    names = [name_of(BEGIN + timedelta(seconds=second)) for second in range(100)]
    assert names == sorted(names)
    assert len(set(names)) == 100
    assert name_of(datetime(1970, 1, 1, 0, 0, 35, tzinfo=UTC)) == "Z"
    assert all(len(name) == 6 for name in names)


def test_a_run_lasts_from_its_first_day_to_its_last() -> None:
    played = Run(None, [], began=BEGIN, ended=BEGIN + timedelta(days=104, hours=3))  # type: ignore[arg-type]  # no network is asked
    assert played.days == 104


def seen(records: int = 0, silent: tuple[dict[str, str], ...] = ()) -> Papers:
    papers = Papers(lists={"/parked": [], "/dead-letters": []})
    lags: dict[str, Any] = {"consumers": [{"service": "followup", "topic": "t", "records": records}], "silent": silent}
    papers.answers["/lag"] = lambda _: lags
    return papers


async def test_a_run_ends_well_when_operations_sees_nothing_behind_and_nothing_held() -> None:
    await confirm_nothing_held(seen().person(Role.OPERATIONS))


@pytest.mark.parametrize("shelf", ["/parked", "/dead-letters"])
async def test_anything_held_or_set_aside_is_told(shelf: str) -> None:
    papers = seen()
    papers.lists[shelf] = [{"id": 1}]
    with pytest.raises(NotStill, match=f"1 events stand in {shelf[1:]}"):
        await confirm_nothing_held(papers.person(Role.OPERATIONS))


@pytest.mark.parametrize(
    ("papers", "told"),
    [(seen(records=3), "followup on t"), (seen(silent=({"service": "scheduling", "because": "down"},)), "down")],
)
async def test_lag_that_stays_and_a_service_that_is_silent_are_told(
    papers: Papers, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "LAG_SEEN_WITHIN", 0.1)
    with pytest.raises(NotStill, match=told):
        await confirm_nothing_held(papers.person(Role.OPERATIONS))
