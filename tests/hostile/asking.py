"""Asks an API everything that its contract allows, and much that it does not, and checks every answer against it."""

from __future__ import annotations

import json
import random
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final, get_args

import requests
import schemathesis
import uvicorn
from pydantic_core.core_schema import ErrorType
from schemathesis import AuthProvider
from schemathesis.config import SchemathesisConfig
from schemathesis.config._checks import NEGATIVE_DATA_REJECTION_EXPECTED_STATUSES
from schemathesis.core.failures import FailureGroup
from schemathesis.core.parameters import ParameterLocation
from schemathesis.core.result import Err
from schemathesis.pytest.lazy import get_all_tests  # what its own plugin runs; that cannot be told a service at a time
from schemathesis.specs.openapi.checks import positive_data_acceptance
from starlette.types import ASGIApp

from backbone.listening import Listener

SEED: Final = 20261128
OFTEN: Final = 0.85

CONFIG: Final[dict[str, Any]] = {
    "seed": SEED,
    "generation": {"deterministic": True, "max-examples": 20},
    "request-timeout": 30,
    "checks": {
        # What keeps its schema may still be another's to do, about nothing there is, or not possible in this state.
        "positive_data_acceptance": {"expected-statuses": ["2xx", "401", "403", "404", "409", "412"]},
        # That no version was named has a status of its own (RFC 6585).
        "missing_required_header": {"expected-statuses": ["400", "401", "403", "428"]},
        # A spoilt If-Match may be that of an older version; what is too large is spoilt, too.
        "negative_data_rejection": {
            "expected-statuses": [*NEGATIVE_DATA_REJECTION_EXPECTED_STATUSES, "412", "413", "431"]
        },
    },
}
"""All checks are on. What is set here are statuses that they would not know to be right."""

SAID_BY_SCHEMAS: Final = frozenset(get_args(ErrorType)) - {
    "value_error",  # what a validator of our own knows: a time zone of the list, hours in their order
    "int_type",  # 2.0 is an integer to JSON Schema; nobody writes one so
    "string_too_short",  # without the spaces around it
}
"""Reasons for which a request that keeps its schema is never refused. Rules have names of their own."""


@dataclass
class Asking:
    """Who asks an API, about what there is in its database, and what was answered so far."""

    address: str
    tokens: Sequence[str] = ()
    ids: Mapping[str, Sequence[str]] = field(default_factory=dict)
    codes: Sequence[str] = ()
    statuses: Counter[int] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._session = requests.Session()
        self._chance = random.Random(SEED)
        self._admitted: defaultdict[str, list[str]] = defaultdict(list)

    def everything(self, document: dict[str, Any]) -> list[str]:
        """Ask all that the document describes; what was wrong with the answers, per operation."""
        schema = schemathesis.openapi.from_dict(document, config=SchemathesisConfig.from_dict(CONFIG))
        tokens = self.tokens

        @schema.auth(refresh_interval=None)
        class Somebody(AuthProvider[str]):
            def get(self, case: Any, context: Any) -> str | None:
                return tokens[0] if tokens else None

            def set(self, case: Any, token: str, context: Any) -> None:
                case.headers["Authorization"] = f"Bearer {token}"

        with self._session:
            return [wrong for label, run in _operations(schema, self.ask) if (wrong := _wrong_with(label, run))]

    def ask(self, case: Any) -> None:
        """Send a case, most often about something that exists and by somebody who may ask that."""
        if case.headers.get("Authorization", "").removeprefix("Bearer ") in self.tokens:
            known = self._admitted[case.operation.label] if self._often() else []
            case.headers["Authorization"] = f"Bearer {self._chance.choice(known or self.tokens)}"
        if not _spoilt(case, ParameterLocation.PATH):
            noun = case.path.partition("/{")[0].rpartition("/")[2].replace("-", "_")
            for name in case.path_parameters.keys() & {"id", "referral"}:
                if self.ids.get(noun) and self._often():
                    case.path_parameters[name] = self._chance.choice(self.ids[noun])
        if not _spoilt(case, ParameterLocation.QUERY) and "to" in case.query and self.codes:
            case.query |= {name: self._chance.choice(self.codes) for name in ("to", "sender")}
        if not _spoilt(case, ParameterLocation.BODY) and isinstance(case.body, dict) and self._often():
            case.body = self._about_somebody_new(case.body)
        if not _spoilt(case, ParameterLocation.HEADER):
            if "Idempotency-Key" in case.headers:
                case.headers["Idempotency-Key"] = f"request-{self.statuses.total()}"
            if "If-Match" in case.headers and self._often():
                case.headers["If-Match"] = "*"
        answer = case.call(self.address, session=self._session)
        self._learn(case, answer)
        case.validate_response(
            answer,
            excluded_checks=[positive_data_acceptance] if _is_beyond_schemas(answer) else [],
            transport_kwargs={"base_url": self.address, "session": self._session},
        )

    def _about_somebody_new(self, body: dict[str, Any]) -> dict[str, Any]:
        """A body about another person than the examples', between facilities that are known."""
        known = {name: self._chance.choice(self.codes) for name in body.keys() & {"to", "sender"} if self.codes}
        somebody = json.dumps(body).replace("synthetic-1", f"synthetic-{self.statuses.total()}")
        return {**json.loads(somebody), **{name: code for name, code in known.items() if isinstance(body[name], str)}}

    def _often(self) -> bool:
        return self._chance.random() < OFTEN

    def _learn(self, case: Any, answer: Any) -> None:
        self.statuses[answer.status_code] += 1
        token = case.headers.get("Authorization", "").removeprefix("Bearer ")
        known = self._admitted[case.operation.label]
        if answer.status_code not in {401, 403, 405} and token in self.tokens and token not in known:
            known.append(token)


def _operations(schema: Any, ask: Callable[[Any], None]) -> Iterator[tuple[str, Callable[[], None]]]:
    """Per operation its examples, the corners of its contract, and requests by chance."""

    def test(case: Any) -> None:
        ask(case)

    for found in get_all_tests(schema=schema, test_func=test, settings=None, given_kwargs=None):
        if isinstance(found, Err):
            raise found.err()
        operation, run = found.ok()
        yield operation.label, run


def _wrong_with(label: str, run: Callable[[], None]) -> str:
    try:
        run()
    except (FailureGroup, requests.RequestException) as failed:
        return f"{label}: {failed}"
    return ""


def _spoilt(case: Any, place: ParameterLocation) -> bool:
    return case.meta is not None and case.meta.is_negative_at(place)


def _is_beyond_schemas(answer: Any) -> bool:
    """Whether a request is refused for nothing that its schema could have said."""
    reasons = answer.json()["errors"] if answer.status_code == 422 else []
    return bool(reasons) and not any(one["code"] in SAID_BY_SCHEMAS for one in reasons)


@contextmanager
def served(app: ASGIApp, port: int, lifespan: Any = "on") -> Iterator[None]:
    """An application in this process, on a loop of its own: a pool of connections belongs to one loop."""
    config = uvicorn.Config(app, host="127.0.0.1", port=port, http=Listener, lifespan=lifespan, log_config=None)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.01)
        yield
    finally:
        server.should_exit = True
        thread.join()
