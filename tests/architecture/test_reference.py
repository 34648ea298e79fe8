"""The reference pages say what the code says."""

from __future__ import annotations

import importlib.util
from types import ModuleType
from typing import Final

import pytest

from backbone.settings import Settings
from backbone.telemetry import METRICS, REGISTRY
from tests.architecture.sources import ROOT


def _generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


GENERATE: Final = _generator()


def test_no_page_is_stale() -> None:
    assert GENERATE.stale() == [], "run make docs"


def test_every_setting_has_its_line() -> None:
    settings = (ROOT / "docs" / "settings.md").read_text()
    assert [name for name in Settings.model_fields if f"`RELIEFPATH_{name.upper()}`" not in settings] == []
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []


def test_every_metric_has_its_line_and_says_what_to_watch_for() -> None:
    page = (ROOT / "docs" / "metrics.md").read_text()
    shown = {one.removesuffix("_total") for one in (metric.name for metric in METRICS)}
    assert {family.name for family in REGISTRY.collect()} == shown
    assert [one.name for one in METRICS if f"| `{one.name}` | {one.kind} |" not in page] == []
    assert [one.name for one in METRICS if not (one.meaning.endswith(".") and one.watch_for.endswith("."))] == []


PROMISED: Final = {
    "outbox depth": "reliefpath_outbox_depth",
    "outbox age": "reliefpath_outbox_age_seconds",
    "relay throughput": "reliefpath_relayed_total",
    "consumer throughput": "reliefpath_heard_total",
    "lag in seconds": "reliefpath_lag_seconds",
    "parked journeys": "reliefpath_parked_journeys",
    "retries": "reliefpath_retries_total",
    "handler time": "reliefpath_reaction_seconds",
    "loop lag": "reliefpath_loop_lag_seconds",
}


def test_every_metric_that_was_promised_is_declared() -> None:
    declared = {one.name for one in METRICS}
    assert {what: name for what, name in PROMISED.items() if name not in declared} == {}


def test_a_page_that_lags_behind_the_code_is_called_stale(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(GENERATE.PAGES, "settings.md", lambda: "something newer")
    assert GENERATE.stale() == ["settings.md"]


def test_every_make_target_is_explained() -> None:
    targets = [
        line.partition(":")[0]
        for line in (ROOT / "Makefile").read_text().splitlines()
        if line and line[0].isalpha() and ":" in line and "=" not in line
    ]
    unexplained = [
        line
        for line in (ROOT / "Makefile").read_text().splitlines()
        if line.split(":")[0] in targets and "##" not in line
    ]
    assert targets
    assert unexplained == []
