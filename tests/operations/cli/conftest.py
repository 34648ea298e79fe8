"""What the tests of the command share: APIs on this machine that answer what they are told to, and the command."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from typer.testing import CliRunner, Result

from backbone.service import SERVICES
from operations.cli import app
from stack.folder import DataFolder, State


@dataclass(frozen=True)
class Asked:
    """A request as it arrived."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Loopback:
    """A server on this machine. Answers as told: `replies["GET", "/lag"]` is a body, (status, body) or a function."""

    replies: dict[tuple[str, str], Any] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    address: str = ""

    def answer(self, asked: Asked) -> tuple[int, bytes]:
        self.asked.append(asked)
        reply = self.replies.get((asked.method, asked.path), (404, {"title": "There is nothing here", "status": 404}))
        if callable(reply):
            reply = reply(asked)
        status, body = reply if isinstance(reply, tuple) else (200, reply)
        return status, body if isinstance(body, bytes) else json.dumps(body).encode()


@pytest.fixture(autouse=True)
def _no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody said how wide the terminal is, whoever runs the tests."""
    monkeypatch.delenv("COLUMNS", raising=False)


@pytest.fixture
def api() -> Iterator[Loopback]:
    """An API that answers what the test says, for every service alike."""
    told = Loopback()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            address = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            status, reply = told.answer(Asked(self.command, address.path, parse_qs(address.query), headers, body))
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(reply)))
            self.end_headers()
            self.wfile.write(reply)

        do_GET = do_POST = do_PUT = _answer  # noqa: N815 - the names are http.server's

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    told.address = f"http://127.0.0.1:{server.server_port}"
    yield told
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def environment(api: Loopback, tmp_path: Path) -> dict[str, str]:
    """Settings by which the command finds the API. No stack runs from this data folder."""
    found = {f"RELIEFPATH_URL_{service.upper()}": api.address for service in SERVICES}
    return {**found, "RELIEFPATH_TOKEN": "secret", "RELIEFPATH_DATA": str(tmp_path)}


@pytest.fixture
def stack(tmp_path: Path, api: Loopback, environment: dict[str, str]) -> DataFolder:
    """A data folder from which a stack says that it runs at the API's address and signs tokens; none is set."""
    del environment["RELIEFPATH_TOKEN"]
    folder = DataFolder(tmp_path)
    clients = {f"RELIEFPATH_URL_{service.upper()}": api.address for service in SERVICES}
    folder.tell(State(1, "run", 7400, time.time(), ready=True, clients=clients))
    return folder


@pytest.fixture
def run(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """`run("lag", "--json")`: the command, with what it printed and the code it ended with."""
    for name in [name for name in os.environ if name.startswith("RELIEFPATH_")]:
        monkeypatch.delenv(name)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    def invoke(*arguments: str, **more: Any) -> Result:
        result = CliRunner().invoke(app, arguments, **more)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        assert "Traceback" not in result.output
        return result

    return invoke


def lines(result: Result) -> list[Any]:
    """What was printed for programs: one object per line."""
    return [json.loads(line) for line in result.stdout.splitlines()]
