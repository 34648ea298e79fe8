"""The guide for integrators names nothing that the contracts do not have. Its code is run in tests/journeys."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Any, Final

import pytest

from backbone.contract import ANSWERED, HEADERS, PROBLEM_RESPONSES, problem_types
from backbone.service import SERVICES
from contracts import http, topics
from contracts.cards import events
from reliefpath.events import Speaker, topic_of
from reliefpath.vocabulary import Role
from tests.architecture.sources import ROOT
from tests.support.guide import GUIDE, code, names

TEXT: Final = GUIDE.read_text(encoding="utf-8")

BETWEEN: Final = {"502", "504"}
"""Statuses that are never ours: what stands between caller and service answers with them."""

CLAIMS: Final = {"role", "facilities", "sub"}
"""What a token says."""

OF_OTHERS: Final = {"at+jwt", "auto.offset.reset=earliest", "role:subject", "request:…", "event:…", "deadline:…"}
"""Names that no contract lists: of other standards, and how a header's value is made."""

OURS: Final = {"reliefpath_client", "v1", "v2", "python -m contracts --release"}
"""Names of what is around the contracts."""


def properties(schema: Any) -> Iterator[str]:
    """The names of every field in a document, however deep."""
    if isinstance(schema, dict):
        yield from schema["properties"] if isinstance(schema.get("properties"), dict) else ()
        for one in schema.values():
            yield from properties(one)
    elif isinstance(schema, list):
        for one in schema:
            yield from properties(one)


@cache
def offered() -> dict[str, set[str]]:
    """Every operation by method and path, with the parameters of its query."""
    return {
        f"{method.upper()} {path}": {one["name"] for one in operation.get("parameters", ()) if one["in"] == "query"}
        for service in SERVICES
        for path, item in http.document(service)["paths"].items()
        for method, operation in item.items()
    }


@cache
def known() -> set[str]:
    """Everything that the contracts have a name for, as the guide would write it."""
    spoken = {topic_of(speaker) for speaker in Speaker}
    return {
        *offered(),
        *(operation.partition(" ")[2] for operation in offered()),
        *(name for query in offered().values() for name in query),
        *(name for service in SERVICES for name in properties(http.document(service)["components"]["schemas"])),
        *(event.__name__ for event in events()),
        *(name for event in events() for name in properties(topics.headers(event))),
        *(*spoken, *(topic.removeprefix("reliefpath") for topic in spoken)),
        *(*problem_types(), *map(str, PROBLEM_RESPONSES), *HEADERS, *ANSWERED),
        *(role.value for role in Role),
        *(f"make {target}" for target in re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)),
    }


def unknown(text: str) -> list[str]:
    """What a text names and nothing has."""
    return sorted({name for name in names(text) if not is_known(name)} - BETWEEN - CLAIMS - OF_OTHERS - OURS)


def is_known(name: str) -> bool:
    """Whether there is such a thing, and takes the parameters that are named with it."""
    if name.startswith("make "):
        return " ".join(name.split()[:2]) in known()
    operation, _, query = name.partition("?")
    return operation in known() and set(re.findall(r"(\w+)=", query)) <= offered().get(operation, set())


def test_it_names_nothing_that_is_not_there() -> None:
    assert unknown(TEXT) == []


@pytest.mark.parametrize(
    ("truth", "lie"),
    [
        ("`ReferralAccepted`", "`ReferralAcknowledged`"),
        ("`POST /referrals/{id}/send`", "`POST /referrals/{id}/dispatch`"),
        ("`POST /referrals/{id}/send`", "`PUT /referrals/{id}/send`"),
        ("&sender=…`", "&from=…`"),
        ("`events-gone`", "`events-lost`"),
        ("| 409 |", "| 418 |"),
        ("`412` means", "`417` means"),
        ("`ce_seq`", "`ce_number`"),
        ("`allowed_actions`", "`next_actions`"),
        ("`home_nurse`", "`home_helper`"),
        ("`.followup`", "`.follow-up`"),
        ("`If-Match`", "`If-Matches`"),
        ("`make contracts`", "`make agreements`"),
    ],
)
def test_a_name_that_is_not_there_is_found(truth: str, lie: str) -> None:
    assert truth in TEXT
    [found] = unknown(TEXT.replace(truth, lie))
    assert found in lie or lie.strip("`") in found


def test_it_says_what_to_do_at_every_status() -> None:
    rows = re.findall(r"^ *\| ([0-9]{3}[^|]*)\|", TEXT, re.MULTILINE)
    listed = re.findall(r"[0-9]{3}", " ".join(rows))
    assert sorted(listed) == sorted({*map(str, PROBLEM_RESPONSES), *BETWEEN})


def test_a_problem_type_is_of_the_status_that_is_named_with_it() -> None:
    named = re.findall(r"\(([0-9]{3}), `([a-z-]+)`\)", TEXT)
    assert named
    assert [(status, type_) for status, type_ in named if problem_types()[type_][0] != int(status)] == []


def test_its_links_lead_somewhere() -> None:
    links = re.findall(r"\]\(([^)#]+)\)", TEXT)
    assert links
    assert [link for link in links if not (GUIDE.parent / link).exists()] == []


def test_its_code_is_found_where_it_stands() -> None:
    pieces = code(TEXT)
    assert len(pieces) == TEXT.count("```python")
    for piece in pieces:
        line = piece.count("\n") - piece.lstrip("\n").count("\n")
        assert TEXT.splitlines()[line - 1] == "```python"
