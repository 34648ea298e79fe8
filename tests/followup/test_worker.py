"""The worker runs the service on its card."""

from __future__ import annotations

import pytest

from followup import worker
from followup.card import SERVICE


def test_the_worker_runs_the_service_on_its_card(monkeypatch: pytest.MonkeyPatch) -> None:
    run: list[object] = []
    monkeypatch.setattr(worker, "run_worker", run.append)
    worker.main()
    assert run == [SERVICE]
