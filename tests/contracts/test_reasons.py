"""Every code of a reason that a source gives is in the list, and nothing else; none may go away."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, Final

import pytest
from joserfc import errors
from pydantic import ValidationError

from backbone import validation
from backbone.access import TOKEN_REFUSALS, UNREADABLE
from backbone.service import SERVICES
from contracts import http
from contracts.cards import HERE
from contracts.examples import ANSWERS
from contracts.reasons import EVERY_API, GIVERS, PASSED_ON, Unreadable, codes_in, reasons, reasons_changed
from reliefpath.lifecycle import Command

Reasons = dict[str, list[str]]
ROOTS = [HERE.parent / f"{kind}/{name}/src/{name}" for kind in ("shared", "services") for name in GIVERS]
SOURCES = [path.read_text(encoding="utf-8") for root in ROOTS for path in root.rglob("*.py")]
WRITTEN = re.compile(
    r"""(?:(?<!\w)code=|(?:Reason|Finding|_lacks|_reason|_refused)\(\s*)"([^"]+)"(?:\s+if\s[^,]+?\selse\s+"([^"]+)")?"""
)


@pytest.fixture(scope="module")
def listed() -> Reasons:
    """The list, as it is made now."""
    return reasons()


def written() -> set[str]:
    """Every code that stands in a source, by a look at its text: what the list is read off it with is another way."""
    return {code for text in SOURCES for found in WRITTEN.findall(text) for code in found if code}


def problems_of_ours() -> set[str]:
    """Codes that name the kind of a problem, which the APIs' documents list."""
    return {code for text in SOURCES for code in re.findall(r'status, code, title = \d+, "([^"]+)"', text)}


def test_every_code_in_the_sources_is_in_the_list_and_every_one_of_the_list_in_the_sources(
    listed: Reasons,
) -> None:
    from_elsewhere = validation.CODES.keys() | TOKEN_REFUSALS.keys()
    assert len(written()) > 100
    assert written() - problems_of_ours() <= listed.keys()
    assert listed.keys() - from_elsewhere <= written()


def test_the_codes_of_tokens_are_those_of_the_library_that_reads_them() -> None:
    known = {one.error for one in vars(errors).values() if isinstance(one, type) and issubclass(one, errors.JoseError)}
    assert known >= TOKEN_REFUSALS.keys() - {UNREADABLE}


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


def test_every_code_says_who_gives_it(listed: Reasons) -> None:
    for code, givers in listed.items():
        assert set(givers) <= {*GIVERS.values()}, code
        assert givers, code


BEFORE: dict[str, Any] = {"about": "x", "reasons": {"away": ["stay", "visit"], "late": [EVERY_API]}}


def after(**codes: Any) -> dict[str, Any]:
    """The same with other givers of these codes; None for a code that is gone."""
    found = {**BEFORE["reasons"], **codes}
    return {"reasons": {code: givers for code, givers in found.items() if givers is not None}}


@pytest.mark.parametrize(
    ("codes", "breaks"),
    [
        ({}, []),
        ({"new": ["visit"]}, []),
        ({"away": ["visit", "stay", "course"]}, []),
        ({"away": [EVERY_API]}, []),
        ({"late": None}, [("/reasons/late", "the reason is gone")]),
        ({"late": None, "too-late": [EVERY_API]}, [("/reasons/late", "the reason is gone")]),
        ({"away": ["visit"]}, [("/reasons/away", "the reason is not given by stay any more")]),
        ({"late": ["visit"]}, [("/reasons/late", f"the reason is not given by {EVERY_API} any more")]),
    ],
    ids=["nothing", "new", "more givers", "by all", "gone", "renamed", "one less", "not by all"],
)
def test_a_code_may_come_and_none_may_go(codes: dict[str, Any], breaks: list[tuple[str, str]]) -> None:
    assert list(reasons_changed(BEFORE, after(**codes))) == breaks


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('Finding(code="late", message="Late.")', ["late"]),
        ('problems.Reason("late", f"Late by {days} days.")', ["late"]),
        ('Reason(code="late" if so else "early", message="Late." if so else "Early.")', ["late", "early"]),
        (
            """def lacks(code, message): return Finding(code=code, message=message)
lacks("late", "Late.")
def f(): lacks(message="Early.", code="early")""",
            ["late", "early"],
        ),
        (
            """class Rules:
    def no(self, code, message): return Finding(code=code, message=message)
    def f(self): return self.no("late", "Late.")""",
            ["late"],
        ),
        ("def f(one): return isinstance(one, Reason)", []),
    ],
    ids=["plain", "by place", "either", "by a helper", "by a method", "asked only"],
)
def test_a_code_is_read_off_its_source(text: str, found: list[str]) -> None:
    assert list(codes_in("visit.rules", text)) == found


