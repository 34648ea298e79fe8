"""Writes the contracts and their Python clients from the code, or says which of them are not what the code says.

python -m contracts             write them
python -m contracts --check     say what is stale, and what would break those who read the released ones; fail if any
python -m contracts --release   make the present ones the released ones, unless they would break somebody
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from backbone.service import SERVICES, lifecycle_table
from contracts import clients, compatibility, event_schemas, http, index, lifecycle_pages, reasons, topics
from contracts.cards import HERE, events, lifecycles
from contracts.examples import left_over, unrecorded

FOLDERS = ("openapi", "events", "lifecycles")


def written() -> Iterator[tuple[Path, str]]:
    """Every file that is written, by its place as seen from `contracts/`."""
    documents = {service: http.document(service) for service in SERVICES}
    for service, document in documents.items():
        yield Path("openapi") / f"{service}.json", _json(document)
    for name, text in clients.modules(documents).items():
        yield clients.PLACE / f"{name}.py", text
    yield Path(compatibility.TOPICS), _json(topics.document())
    yield Path(reasons.PLACE), _json(reasons.document())
    for event in events():
        yield Path("events") / f"{event.type}.json", _json(event_schemas.schema(event))
        yield Path("events") / f"{event.type}.md", event_schemas.page(event)
    for name, (service, lifecycle) in lifecycles().items():
        yield Path("lifecycles") / f"{name}.json", _json(lifecycle_table(lifecycle))
        yield Path("lifecycles") / f"{name}.md", lifecycle_pages.page(service, lifecycle)
    yield Path("README.md"), index.page()


def stale(folder: Path = HERE) -> list[str]:
    """The files that are not what the code says, that are lacking, or that nothing writes any more."""
    wanted = dict(written())
    there = {path.relative_to(folder) for path in _there(folder)}
    differing = [path for path, text in wanted.items() if not _is(folder / path, text)]
    return sorted(str(path) for path in {*differing, *(there - wanted.keys())})


def _there(folder: Path) -> Iterator[Path]:
    """The files that were written before, of those whose names the code decides."""
    for name in FOLDERS:
        yield from (folder / name).glob("*")
    for path in (folder / clients.PLACE).glob("*.py"):
        if clients.MARK in path.read_text(encoding="utf-8"):
            yield path


def _is(path: Path, text: str) -> bool:
    return path.is_file() and path.read_text(encoding="utf-8") == text


def amiss() -> list[str]:
    """The answers that lack or are too many among the examples; whether they are true is seen by playing stories."""
    found = [(path, "was never recorded") for path in unrecorded()]
    found += [(path, "is the answer to nothing") for path in left_over()]
    return [f"contracts/examples/answers/{path} {what}: run `make contracts ANSWERS=anew`" for path, what in found]


def write(folder: Path = HERE) -> None:
    """Write all of them, and nothing but them."""
    wanted = list(written())  # before anything goes: what cannot be described leaves what there was
    for path in _there(folder):
        path.unlink()
    for path, text in wanted:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")


def _json(document: Any) -> str:
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def _broken() -> list[str]:
    return [str(breach) for breach in (*compatibility.lost(), *compatibility.breaches())]


def main(arguments: list[str]) -> int:
    """Write, check or release; 2 for what is none of these."""
    if arguments not in ([], ["--check"], ["--release"]):
        sys.stderr.write("python -m contracts writes them, --check compares, --release keeps them as promised.\n")
        return 2
    if arguments == ["--check"]:
        found = [f"{os.path.normpath(HERE.name / Path(name))} is stale: run `make contracts`" for name in stale()]
        found += amiss()
        found += _broken()
        sys.stderr.writelines(f"{line}\n" for line in found)
        return 1 if found else 0
    write()
    if arguments == ["--release"]:
        found = _broken() if compatibility.RELEASED.is_dir() else []
        sys.stderr.writelines(f"{line}\n" for line in found)
        if found:
            return 1
        compatibility.release()
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
