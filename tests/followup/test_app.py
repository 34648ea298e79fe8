"""The API of follow-up as it is put together."""

from __future__ import annotations

from typing import Any

import pytest

from followup import app
from followup.lifecycle import LIFECYCLES
from tests.support.followup import Place

PATHS = {"trial": "/trials/{id}", "check-in": "/check-ins/{id}", "handover": "/handovers/{id}"}


@pytest.fixture(scope="module")
def paths() -> dict[str, Any]:
    return dict(app.build().openapi()["paths"])


def test_every_action_of_a_person_has_its_route_and_no_other_route_changes_anything(paths: dict[str, Any]) -> None:
    wanted = {
        f"{PATHS[lifecycle.name]}/{one.action}" if one.sources else "/handovers"
        for lifecycle in LIFECYCLES
        for one in lifecycle.transitions
        if one.offered
    }
    ours = {path for path, methods in paths.items() if "post" in methods and not path.startswith("/streams")}
    assert ours == wanted
    assert not any({"put", "patch", "delete"} & set(methods) for methods in paths.values())


def test_every_route_says_which_problems_to_expect(paths: dict[str, Any]) -> None:
    for path, methods in paths.items():
        if path.startswith(("/trials", "/check-ins", "/handovers", "/observations")):
            for method in methods.values():
                assert {"401", "403", "404", "503"} <= set(method["responses"])


async def test_the_tables_of_transitions_are_there_to_read(place: Place) -> None:
    shown = (await place.client.get("/lifecycles")).json()
    assert [one["name"] for one in shown] == ["observation", "trial", "check-in", "handover"]