@pytest.mark.parametrize(
    "text",
    [
        "Finding(code=one.code, message='x')",
        "def f(code): Finding(code=code)\nf(one.code)",
        "def called_elsewhere(code): return Finding(code=code)",
        "Reason(code=f'late-{one}')",
        "Reason(code='late' if so else one.code)",
        "Reason()",
        "partial(Finding, 'late')",
        "map(Reason, codes)",
        "from reliefpath.lifecycle import Finding as Found\nFound('late')",
    ],
)
def test_a_code_that_does_not_stand_there_is_not_passed_over(text: str) -> None:
    with pytest.raises(Unreadable, match=r"visit\.rules"):
        list(codes_in("visit.rules", text))


def test_codes_may_come_from_where_it_is_said_that_they_do() -> None:
    text = "def reason_of(finding): return Reason(code=finding.code)"
    assert list(codes_in("backbone.problems", text + '\nReason(code="a", message="A.")')) == ["a"]


@pytest.mark.parametrize("place", sorted(PASSED_ON))
def test_whoever_is_said_to_pass_codes_on_does(place: str) -> None:
    with pytest.raises(Unreadable, match=re.escape(place)):
        reasons(PASSED_ON - {place})


AMISS: Final = (
    "null", "1", "-1", "1.5", "1e400", "NaN", "true", "[]", "[1]", "{}", '{"x":1}', "[{}]", "9" * 30, "9" * 5000,
    '"x"', '""', '"  "', '"x\\u0000"', json.dumps("x" * 5000), json.dumps(["x"] * 300), '"0"', '"25:00"', '"08:00"',
    '"2026-11-23"', '"2026-11-23T08:00"', '"2026-11-23T08:00Z"', '"2026-13-01"', '"08:00:00.1234567891"',
    '"0000-01-01"', '"0000-01-01T00:00:00Z"',
)  # fmt: skip
"""What may stand where something else is wanted, as JSON."""


def commands(base: type[Command] = Command) -> Iterator[type[Command]]:
    """Every body that an API of ours reads."""
    for cls in base.__subclasses__():
        if cls.__module__.partition(".")[0] in GIVERS:
            yield cls
        yield from commands(cls)


def bodies(cls: type[Command]) -> Iterator[str]:
    """Bodies that are amiss, as a whole or in a field."""
    yield from ("null", "1", '"x"', "[]", "{}", '{"unheard_of": 1}')
    for amiss in AMISS:
        fields = [f"{json.dumps(one.alias or name)}: {amiss}" for name, one in cls.model_fields.items()]
        yield from ("{" + some + "}" for some in (*fields, ", ".join(fields)))


def test_whatever_is_sent_amiss_is_refused_by_a_code_that_says_how(listed: Reasons) -> None:
    for service in SERVICES:
        http.document(service)  # every API is built, so that every command is there
    given: set[str] = set()
    for cls in set(commands()):
        for body in bodies(cls):
            try:
                cls.model_validate_json(body, strict=True)
            except ValidationError as wrong:
                given |= {one["type"] for one in wrong.errors()}
    assert len(given) > 25
    assert given - {"json_invalid"} <= validation.CODES.keys() <= listed.keys()  # that one is the body's own fault
