"""The worker of follow-up as it is put together."""

from __future__ import annotations

from dataclasses import replace

from followup import app, worker


def test_it_is_of_the_same_service_as_the_api() -> None:
    assert replace(worker.SERVICE, prepare=None) == replace(app.SERVICE, prepare=None)
    assert worker.SERVICE.prepare is not None
