"""The worker is the same service as the API, with its deadlines."""

from __future__ import annotations

from dataclasses import replace

from referral import app, worker
from referral.reactions import DEADLINES


def test_worker_and_api_are_one_service() -> None:
    assert worker.SERVICE.deadlines == DEADLINES
    assert replace(worker.SERVICE, deadlines={}, prepare=None) == replace(app.SERVICE, prepare=None)
