"""The services' APIs as operations asks them: in the caller's name, within a bounded time, and honest about silence."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Self

import httpx2
import structlog

from backbone.problems import Unavailable
from backbone.service import SERVICES
from backbone.settings import Settings
from backbone.telemetry import child_of, current_trace

log = structlog.get_logger()

PATIENCE: Final = 3.0
"""Seconds within which a service has to answer a question; one that does not is named as silent."""

PATIENCE_FOR_WORK: Final = 20.0
"""Seconds within which a service has to have done something: more than any one statement of it may take."""


@dataclass(frozen=True, slots=True)
class Asker:
    """In whose name a service is asked: the caller's Authorization header, passed on as it came."""

    authorization: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What a service answered. `problem` says that it refused."""

    service: str
    status: int
    body: Any
    media_type: str

    @property
    def problem(self) -> bool:
        """Whether it is a refusal or a failure."""
        return self.status >= 400


class Silence(Exception):
    """A service did not answer, or with nothing that can be used; `because` says so in a few words."""

    def __init__(self, service: str, because: str) -> None:
        self.service, self.because = service, because
        super().__init__(f"{service} {because}")


def refused(answer: Answer) -> Silence:
    """A refusal of something that is only asked for: as good as no answer."""
    return Silence(answer.service, f"refused to answer ({answer.status})")


def not_understood(answer: Answer) -> Silence:
    """An answer that is not what was asked for, as good as none: the service is of another version, or not ours."""
    return Silence(answer.service, "answered something that cannot be understood")


@contextmanager
def unsure() -> Iterator[None]:
    """A service that falls silent while it is told to do something: Unavailable, as it may have been done."""
    try:
        yield
    except Silence as silence:
        raise Unavailable(
            f"The {silence.service} service {silence.because}. Whether it was done is not known; "
            "repeat it with the same Idempotency-Key."
        ) from None


class Peers:
    """All services, each at its address; one without an address is silent."""

    def __init__(
        self,
        addresses: Mapping[str, str],
        *,
        patience: float = PATIENCE,
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        self._addresses = dict(addresses)
        self._patience = patience
        self._client = httpx2.AsyncClient(
            transport=transport,
            timeout=patience,
            limits=httpx2.Limits(max_connections=40, max_keepalive_connections=8),
            follow_redirects=False,
            trust_env=False,  # a proxy of the machine has no business between our services
        )

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """The services at the addresses that the settings name."""
        return cls({service: str(getattr(settings, f"url_{service}")) for service in SERVICES})

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.aclose()

    async def ask(self, service: str, path: str, asker: Asker, query: Mapping[str, Any] | None = None) -> Answer:
        """What a service answers to a GET. Raises Silence."""
        return await self._send(service, "GET", path, asker, self._patience, params=query or {})

    async def tell(self, service: str, path: str, asker: Asker, *, key: str, body: bytes) -> Answer:
        """What a service answers to a POST with this Idempotency-Key and JSON body. Raises Silence.

        After a silence it may or may not have been done; repeated under the same key it is done once.
        """
        headers = {"Idempotency-Key": key, "Content-Type": "application/json"}
        return await self._send(
            service, "POST", path, asker, max(self._patience, PATIENCE_FOR_WORK), content=body, headers=headers
        )

    async def ask_all(
        self,
        path: str,
        asker: Asker,
        services: Collection[str] = SERVICES,
        query: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> tuple[list[Answer], list[Silence]]:
        """What each of these services answers to the same GET, at the same time; and those that did not.

        `query` holds each service's own parameters. A refusal counts as an answer.
        """
        asked = [one for one in SERVICES if one in services]
        found = await asyncio.gather(
            *(self.ask(service, path, asker, (query or {}).get(service)) for service in asked), return_exceptions=True
        )
        answers, silences = [], []
        for one in found:
            if isinstance(one, Silence):
                silences.append(one)
            elif isinstance(one, BaseException):
                raise one
            else:
                answers.append(one)
        return answers, silences

    async def _send(self, service: str, method: str, path: str, asker: Asker, patience: float, **more: Any) -> Answer:
        address = self._addresses.get(service)
        if not address:
            raise Silence(service, f"has no address: RELIEFPATH_URL_{service.upper()} is not set")
        headers = {
            **more.pop("headers", {}),
            "Authorization": asker.authorization,
            "traceparent": child_of(current_trace()),
        }
        try:
            # The client's own limit holds for each read; a service that answers drop by drop would outlast it.
            async with asyncio.timeout(patience):
                response = await self._client.request(method, address + path, headers=headers, timeout=patience, **more)
        except (TimeoutError, httpx2.TimeoutException):
            raise _silence(service, f"did not answer within {patience:g} s") from None
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise _silence(service, f"cannot be reached ({type(error).__name__})") from None
        return _answer(service, response)


def _answer(service: str, response: httpx2.Response) -> Answer:
    media_type = response.headers.get("content-type", "").partition(";")[0].strip()
    try:
        body = response.json()
    except ValueError:
        raise _silence(service, f"answered {response.status_code} with something that is not JSON") from None
    if response.status_code >= 500:
        raise _silence(service, f"answered {response.status_code}")
    return Answer(service, response.status_code, body, media_type)


def _silence(service: str, because: str) -> Silence:
    log.warning("a service is silent", resource=service, reason=because)
    return Silence(service, because)
