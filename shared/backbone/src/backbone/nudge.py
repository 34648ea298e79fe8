"""The nudge: after a commit the relays are woken, outside the transaction."""

from __future__ import annotations

import asyncio
from typing import Final

import asyncpg
import structlog

from backbone.database import CONNECTION_FAILED, hang_up

log = structlog.get_logger()

CHANNEL: Final = "reliefpath_outbox"
PAUSE: Final = 1.0
"""Seconds before a lost connection is made anew; the relays poll meanwhile."""


class Nudge:
    """Wakes the relays after a commit: at most one notification every few milliseconds, on a connection of its own.

    A notification inside the business transaction would make all commits queue behind one lock; here a lost one costs
    the relay's short poll and nothing else.
    """

    def __init__(self, address: str, gap: float = 0.002) -> None:
        self._address = address
        self._gap = gap
        self._wanted = asyncio.Event()

    def __call__(self) -> None:
        """Say that something was said."""
        self._wanted.set()

    async def run(self) -> None:
        """Send notifications until cancelled."""
        while True:
            try:
                await self._connected()
            except CONNECTION_FAILED as error:
                log.warning("the nudge pauses", error=type(error).__name__)
            await asyncio.sleep(PAUSE)

    async def _connected(self) -> None:
        connection = await asyncpg.connect(
            self._address, timeout=5, command_timeout=5, server_settings={"synchronous_commit": "off"}
        )
        try:
            while True:
                await self._wanted.wait()
                self._wanted.clear()
                await connection.execute("SELECT pg_notify($1, '')", CHANNEL)
                await asyncio.sleep(self._gap)
        finally:
            await hang_up(connection)
