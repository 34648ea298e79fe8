"""Databases of the visiting service, one per test."""

from __future__ import annotations

from tests.support.visiting.fixtures import _template, address, connect, db

__all__ = ["_template", "address", "connect", "db"]
