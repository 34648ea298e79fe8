"""What holds for all that is shown of a service's streams: for operators alone, by a status that there is."""

from __future__ import annotations

from uuid import UUID

import pytest
from starlette.routing import NoMatchFound

from backbone.streams import dead_letters, lag, path_of
from reliefpath.vocabulary import Role
from tests.support.visiting.served import Served


@pytest.mark.parametrize(
    "path",
    [
        "lag",
        "held",
        f"held/{UUID(int=1)}",
        "dead-letters",
        f"dead-letters/{UUID(int=1)}",
        "deadlines",
        f"deadlines/{UUID(int=1)}",
    ],
)
async def test_only_operations_see_streams(served: Served, path: str) -> None:
    for role in set(Role) - {Role.SYSTEM, Role.OPERATIONS, Role.PATIENT}:
        assert (await served.get(f"/streams/{path}", role)).status_code == 403
    assert (await served.client.get(f"/streams/{path}")).status_code == 401


@pytest.mark.parametrize(("kind", "status"), [("dead-letters", "a\x00b"), ("dead-letters", "lost"), ("held", "lost")])
async def test_a_status_that_there_is_not_is_told_so(served: Served, kind: str, status: str) -> None:
    assert (await served.get(f"/streams/{kind}", status=status)).status_code == 422


async def test_who_asks_a_service_is_told_the_paths_at_which_it_answers(served: Served) -> None:
    restart = path_of(lag.restart_partition, topic="visits", partition=3)
    assert restart == "/streams/lag/visits/3/restart"
    for path in (path_of(lag.show_lag), path_of(dead_letters.list_dead_letters)):
        assert (await served.get(path)).status_code == 200
    assert (await served.get(path_of(dead_letters.show_dead_letter, id=UUID(int=1)))).status_code == 404


def test_what_answers_nobody_or_elsewhere_has_no_path() -> None:
    for answers, place in ((path_of, {}), (lag.show_lag, {"id": 1}), (dead_letters.show_dead_letter, {})):
        with pytest.raises(NoMatchFound):
            path_of(answers, **place)
