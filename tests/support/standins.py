"""Tiny processes in the place of services, for tests of what starts, watches and stops processes."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from stack.child import Process

READY = """
import http.server, os, signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/readyz" else 404); self.end_headers()
    def log_message(self, *_): pass
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Answer).serve_forever()
"""
"""Answers /readyz until it is asked to end."""


def ready(name: str, port: int) -> Process:
    """A stand-in that becomes ready and stays."""
    return python(name, READY, str(port), port=port)


def python(name: str, program: str, *arguments: str, port: int | None = None) -> Process:
    """A stand-in that does what the program says."""
    command = (sys.executable, "-S", "-c", program, *arguments)
    return Process(name=name, command=command, environment=dict(os.environ), folder=Path("/"), port=port)


def alive(pid: int) -> bool:
    """Whether a process of this number runs (a zombie does not)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
