"""The guide for integrators is true: its code, run from the top, does on running services what the guide says."""

from __future__ import annotations

from typing import Any

import pytest

from reliefpath.vocabulary import Role
from reliefpath_client import Referral
from stack.card import directory, works_at
from tests.support.guide import GUIDE, code, run
from tests.support.network import Network


async def test_its_code_refers_a_patient_and_follows_what_becomes_of_it(
    network: Network, capsys: pytest.CaptureFixture[str]
) -> None:
    refer, follow = code(GUIDE.read_text(encoding="utf-8"))
    address = network.addresses["referral"]
    token = network.token(Role.REFERRER, *works_at(Role.REFERRER, directory(network.plan)))
    async with Referral(address, token) as referrer:
        known: dict[str, Any] = {"token": token, "after": await _end(referrer)}

        await run(refer, address, known)
        sent = await referrer.referral(known["referral"]["id"])
        assert (known["referral"]["state"], known["sent"]["state"], sent["state"]) == (
            "draft",
            "requested",
            "requested",
        )
        assert sent["to_facility"]["code"] == "PAIN-CENTRE"

        async def told() -> list[str]:
            """What its loop prints of this journey; the next time it asks with the place that it got."""
            capsys.readouterr()
            await run(follow, address, known)
            known["after"] = known["feed"]["after"]
            return [line for line in capsys.readouterr().out.splitlines() if sent["journey"] in line]

        assert await told() == [f"reliefpath.referral.ReferralRequested.v1 {sent['journey']} 1"]
        assert await told() == []
        await referrer.referral_withdraw(sent["id"], {"reason_code": "no-longer-needed"}, version=sent["version"])
        assert await told() == [f"reliefpath.referral.ReferralWithdrawn.v1 {sent['journey']} 2"]


async def _end(reader: Referral) -> str:
    """The end of the feed, read as the guide says: at once while there is more."""
    feed = await reader.events()
    while feed["more"]:
        feed = await reader.events(after=feed["after"])
    return feed["after"]
