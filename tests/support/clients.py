"""The generated clients held against the contracts: every operation is called, and what is sent is looked at."""

from __future__ import annotations

import inspect
import json
import re
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import httpx2

from contracts import http
from reliefpath_client import Client

METHODS = ("get", "put", "post", "delete", "patch")


@dataclass(frozen=True)
class Described:
    """An operation as the contract describes it."""

    method: str
    path: str
    operation: dict[str, Any]
    document: dict[str, Any]

    def named(self, where: str, *, needed: bool = False) -> set[str]:
        """The names of its parameters there."""
        given = self.operation.get("parameters", ())
        return {one["name"] for one in given if one["in"] == where and (one.get("required") or not needed)}

    @property
    def media_types(self) -> list[str]:
        """The media types in which it takes a body."""
        return list(self.operation.get("requestBody", {}).get("content", {}))

    @property
    def answer(self) -> dict[str, Any]:
        """The schema of what it answers, with the component that it names written in place."""
        [schema, *_] = [
            answer["content"]["application/json"]["schema"]
            for code, answer in self.operation["responses"].items()
            if code.startswith("2")
        ]
        name = schema.get("$ref", "").rpartition("/")[2]
        return dict(self.document["components"]["schemas"][name] if name else schema)


def described(service: str) -> dict[str, Described]:
    """Every operation of a service's contract, by its id."""
    document = http.document(service)
    return {
        operation["operationId"]: Described(method.upper(), path, operation, document)
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if method in METHODS
    }


def asked_for(contract: Mapping[str, Described], request: httpx2.Request) -> str | None:
    """The operation of a contract that a request asks for; None when it has none there."""
    for name, one in contract.items():
        if one.method == request.method and re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", one.path), request.url.path):
            return name
    return None


def methods(client: type[Client]) -> set[str]:
    """The names of the operations that a client has methods for, its bases' too."""
    return {name for name in dir(client) if name.islower() and not name.startswith("_")} - set(dir(Client))


async def assert_has_what_each_contract_says(client: type[Client], *services: str) -> None:
    """A client of what several APIs have alike: its methods are what each of these services' contracts says."""
    assert client.OPERATIONS.keys() == methods(client)
    for contract in map(described, services):
        for operation in client.OPERATIONS:
            assert_needs_what_the_contract_needs(client, operation, contract[operation])
            await assert_sends_what_the_contract_says(client, operation, contract[operation])
            assert_answers_what_the_contract_says(client, operation, contract[operation])


async def sent(client: type[Client], operation: str) -> httpx2.Request:
    """What an operation's method sends when it is given all it takes: its own names, versions 7 and keys "k"."""
    asked: list[httpx2.Request] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        asked.append(request)
        return httpx2.Response(200, json={"answered": operation})

    api = client("http://api", "token", transport=httpx2.MockTransport(answer))
    method = getattr(api, operation)
    values: dict[str, Any] = {"body": {"said": 1}, "version": 7, "key": "k"}
    given = {name: values.get(name, name) for name in inspect.signature(method).parameters}
    assert await method(**given) == {"answered": operation}
    [request] = asked
    return request


async def assert_sends_what_the_contract_says(client: type[Client], operation: str, wanted: Described) -> None:
    """The method sends all that the contract names, where it names it, and nothing else."""
    request = await sent(client, operation)
    assert request.method == wanted.method
    assert unquote(request.url.path) == re.sub(r"\{(\w+)\}", r"\1", wanted.path)
    assert {name: value.removesuffix("_") for name, value in request.url.params.items()} == {
        name: name for name in wanted.named("query")
    }
    assert (request.headers.get("if-match") == '"7"') is ("If-Match" in wanted.named("header"))
    assert (request.headers.get("idempotency-key") == "k") is ("Idempotency-Key" in wanted.named("header"))
    assert request.headers.get("content-type") == next(iter(wanted.media_types), None)
    takes_body = "body" in inspect.signature(getattr(client, operation)).parameters
    assert json.loads(request.content or b"{}") == ({"said": 1} if takes_body else {})


def assert_needs_what_the_contract_needs(client: type[Client], operation: str, wanted: Described) -> None:
    """What the method cannot be called without is what the contract requires; keys are made up."""
    parameters = inspect.signature(getattr(client, operation)).parameters.values()
    needed = {one.name.rstrip("_") for one in parameters if one.default is one.empty} - {"self"}
    body = wanted.operation.get("requestBody", {})
    assert needed == wanted.named("path") | wanted.named("query", needed=True) | (
        {"version"} if "If-Match" in wanted.named("header") else set()
    ) | ({"body"} if body.get("required") else set())


def assert_answers_what_the_contract_says(client: type[Client], operation: str, wanted: Described) -> None:
    """The answer's type has the contract's fields, and those alone are optional that may be absent."""
    answer = typing.get_type_hints(getattr(client, operation))["return"]
    if "properties" not in wanted.answer:
        assert not typing.is_typeddict(answer)
        return
    hints = typing.get_type_hints(answer, include_extras=True)
    optional = {name for name, type_ in hints.items() if typing.get_origin(type_) is typing.NotRequired}
    assert hints.keys() == wanted.answer["properties"].keys()
    assert hints.keys() - optional == set(wanted.answer.get("required", ()))
