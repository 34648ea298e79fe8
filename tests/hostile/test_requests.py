"""Whatever is asked of an API, by its contract or against it, is answered as the contract says and never with a 5xx."""

from __future__ import annotations

from collections import defaultdict
from typing import Final, Literal
from uuid import uuid4

import asyncpg
import pytest
from fastapi import Response
from pydantic import BaseModel

from backbone.access import NETWORK_ROLES
from backbone.contract import PROBLEM_RESPONSES, Api
from backbone.edge import Edge
from backbone.problems import install
from backbone.service import SERVICES
from backbone.settings import Settings
from contracts import http
from contracts.examples import stories
from reliefpath.vocabulary import Role, facility_id
from stack.keys import Keys
from stack.ports import free_ports
from tests.hostile.asking import Asking, served
from tests.support.servers import finish

COLUMNS: Final = """
    SELECT table_schema, table_name, column_name FROM information_schema.columns
    WHERE data_type = 'uuid' AND column_name = ANY($1) ORDER BY 1, 2, 3
"""


async def _found(address: str, *columns: str) -> dict[str, list[str]]:
    """The UUIDs in these columns, by their tables."""
    connection = await asyncpg.connect(address)
    found: defaultdict[str, list[str]] = defaultdict(list)
    try:
        for schema, table, column in await connection.fetch(COLUMNS, columns):
            rows = await connection.fetch(f'SELECT DISTINCT "{column}" FROM "{schema}"."{table}" ORDER BY 1 LIMIT 40')
            found[table] += [str(row[0]) for row in rows if row[0]]
        return found
    finally:
        await connection.close()


@pytest.fixture
def asking(request: pytest.FixtureRequest, addresses: dict[str, str], filled: dict[str, str], keys: Keys) -> Asking:
    """Somebody of every role, and referrers of single facilities, who ask one service."""
    service = request.getfixturevalue("service")
    codes = sorted({step.query["to"] for story in stories().values() for step in story.steps if "to" in step.query})
    among = finish(_found(filled[service], "facility")).values()
    facilities = sorted({*(str(facility_id(code)) for code in codes), *(one for ids in among for one in ids)})
    journeys = sorted({one for found in finish(_found(filled[service], "journey")).values() for one in found})
    tokens = [
        keys.token(
            role,
            f"{role.value}-1",
            ["*"] if role in NETWORK_ROLES else facilities,
            journey=next(iter(journeys), str(uuid4())) if role is Role.PATIENT else None,
        )
        for role in Role
        if role is not Role.SYSTEM
    ]
    tokens += [keys.token(Role.REFERRER, f"referrer-{facility}", [facility]) for facility in facilities]
    ids = finish(_found(filled[service], "id"))
    ids["journeys"] = journeys
    ids["parked"] = ids["held"]
    return Asking(addresses[service], tokens, ids, codes)


@pytest.mark.parametrize("service", SERVICES)
def test_every_request_is_answered_as_the_contract_says(
    service: str, asking: Asking, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = asking.everything(http.document(service))
    with capsys.disabled():
        print(f"\n{service}: {asking.statuses.total()} requests, by status {dict(sorted(asking.statuses.items()))}")
    assert wrong == [], "\n\n".join(wrong)
    assert max(asking.statuses) < 500


class Shown(BaseModel):
    """What the planted routes say they answer with."""

    count: int


def planted() -> Api:
    """An API that breaks its contract once in each way."""
    app = Api()
    install(app)

    @app.get("/fails/{number}", responses=PROBLEM_RESPONSES)
    async def fails(number: int) -> Shown:
        return Shown(count=10 // (number - 1 if number == 1 else 1))

    @app.get("/undocumented", responses=PROBLEM_RESPONSES)
    async def undocumented(kind: Literal["tea", "coffee"]) -> Shown:
        return Response(status_code=418 if kind == "coffee" else 200, content=b'{"count": 1}')  # type: ignore[return-value]

    @app.get("/of-another-shape", responses=PROBLEM_RESPONSES)
    async def of_another_shape() -> Shown:
        return Response(b'{"count": "one"}', media_type="application/json")  # type: ignore[return-value]

    @app.get("/accepts-anything", responses=PROBLEM_RESPONSES, openapi_extra={
        "parameters": [{"name": "limit", "in": "query", "required": True, "schema": {"type": "integer", "maximum": 9}}]
    })  # fmt: skip
    async def accepts_anything() -> Shown:
        return Shown(count=1)

    return app


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("/fails/{number}", "Server error"),
        ("/undocumented", "Undocumented status code"),
        ("/of-another-shape", "Response violates schema"),
        ("/accepts-anything", "Schema-violating request accepted"),
    ],
)
def test_an_api_that_breaks_its_contract_is_caught(path: str, found: str) -> None:
    (port,) = free_ports(1)
    app = planted()
    document = app.openapi()
    document["paths"] = {path: document["paths"][path]}
    with served(Edge(app, Settings()), port, lifespan="off"):
        [wrong] = Asking(f"http://127.0.0.1:{port}").everything(document)
    assert found in wrong
