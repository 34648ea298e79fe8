"""A health check needs no curl: it asks once, in time, and its exit code is the answer."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from backbone import ask as subject
from backbone.ask import main
from stack.ports import free_ports

ANSWERS = {"/livez": (200, b'{"status": "alive"}'), "/readyz": (503, b'{"status": "not ready"}')}


class Process(BaseHTTPRequestHandler):
    """A process that lives and is not ready."""

    def do_GET(self) -> None:
        if self.path == "/silence":
            self.close_connection = True
            return
        status, told = ANSWERS[self.path]
        self.send_response(status)
        self.end_headers()
        self.wfile.write(told)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def environ() -> Iterator[dict[str, str]]:
    with HTTPServer(("127.0.0.1", 0), Process) as server:
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        yield {"RELIEFPATH_HTTP_PORT": str(server.server_port)}
        server.shutdown()
        serving.join()


def test_the_exit_code_is_the_answer(environ: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["/livez"], environ) == 0
    assert capsys.readouterr().out == '{"status": "alive"}\n'
    assert main(["/readyz"], environ) == 1
    assert capsys.readouterr().out == '{"status": "not ready"}\n'


def test_without_a_path_it_asks_for_readiness(environ: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([], environ) == 1
    assert "not ready" in capsys.readouterr().out


def test_no_answer_is_one_sentence(environ: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["/silence"], environ) == 1
    assert "does not answer (RemoteDisconnected)" in capsys.readouterr().err
    assert main([], {"RELIEFPATH_HTTP_PORT": str(free_ports(1)[0])}) == 1
    assert "does not answer (ConnectionRefusedError)" in capsys.readouterr().err
    assert main([], {}) == 1
    assert capsys.readouterr().err == "RELIEFPATH_HTTP_PORT is not set\n"


def test_it_does_not_wait_for_ever(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(subject, "PATIENCE", 0.1)
    with HTTPServer(("127.0.0.1", 0), Process) as silent:  # it listens, and nobody serves
        assert main([], {"RELIEFPATH_HTTP_PORT": str(silent.server_port)}) == 1
    assert "does not answer (TimeoutError)" in capsys.readouterr().err


def test_it_imports_nothing_that_takes_long(environ: dict[str, str]) -> None:
    program = "import sys; import backbone.ask; print([one for one in ('pydantic', 'asyncio') if one in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", program], env={**os.environ, **environ}, capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"
