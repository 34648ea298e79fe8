"""One way to call a Reliefpath API: a token, a key for every change, the version read, and problems as exceptions."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Final, Self

import httpx2

from backbone.rows import new_id
from backbone.telemetry import current_trace

TRIES: Final = 5
AGAIN: Final = frozenset({502, 503, 504})


class Unreachable(Exception):
    """Nobody answers at the address, or not in time."""


class Refusal(Exception):
    """A problem document that an API answered with."""

    def __init__(self, status: int, document: Mapping[str, Any]) -> None:
        self.status = status
        self.document = document
        reasons = "; ".join(str(one.get("message")) for one in document.get("errors", ()))
        super().__init__(f"{status} {document.get('title', '')}: {reasons or document.get('detail', '')}")

    @property
    def codes(self) -> set[str]:
        """The codes of all its reasons."""
        return {str(one.get("code")) for one in self.document.get("errors", ())}


class Client:
    """An API as one caller sees it. Safe to repeat: a change that may not have arrived is sent again under its key."""

    def __init__(
        self, address: str, token: str, *, patience: float = 15.0, transport: httpx2.AsyncBaseTransport | None = None
    ) -> None:
        self._client = httpx2.AsyncClient(
            base_url=address,
            timeout=patience,
            transport=transport,
            headers={"Authorization": f"Bearer {token}"},
            follow_redirects=False,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close its connections."""
        await self._client.aclose()

    async def get(self, path: str, **query: Any) -> Any:
        """What is at an address. Raises Refusal, Unreachable."""
        return (await self._send("GET", path, params={k: v for k, v in query.items() if v is not None})).json()

    async def put(self, path: str, body: Mapping[str, Any], *, version: int | None = None) -> Any:
        """Put something at an address. Raises Refusal, Unreachable."""
        return (await self._send("PUT", path, json=body, headers=_match(version))).json()

    async def post(
        self,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        version: int | None = None,
        key: str | None = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        **query: Any,
    ) -> Any:
        """Do something, once, however often it has to be sent. `version` is the one that was read.

        `content` is sent as it is, instead of a JSON body. Raises Refusal, Unreachable.
        """
        sent = {"Idempotency-Key": key or str(new_id()), **_match(version), **(headers or {})}
        given = {k: v for k, v in query.items() if v is not None}
        if content is not None:
            answer = await self._send("POST", path, content=content, headers=sent, params=given)
        else:
            answer = await self._send("POST", path, json=dict(body or {}), headers=sent, params=given)
        return answer.json()

    async def _send(self, method: str, path: str, **more: Any) -> httpx2.Response:
        trace = current_trace()
        if trace:
            more["headers"] = {**more.get("headers", {}), "traceparent": trace}
        attempt = 0
        while True:
            attempt += 1
            try:
                answer = await self._client.request(method, path, **more)
            except httpx2.TransportError as error:
                if attempt == TRIES:
                    raise Unreachable(f"{self._client.base_url} does not answer ({type(error).__name__})") from error
            else:
                if answer.status_code < 400:
                    return answer
                if answer.status_code not in AGAIN or attempt == TRIES:
                    raise Refusal(answer.status_code, _document(answer))
            await asyncio.sleep(0.2 * 2**attempt)


def _match(version: int | None) -> dict[str, str]:
    return {} if version is None else {"If-Match": f'"{version}"'}


def _document(answer: httpx2.Response) -> Mapping[str, Any]:
    try:
        document = answer.json()
    except ValueError:
        document = None
    return document if isinstance(document, dict) else {"title": answer.reason_phrase, "detail": ""}
