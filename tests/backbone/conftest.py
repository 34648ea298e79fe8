"""Databases of the visiting service, one per test."""

from __future__ import annotations

from tests.support.visiting.fixtures import address, connect, db, template

__all__ = ["template", "address", "connect", "db"]
