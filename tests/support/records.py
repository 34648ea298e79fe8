"""What every record of a test begins with."""

from __future__ import annotations

from typing import Any, Final

from pydantic import TypeAdapter

from reliefpath.record import AnyRecord, Record

RECORD: Final[TypeAdapter[Record]] = TypeAdapter(AnyRecord)
"""Reads a record of any kind."""

HEAD: Final[dict[str, Any]] = {
    "id": "X-1",
    "version": 1,
    "title": "A thing",
    "status": "draft",
    "sources": [{"title": "A paper", "organisation": "A journal", "year": 2020}],
    "verification": "P",
    "effective_from": "2026-01-01",
    "review_due": "2027-01-01",
    "site_overridable": True,
    "rationale": "Because.",
}

FIGURE: Final[dict[str, Any]] = {
    **HEAD,
    "kind": "figure",
    "quantity": "platelets",
    "comparison": "below",
    "value": 50,
    "unit": "10*9/L",
}
