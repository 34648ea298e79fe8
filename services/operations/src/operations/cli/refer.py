"""`reliefpath refer`: send bundles to the referral service; say of each what was found in it, or why it is refused."""

from __future__ import annotations

import os
import re
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Final, TypedDict

import typer
from rich.console import RenderableType

from operations.cli.api import connect, run, signs_for
from operations.cli.display import Json, console, plain, show, table, tell, warn
from operations.cli.failure import FOUND, USAGE, Failure, Refused
from reliefpath.vocabulary import FacilityKind, Role, Setting, Urgency
from reliefpath_client import Referral, Refusal, referral
from reliefpath_client.referral import FacilityShown

CODE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:@/-]{0,79}")
LOCAL_SENDER: Final = "development-sender"
"""The facility that a local stack's token acts for when its directory has no hospital yet."""

MOST_SHOWN: Final = 12
"""Sorts of things not understood that are listed for a person; --json has all."""


class Asked(TypedDict):
    """What is asked for every bundle alike, as the intake takes it."""

    to: str
    reason_code: str
    setting: referral.Setting
    urgency: referral.Urgency | None
    as_of: str | None
    sender: str | None


def refer(
    files: Annotated[list[Path], typer.Argument(help="FHIR R4 bundles, plain or gzipped; - for standard input.")],
    to: Annotated[str, typer.Option(help="Code of the facility that is to see the patient.")],
    reason: Annotated[str, typer.Option(help="Why, as a code: refractory-cancer-pain.")],
    setting: Annotated[Setting, typer.Option(help="Where the patient is being cared for.")] = Setting.OUTPATIENT,
    urgency: Annotated[Urgency | None, typer.Option(help="How soon, as you see it.")] = None,
    as_of: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="Read the record as it stood on that day (development only)."),
    ] = None,
    sender: Annotated[
        str | None,
        typer.Option("--from", envvar="RELIEFPATH_FACILITY", help="Code of your facility, if you have several."),
    ] = None,
    facts: Annotated[bool, typer.Option("--facts", help="List every fact found, with its source.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be sent.")] = False,
    as_json: Json = False,
) -> None:
    """Refer the patient of each bundle. Ends with 1 when one of them is refused."""
    if not CODE.fullmatch(reason):
        raise Failure(
            "--reason wants a code, such as refractory-cancer-pain: it travels in events, where no sentence may stand.",
            USAGE,
        )
    for file in files:
        if str(file) != "-" and not os.access(file, os.R_OK):
            raise Failure(f"{file} cannot be read; nothing was sent.", USAGE)
        if file.is_dir():
            raise Failure(f"{file} is a folder: name the bundles in it; nothing was sent.", USAGE)
    asked: Asked = {
        "to": to,
        "reason_code": reason,
        "setting": setting.value,
        "urgency": urgency.value if urgency else None,
        "as_of": as_of.date().isoformat() if as_of else None,
        "sender": sender,
    }
    if dry_run:
        for file in files:
            _would_send(file, asked, as_json)
        return
    outcomes = run(_send_all(files, asked, sender or local_sender(to), facts, as_json))
    if len(outcomes) > 1 and not as_json:
        show("", _summary(outcomes))
    if any("problem" in outcome for outcome in outcomes):
        raise typer.Exit(FOUND)


def local_sender(to: str) -> str | None:
    """Whom a local stack's token acts for when nobody is named: a hospital of its directory other than the receiver.

    None when the token is not the local stack's: then it says itself whom it acts for.
    """
    if not signs_for("referral"):
        return None
    hospitals = sorted(
        str(place.get("code"))
        for place in run(_facilities())
        if place.get("kind") == FacilityKind.HOSPITAL.value and place.get("code") != to
    )
    chosen = hospitals[0] if hospitals else LOCAL_SENDER
    warn(f"Sent for {chosen}, as nobody is named with --from.")
    return chosen


async def _facilities() -> list[FacilityShown]:
    async with connect(Referral, "referral", Role.REFERRER, LOCAL_SENDER) as api:
        return await api.facilities()


async def _send_all(
    files: Sequence[Path], asked: Asked, sender: str | None, facts: bool, as_json: bool
) -> list[Mapping[str, Any]]:
    """Send one bundle after the other, and tell of each as soon as it is known what became of it."""
    outcomes: list[Mapping[str, Any]] = []
    async with connect(Referral, "referral", Role.REFERRER, sender) as api:
        for place, file in enumerate(files, start=1):
            with _progress(f"{place} of {len(files)}: {file.name}"):
                outcomes.append(await send(api, file, asked))
            _tell_one(outcomes[-1], facts, as_json)
    return outcomes


