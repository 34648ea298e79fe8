"""What holds for all that is shown of a service's streams: for operators alone, by a status that there is."""

from __future__ import annotations

from uuid import UUID

import pytest

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
