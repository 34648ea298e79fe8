"""A bundle as it arrives: from bytes to resources, whichever way they are nested, numbered or referred to.

Only what makes the whole unusable is refused, with every reason: text that is no JSON, JSON that is no bundle, no
patient, two patients, or nesting that no honest record has.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from referral.intake.elements import Body, child, children, resource_id, resource_type, text

DEEPEST: Final = 100
"""Levels of nesting. A questionnaire nested in itself twenty times stays below it."""

HISTORY: Final = "/_history/"
URN: Final = "urn:uuid:"
GZIP: Final = 31
"""What tells zlib to expect a gzip header."""

PIECE: Final = 65536
"""Bytes unpacked at a time."""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a bundle cannot be read. `pointer` is a JSON pointer into the body."""

    code: str
    message: str
    pointer: str = ""


class UnreadableBundle(Exception):
    """Nothing can be made of this input. Carries every reason."""

    def __init__(self, reasons: Iterable[Reason]) -> None:
        self.reasons = tuple(reasons)
        super().__init__("; ".join(reason.message for reason in self.reasons))


class TooLarge(Exception):
    """The unpacked body is larger than allowed."""


@dataclass(frozen=True, slots=True, eq=False)
class Resource:
    """One resource. `source` names it: its type, and its id, its UUID, or a digest when it has neither."""

    type: str
    source: str
    body: Body
    full_url: str | None = None
    container: Resource | None = None

    @property
    def id(self) -> str | None:
        """The id it has of its own; None when that is missing or not well-formed."""
        return resource_id(self.body)


@dataclass(slots=True)
class Contents:
    """Everything in a bundle: each resource once, in its newest version, and how they are found by reference."""

    kind: str | None
    resources: list[Resource] = field(default_factory=list)
    superseded: list[Resource] = field(default_factory=list)
    odd: list[str] = field(default_factory=list)
    _by_reference: dict[str, Resource] = field(default_factory=dict)
    _held: dict[str, dict[str, Resource]] = field(default_factory=dict)

    def resolve(self, reference: object, within: Resource) -> Resource | None:
        """The resource a Reference points to, as seen from `within`; None when it is not in the bundle."""
        target = text(child({"reference": reference}, "reference").get("reference"))
        if target is None:
            return None
        if target.startswith("#"):
            return self._held_by(within.container or within).get(target)
        return self._by_reference.get(target.split(HISTORY)[0])

    def _held_by(self, home: Resource) -> dict[str, Resource]:
        if home.source not in self._held:
            self._held[home.source] = {
                f"#{resource_id(body)}": Resource(
                    resource_type(body), f"{home.source}#{resource_id(body)}", body, None, home
                )
                for body in children(home.body, "contained")
            }
        return self._held[home.source]

    def index(self) -> None:
        """Make every resource findable by full URL, by type and id, and by id as a UUID."""
        for one in self.resources:
            for name in names_of(one):
                self._by_reference.setdefault(name, one)


def names_of(resource: Resource) -> Iterator[str]:
    """Every reference that means this resource."""
    if resource.full_url:
        yield resource.full_url.split(HISTORY)[0]
    if resource.id:
        yield f"{resource.type}/{resource.id}"
        yield URN + resource.id


def parse(raw: bytes | dict[str, Any]) -> dict[str, Any]:
    """The bundle as JSON. Raises UnreadableBundle."""
    given: object = raw
    if isinstance(raw, bytes | bytearray):
        try:
            given = json.loads(raw, parse_constant=_refuse_constant)
        except RecursionError:
            raise UnreadableBundle([_too_deep()]) from None
        except ValueError as wrong:
            raise UnreadableBundle([Reason("not-json", f"The body is not JSON: {wrong}"[:200])]) from None
    if not isinstance(given, dict) or given.get("resourceType") != "Bundle":
        raise UnreadableBundle([Reason("not-a-bundle", "The body is not a FHIR Bundle.", "/resourceType")])
    if _deeper_than(given, DEEPEST):
        raise UnreadableBundle([_too_deep()])
    return given


def canonical(value: object) -> str:
    """JSON in one form, whatever its spacing and the order of its keys. Raises UnreadableBundle when it is no JSON."""
    try:
        return json.dumps(value, sort_keys=True, separators=(",", ":"))
    except (TypeError, ValueError, RecursionError):
        raise UnreadableBundle([Reason("not-json", "The bundle holds something that is not JSON.")]) from None


def fingerprint(bundle: dict[str, Any]) -> str:
    """SHA-256 of what the bundle says, in hexadecimal: the same when it is sent again, re-indented or re-ordered.

    Only full URLs and resources count; a bundle's own id, time, links and requests change from one export to the next.
    """
    entries = bundle.get("entry")
    listed = entries if isinstance(entries, list) else [entries]
    said = sorted(
        canonical([one.get("fullUrl"), one.get("resource")] if isinstance(one, Mapping) else one) for one in listed
    )
    return hashlib.sha256("\n".join(said).encode()).hexdigest()