async def send(api: Referral, file: Path, asked: Asked) -> dict[str, Any]:
    """Send one bundle: what it opened and what was found in it, or the problem. Raises Unreachable."""
    try:
        # Told as far as it goes, should the service be of another version and leave something out.
        answer: Mapping[str, Any] = await api.intake(_bytes_of(file), **asked)
    except Refusal as refusal:
        told = str(Refused(refusal.status, refusal.document))
        return {"file": str(file), "outcome": "refused", "problem": dict(refusal.document), "told": told}
    opened, facts = answer.get("referral") or {}, answer.get("facts") or []
    return {
        "file": str(file),
        "outcome": "opened" if answer.get("new", True) else "known",
        "referral": answer.get("id"),
        "journey": opened.get("journey"),
        "state": opened.get("state"),
        "read_on": answer.get("read_on"),
        "resources": answer.get("resources"),
        "found": dict(Counter(str(fact.get("kind")) for fact in facts)),
        "facts": facts,
        "not_understood": answer.get("not_understood") or [],
        "not_used": answer.get("not_used") or [],
        "ignored": answer.get("ignored") or [],
        "missing": answer.get("missing") or [],
    }


def _bytes_of(file: Path) -> bytes:
    return sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()


def _would_send(file: Path, asked: Asked, as_json: bool) -> None:
    query = {name: value for name, value in asked.items() if value is not None}
    size = None if str(file) == "-" else file.stat().st_size
    if as_json:
        tell({"file": str(file), "outcome": "would be sent", "bytes": size, "query": query})
    else:
        told = ", ".join(f"{name} {value}" for name, value in query.items())
        show(plain(f"would send {file} ({size or 'unknown'} bytes): {told}"))


def _progress(told: str) -> AbstractContextManager[Any]:
    terminal = console(error=True)
    return terminal.status(plain(told)) if terminal.is_terminal else nullcontext()


def _tell_one(outcome: Mapping[str, Any], facts: bool, as_json: bool) -> None:
    if as_json:
        tell({name: value for name, value in outcome.items() if name != "told"})
    elif "problem" in outcome:
        show(plain(outcome["file"], "bold red"), plain(f"  {outcome['told']}"))
    else:
        show(plain(outcome["file"], "bold green"), table(["", ""], _lines(outcome), headed=False, indent=2))
        if facts:
            show(table(["kind", "what", "value>", "day", "source"], map(_fact, outcome["facts"]), indent=2), "")


def _lines(outcome: Mapping[str, Any]) -> Iterator[tuple[Any, Any]]:
    known = "  (known: this bundle had opened it before)" if outcome["outcome"] == "known" else ""
    yield "referral", f"{outcome['referral']}, {outcome['state']}{known}"
    yield "journey", outcome["journey"]
    yield "read as of", f"{outcome['read_on']}, {outcome['resources']} resources"
    found = ", ".join(f"{_words(kind)} {count}" for kind, count in outcome["found"].items())
    yield "found", found or "nothing a referral can use"
    yield "not understood", _sorts(outcome["not_understood"]) or "nothing"
    yield "not used", _types(outcome["not_used"]) or "nothing"
    if outcome["ignored"]:
        yield "ignored", _types(outcome["ignored"]) + " (dated later)"
    yield "missing", "\n".join(_lacking(one) for one in outcome["missing"]) or "nothing"


def _fact(fact: Mapping[str, Any]) -> tuple[Any, ...]:
    value = " ".join(str(part) for part in (fact.get("value"), fact.get("unit")) if part is not None)
    return (
        _words(str(fact.get("kind"))),
        fact.get("display") or fact.get("code"),
        value,
        fact.get("day"),
        fact.get("source"),
    )


def _sorts(items: Sequence[Mapping[str, Any]]) -> str:
    """How many of each sort: by type, and by what it is called where that is said."""
    told = []
    most = sorted(items, key=lambda item: -int(item.get("count") or 0))[:MOST_SHOWN]
    for one in most:
        called = one.get("text") or one.get("code")
        why = ": ".join(str(part) for part in (called, one.get("reason")) if part)
        told.append(f"{one.get('count')} {one.get('type')}" + (f" ({why})" if why else ""))
    left = _total(items) - _total(most)
    return ", ".join(told) + (f", and {left} more" if left else "")


def _types(items: Sequence[Mapping[str, Any]]) -> str:
    """How many of each type."""
    counts: Counter[str] = Counter()
    for one in items:
        counts[str(one.get("type"))] += int(one.get("count") or 0)
    return ", ".join(f"{count} {name}" for name, count in counts.most_common())


def _lacking(finding: Mapping[str, Any]) -> str:
    weight = "useful" if finding.get("advisory") else "needed"
    return f"{weight}: {finding.get('message')} {finding.get('satisfy') or ''}".rstrip()


def _summary(outcomes: Sequence[Mapping[str, Any]]) -> RenderableType:
    rows = []
    for one in outcomes:
        problem = one.get("problem")
        if problem:
            codes = ", ".join(str(reason.get("code")) for reason in problem.get("errors") or ()) or problem.get("title")
            rows.append((Path(one["file"]).name, plain("refused", "red"), codes, "", "", ""))
            continue
        counts = [sum(one["found"].values()), _total(one["not_understood"]), len(one["missing"])]
        rows.append((Path(one["file"]).name, plain(one["outcome"], "green"), one["referral"], *counts))
    return table(["file", "outcome", "referral or reasons", "facts>", "not understood>", "missing>"], rows)


def _total(items: Sequence[Mapping[str, Any]]) -> int:
    return sum(int(one.get("count") or 0) for one in items)


def _words(code: str) -> str:
    return code.replace("_", " ")
