"""Plants changes into copies of the contracts."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from contracts.cards import HERE
from contracts.compatibility import breaches, release

Plant = Callable[[Any], object]


class Planted:
    """The contracts as they are, released, and a copy of them in which something may change."""

    def __init__(self, folder: Path) -> None:
        self.released, self.present = folder / "released", folder / "present"
        release(HERE, self.present)
        release(self.present, self.released)

    def change(self, name: str, plant: Plant) -> list[str]:
        """Plant a change into a document; what is then said of it."""
        document = json.loads((self.present / name).read_text())
        plant(document)
        (self.present / name).write_text(json.dumps(document))
        return self.breaches()

    def breaches(self) -> list[str]:
        """What is said of what is there now."""
        return [str(one) for one in breaches(self.released, self.present)]


def remove(*path: str) -> Plant:
    def change(document: Any) -> None:
        for part in path[:-1]:
            document = document[part]
        del document[path[-1]]

    return change


def put(value: Any, *path: str) -> Plant:
    def change(document: Any) -> None:
        for part in path[:-1]:
            document = document.setdefault(part, {})
        document[path[-1]] = value

    return change


def both(*plants: Plant) -> Plant:
    def change(document: Any) -> None:
        for plant in plants:
            plant(document)

    return change