def unpack(bundle: dict[str, Any]) -> Contents:
    """Every resource in the bundle, of nested bundles too, and the clinical ones contained in others."""
    contents = Contents(text(bundle.get("type")))
    found: dict[tuple[str, str], tuple[tuple[str, str, str], Resource]] = {}
    for one in _entries(bundle, contents):
        key, newness = (one.type, _home(one) + (one.id or one.source)), _newness(one)
        known = found.get(key)
        if known is not None:
            contents.superseded.append(one if newness <= known[0] else known[1])
        if known is None or newness > known[0]:
            found[key] = newness, one
    for _, resource in found.values():
        contents.resources.append(resource)
        contents.resources.extend(_contained(resource))
    contents.index()
    return contents


def gunzip_bounded(chunks: Iterable[bytes], limit: int) -> Iterator[bytes]:
    """Unpack a gzip stream piece by piece, never holding more than one piece.

    Raises TooLarge as soon as more than `limit` bytes have come out, and UnreadableBundle when it is no gzip or ends
    too early.
    """
    inflater, total, begun, ended = zlib.decompressobj(wbits=GZIP), 0, False, False
    try:
        for chunk in chunks:
            rest = chunk.lstrip(b"\0") if ended and not begun else chunk
            more = bool(rest)
            while more:
                room = max(1, min(PIECE, limit + 1 - total))
                piece = inflater.decompress(rest, room)
                total += len(piece)
                if total > limit:
                    raise TooLarge(f"more than {limit} bytes")
                if piece:
                    yield piece
                begun = not inflater.eof
                if inflater.eof:  # another member may follow, or the padding some writers leave
                    rest, inflater = inflater.unused_data.lstrip(b"\0"), zlib.decompressobj(wbits=GZIP)
                    more, ended = bool(rest), True
                else:
                    rest = inflater.unconsumed_tail
                    more = bool(rest) or len(piece) == room
    except zlib.error as wrong:
        raise UnreadableBundle([Reason("not-gzip", f"The body is not gzip: {wrong}"[:200])]) from None
    if begun:
        raise UnreadableBundle([Reason("not-gzip", "The gzip body ends too early.")])


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a JSON number")


def _too_deep() -> Reason:
    return Reason("too-deep", f"The body is nested more than {DEEPEST} levels deep.")


def _deeper_than(value: object, levels: int) -> bool:
    layer: list[object] = [value]
    for _ in range(levels):
        layer = [
            held
            for one in layer
            if isinstance(one, dict | list)
            for held in (one.values() if isinstance(one, dict) else one)
            if isinstance(held, dict | list)
        ]
        if not layer:
            return False
    return True


def _entries(bundle: Body, contents: Contents) -> Iterator[Resource]:
    waiting: list[Body] = [bundle]
    while waiting:
        holder = waiting.pop()
        listed = holder.get("entry")
        if listed is not None and not isinstance(listed, list | dict):
            contents.odd.append("entry-list")
        if isinstance(listed, list):
            contents.odd.extend("entry" for one in listed if not isinstance(one, Mapping))
        for entry in children(holder, "entry"):
            body = child(entry, "resource")
            if child(entry, "request").get("method") == "DELETE":
                contents.odd.append("deletion")
            elif not body:
                contents.odd.append("entry-without-resource")
            elif body.get("resourceType") == "Bundle":
                waiting.append(body)
            else:
                yield _resource(body, text(entry.get("fullUrl")))


def _resource(body: Body, full_url: str | None) -> Resource:
    kind, name = resource_type(body), resource_id(body)
    if name is None and full_url and full_url.startswith(URN):
        name = full_url.removeprefix(URN)
    if name is None:
        name = hashlib.sha256(canonical(body).encode()).hexdigest()[:16]
    return Resource(kind, f"{kind}/{name}", body, full_url)


def _contained(resource: Resource) -> Iterator[Resource]:
    for position, body in enumerate(children(resource.body, "contained")):
        kind = resource_type(body)
        if kind != "Patient":
            yield Resource(kind, f"{resource.source}#{resource_id(body) or position}", body, container=resource)


def _home(resource: Resource) -> str:
    """The server a resource lives on, so that two servers' ids are not taken for one."""
    url = resource.full_url or ""
    return url.rsplit("/", 2)[0] if url.startswith(("http://", "https://")) else ""


def _newness(resource: Resource) -> tuple[str, str, str]:
    meta = child(resource.body, "meta")
    version = text(meta.get("versionId")) or ""
    return text(meta.get("lastUpdated")) or "", version.zfill(12), canonical(resource.body)
