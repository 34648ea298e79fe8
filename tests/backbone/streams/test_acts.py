"""What every act of an operator has in common: who may, for a reason, once per key."""

from __future__ import annotations

import pytest

from backbone.rows import new_id
from reliefpath.vocabulary import Role
from tests.backbone.streams.ear import BECAUSE, Ear
from tests.support.visiting.served import Served
from tests.support.visiting.world import rows


@pytest.mark.parametrize("kind", ["held", "dead-letters", "deadlines"])
@pytest.mark.parametrize("action", ["retry", "discard"])
async def test_only_operations_act_on_streams(served: Served, kind: str, action: str) -> None:
    path = f"/streams/{kind}/{new_id()}/{action}"
    assert (await served.post(path, BECAUSE, role=Role.COORDINATOR)).status_code == 403
    assert (await served.post(path, BECAUSE)).status_code == 404
    assert (await served.post(path, {"reason": " x "})).status_code == 422
    assert (await served.post(path, None)).status_code == 422
    keyless = await served.client.post(path, json=BECAUSE, headers=served.headers())
    assert (keyless.status_code, keyless.json()["errors"][0]["code"]) == (400, "idempotency-key")


@pytest.mark.parametrize("action", ["retry", "discard"])
async def test_an_action_is_audited_and_done_once_per_key(ear: Ear, action: str) -> None:
    stream, (first,) = await ear.held(events=1)
    ear.failing = False
    path, key = f"/streams/held/{first['id']}/{action}", str(new_id())
    once, again = [await ear.served.post(path, BECAUSE, key=key) for _ in range(2)]
    assert (once.status_code, once.json()) == (again.status_code, again.json())
    other = await ear.served.post(path, {"reason": "another one"}, key=key)
    assert (other.status_code, other.json()["errors"][0]["code"]) == (422, "idempotency-key-reused")
    audited = "SELECT actor, reason, before, journeys FROM backbone.audit WHERE action = :action"
    assert await rows(ear.db, audited, action=action) == [
        ("operations:operations-1", BECAUSE["reason"], "retrying", [stream])
    ]
