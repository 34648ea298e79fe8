"""Asks the process on this machine how it is: `python -m backbone.ask /readyz`, for a container's health check.

/readyz fails as long as the database does not answer, /livez only when the process does not. It reads its one setting
itself and imports nothing of ours: it runs every few seconds beside every process, and settings take long to import.
"""

from __future__ import annotations

import http.client
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Final

HOST: Final = "127.0.0.1"
PATIENCE: Final = 4.0
"""Seconds an answer may take: more than a process takes to find that its database does not answer."""


def main(arguments: Sequence[str] | None = None, environ: Mapping[str, str] = os.environ) -> int:
    """0 when it answers 200; else 1, and one sentence."""
    asked = sys.argv[1:] if arguments is None else list(arguments)
    path, port = (asked or ["/readyz"])[0], environ.get("RELIEFPATH_HTTP_PORT", "")
    if not port.isdigit():
        sys.stderr.write("RELIEFPATH_HTTP_PORT is not set\n")
        return 1
    connection = http.client.HTTPConnection(HOST, int(port), timeout=PATIENCE)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        told = answer.read(1000).decode(errors="replace")
    except (OSError, http.client.HTTPException) as error:
        sys.stderr.write(f"port {port} does not answer ({type(error).__name__})\n")
        return 1
    finally:
        connection.close()
    sys.stdout.write(f"{told}\n")
    return 0 if answer.status == http.client.OK else 1


if __name__ == "__main__":
    raise SystemExit(main())
