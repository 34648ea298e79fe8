"""The reference pages say what the code says."""

from __future__ import annotations

import importlib.util
from types import ModuleType
from typing import Final

import pytest

from backbone.settings import Settings
from reliefpath.events import CATALOGUE
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


def test_every_setting_and_every_event_has_its_line() -> None:
    settings, events = (ROOT / "docs" / "settings.md").read_text(), (ROOT / "docs" / "events.md").read_text()
    assert [name for name in Settings.model_fields if f"`RELIEFPATH_{name.upper()}`" not in settings] == []
    assert [name for name in CATALOGUE if f"`{name}`" not in events] == []
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []


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
