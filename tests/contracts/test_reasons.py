"""Every code of a reason that a source gives is in the list, and nothing else; none may go away."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import pytest
from joserfc import errors

from backbone.access import TOKEN_REFUSALS
from backbone.service import SERVICES
from contracts import http
from contracts.cards import HERE
from contracts.examples import ANSWERS
from contracts.reasons import (
    EVERY_API,
    GIVERS,
    PASSED_ON,
    Reasons,
    Said,
    Unreadable,
    reasons,
    reasons_changed,
    said_in,
)
from contracts.validation import MEANING

ROOTS = [HERE.parent / f"{kind}/{name}/src/{name}" for kind in ("shared", "services") for name in GIVERS]
SOURCES = [path.read_text(encoding="utf-8") for root in ROOTS for path in root.rglob("*.py")]
WRITTEN = re.compile(
    r"""(?:(?<!\w)code=|(?:Reason|Finding|_lacks|_reason|_refused)\(\s*)"([^"]+)"(?:\s+if\s[^,]+?\selse\s+"([^"]+)")?"""
)


@pytest.fixture(scope="module")
def listed() -> Reasons:
    """The list, as it is made now."""
    return reasons(map(http.document, SERVICES))


def written() -> set[str]:
    """Every code that stands in a source, by a look at its text: what the list is read off it with is another way."""
    return {code for text in SOURCES for found in WRITTEN.findall(text) for code in found if code}


def problems_of_ours() -> set[str]:
    """Codes that name the kind of a problem, which the APIs' documents list."""
    return {code for text in SOURCES for code in re.findall(r'status, code, title = \d+, "([^"]+)"', text)}


def test_every_code_in_the_sources_is_in_the_list_and_every_one_of_the_list_in_the_sources(
    listed: Reasons,
) -> None:
    from_elsewhere = MEANING.keys() | TOKEN_REFUSALS.keys()
    assert len(written()) > 100
    assert written() - problems_of_ours() <= listed.keys()
    assert listed.keys() - from_elsewhere <= written()


def test_whoever_passes_codes_on_still_does() -> None:
    for place in PASSED_ON:
        assert any(re.search(rf"def {place.rpartition('.')[2]}\(", text) for text in SOURCES), place


def test_the_codes_of_tokens_are_those_of_the_library_that_reads_them() -> None:
    known = {one.error for one in vars(errors).values() if isinstance(one, type) and issubclass(one, errors.JoseError)}
    assert known >= TOKEN_REFUSALS.keys()


def answered(part: Any) -> Iterator[str]:
    """The codes of all reasons in an answer."""
    if isinstance(part, dict):
        if {"code", "message", "satisfy"} <= part.keys():
            yield part["code"]
        part = list(part.values())
    if isinstance(part, list):
        for one in part:
            yield from answered(one)


def test_every_code_that_a_story_was_answered_with_is_in_the_list(listed: Reasons) -> None:
    found = {code for path in ANSWERS.rglob("*.json") for code in answered(json.loads(path.read_text()))}
    assert found
    assert found <= listed.keys()


def test_every_code_says_who_gives_it_and_in_what_words(listed: Reasons) -> None:
    for code, givers in listed.items():
        assert givers.keys() <= {*GIVERS.values()}, code
        assert all(words and all(words) for words in givers.values()), code


BEFORE: dict[str, Any] = {
    "about": "x",
    "reasons": {"away": {"visit": ["Away."], "stay": ["Away."]}, "late": {EVERY_API: ["Late."]}},
}


def after(**codes: Any) -> dict[str, Any]:
    """The same with other givers of these codes; None for a code that is gone."""
    found = deepcopy(BEFORE["reasons"]) | codes
    return {"reasons": {code: givers for code, givers in found.items() if givers is not None}}


@pytest.mark.parametrize(
    ("codes", "breaks"),
    [
        ({}, []),
        ({"new": {"visit": ["New."]}}, []),
        ({"away": {"visit": ["In other words."], "stay": ["Away."], "course": ["Away."]}}, []),
        ({"away": {EVERY_API: ["Away."]}}, []),
        ({"late": None}, [("/reasons/late", "the reason is gone")]),
        ({"late": None, "too-late": {EVERY_API: ["Late."]}}, [("/reasons/late", "the reason is gone")]),
        ({"away": {"visit": ["Away."]}}, [("/reasons/away/stay", "the reason is not given by stay any more")]),
        (
            {"late": {"visit": ["Late."]}},
            [(f"/reasons/late/{EVERY_API}", f"the reason is not given by {EVERY_API} any more")],
        ),
    ],
    ids=["nothing", "new", "other words, more givers", "by all", "gone", "renamed", "one less", "not by all"],
)
def test_a_code_may_come_and_none_may_go(codes: dict[str, Any], breaks: list[tuple[str, str]]) -> None:
    assert list(reasons_changed(BEFORE, after(**codes))) == breaks


def said(text: str) -> list[tuple[str, str]]:
    return [(one.code, one.words) for one in said_in("visit.rules", text)]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('Finding(code="late", message="Late.")', [("late", "Late.")]),
        ('problems.Reason("late", f"Late by {days} days.")', [("late", "Late by … days.")]),
        ('Reason(code="late", message="Late" + until + ".")', [("late", "Late….")]),
        ('Reason(code="late", message=f"Late: {wrong}"[:9])', [("late", "Late: …")]),
        (
            'Reason(code="late" if so else "early", message="Late." if so else "Early.")',
            [("late", "Late."), ("early", "Early.")],
        ),
        (
            'Reason(code="late" if so else "early", message="A." if other else "B.")',
            [("late", "A."), ("late", "B."), ("early", "A."), ("early", "B.")],
        ),
        ('def f():\n "Why.\\n\\nMore."\n Reason(code="late", message=one.message)', [("late", "Why.")]),
        (
            """def f():
    m = "A."
    Reason(code="a", message=m)
    m = "B." if x else "C."
    if y:
        m = "D."
    raise Invalid(m, [Reason(code="b", message=m)])""",
            [("a", "A."), ("b", "B."), ("b", "C."), ("b", "D.")],
        ),
        (
            """def lacks(code, message): return Finding(code=code, message=message)
lacks("late", "Late.")
def f(): lacks(message="Early.", code="early")""",
            [("late", "Late."), ("early", "Early.")],
        ),
    ],
    ids=["plain", "formatted", "joined", "cut", "either", "any", "elsewhere", "a name", "by a helper"],
)
def test_a_reason_is_read_off_its_source(text: str, found: list[tuple[str, str]]) -> None:
    assert said(text) == found


@pytest.mark.parametrize(
    "text",
    [
        "Finding(code=one.code, message='x')",
        "def f(code): Finding(code=code)\nf(one.code)",
        "Reason(code=f'late-{one}')",
        "Reason()",
    ],
)
def test_a_code_that_does_not_stand_there_is_not_passed_over(text: str) -> None:
    with pytest.raises(Unreadable, match=r"visit\.rules"):
        said(text)


def test_codes_may_come_from_where_it_is_said_that_they_do() -> None:
    text = "def reason_of(finding): return Reason(code=finding.code)"
    assert list(said_in("backbone.problems", text)) == []
    assert Said("a", "A.") in said_in("backbone.problems", text + '\nReason(code="a", message="A.")')
