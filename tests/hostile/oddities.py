"""What hostile senders send: JSON that is none, that is too much, or that is right in form and wrong in every value."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any, Final

from hypothesis import strategies as st

DEEP: Final = 100_000

RAW: Final[dict[str, bytes]] = {
    "nothing": b"",
    "a lone brace": b"{",
    "no UTF-8": b'{"a": "\xff\xfe"}',
    "UTF-16": '{"a": 1}'.encode("utf-16"),
    "a byte order mark": b'\xef\xbb\xbf{"a": 1}',
    "NUL": b"\x00",
    "null": b"null",
    "a list": b"[1, 2]",
    "a text": b'"Bundle"',
    "NaN": b'{"a": NaN, "b": Infinity, "c": -Infinity}',
    "a number beyond floats": b'{"a": 1e309, "b": -1e309, "c": 1e-9999}',
    "a number of a million digits": b'{"a": ' + b"9" * 1_000_000 + b"}",
    "lists in lists": b'{"a": ' + b"[" * DEEP + b"]" * DEEP + b"}",
    "objects in objects": b'{"a": ' * DEEP + b"1" + b"}" * DEEP,
    "lists without end": b"[" * DEEP,
    "the same key again": b'{"code": "a", "code": "b", "kind": "clinic", "kind": 7}',
    "half of a pair": b'{"code": "\\ud800", "name": "\\udfff\\ud800"}',
    "NUL in a text": b'{"code": "a\\u0000b", "name": "\\u0000"}',
    "a key of a lone surrogate": b'{"\\ud800": 1, "\\u0000": 2}',
    "a very long text": b'{"code": "' + b"x" * 900_000 + b'"}',
    "a hundred thousand keys": b"{" + b",".join(b'"k%d": 1' % number for number in range(50_000)) + b"}",
}
"""Bodies and event data that nobody honest sends."""

VALUES: Final[tuple[Any, ...]] = (
    *(None, True, False, 0, -1, 2**31, 2**63, 2**64, -(2**63) - 1, 10**400, 0.5, 1e308),
    *("", " ", "0", "NaN", "a\x00b", "\ud800", "\u202e", "x" * 5000, "9" * 5000, "../../etc/passwd", "' OR 1=1 --"),
    *(
        "0000-00-00",
        "9999-12-31T23:59:59.999999-23:59",
        "0001-01-01T00:00:00+23:59",
        "2026-02-30T25:61:61Z",
        "-1000-01-01",
    ),
    "00000000-0000-0000-0000-000000000000",
    *([], {}, [[]], [None], [{}] * 3, {"": ""}, {"\ud800": "\x00"}, {"a": {"a": {"a": []}}}),
)
"""Values of every type, at every edge, for places where another was expected."""

values: Final = st.sampled_from(VALUES)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every path into a JSON value."""
    if path:
        yield path
    if isinstance(value, dict | list):
        for key, held in value.items() if isinstance(value, dict) else enumerate(value):
            yield from places(held, (*path, key))


def replaced(value: Any, path: tuple[Any, ...], by: Any) -> Any:
    """A copy of a JSON value with another value at one place."""
    changed = copy.deepcopy(value)
    at = changed
    for step in path[:-1]:
        at = at[step]
    at[path[-1]] = by
    return changed


@st.composite
def spoilt(draw: st.DrawFn, value: Any) -> Any:
    """A JSON value with odd values at some places, or without some, or with one of its parts within another."""
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from([*places(value)] or [()]))
        if not path:
            return draw(values)
        part = value
        for step in path:
            part = part[step]
        value = replaced(value, path, draw(values | st.just(part) | st.just(value) | st.just([part, part])))
    return value


def as_json(value: Any) -> bytes:
    """JSON as it travels; what has no UTF-8 is escaped, as a sender in another language would."""
    return json.dumps(value).encode()
