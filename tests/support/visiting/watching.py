"""A process that takes deadlines, to be killed: python -m tests.support.visiting.watching ADDRESS SECONDS.

It says the id of each deadline in the middle of its firing, when the effect is written and not yet committed, and then
works on for so many seconds.
"""

from __future__ import annotations

import asyncio
import sys

from backbone.database import Database, UnitOfWork
from backbone.deadlines import Deadline, DeadlineWatch
from tests.support.visiting.tables import Mark
from tests.support.visiting.world import received


async def main(address: str, seconds: float) -> None:
    """Take deadlines until killed."""

    async def fire(uow: UnitOfWork, deadline: Deadline) -> None:
        uow.session.add(Mark(journey=deadline.journey, seq=1, text=str(deadline.id)))
        uow.say(deadline.journey, received())
        await uow.session.flush()
        sys.stdout.write(f"{deadline.id}\n")
        sys.stdout.flush()
        await asyncio.sleep(seconds)

    await DeadlineWatch(Database(address, connections=2), {"call": fire}, "visiting", 3).run()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], float(sys.argv[2])))
