"""The referral API's client: every operation of the contract has its method, which sends and answers what it says."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from reliefpath_client import Referral
from tests.architecture.sources import ROOT
from tests.support.clients import (
    assert_answers_what_the_contract_says,
    assert_needs_what_the_contract_needs,
    assert_sends_what_the_contract_says,
    described,
    methods,
)

CONTRACT = described("referral")


def test_every_operation_has_its_method_and_nothing_else_has_one() -> None:
    assert Referral.OPERATIONS.keys() == CONTRACT.keys()
    assert methods(Referral) == CONTRACT.keys()


@pytest.mark.parametrize("operation", CONTRACT)
async def test_a_method_needs_sends_and_answers_what_the_contract_says(operation: str) -> None:
    assert_needs_what_the_contract_needs(Referral, operation, CONTRACT[operation])
    await assert_sends_what_the_contract_says(Referral, operation, CONTRACT[operation])
    assert_answers_what_the_contract_says(Referral, operation, CONTRACT[operation])


SNIPPET = """
from reliefpath_client import Referral, every
from reliefpath_client.referral import ReferralState


async def well(api: Referral, state: ReferralState) -> list[str]:
    shown = await api.referral_accept("r", {"urgency": "soon"}, version=shown_version(await api.referral("r")))
    await api.intake(b"{}", to="PAIN-CLINIC", reason_code="pain", setting="home")
    await api.intake({"resourceType": "Bundle"}, to="PAIN-CLINIC", reason_code="pain", setting="home")
    listed = [one["journey"] async for one in every(api.referrals, state=[state])]
    return [shown["journey"], *listed]


def shown_version(shown: object) -> int:
    return 1


async def badly(api: Referral) -> None:
    await api.referral_accept("r", {"urgnecy": "soon"}, version=1)  # ERROR
    await api.referral_accept("r", {"urgency": "sooner"}, version=1)  # ERROR
    await api.referral_accept("r", {"urgency": "soon"})  # ERROR
    await api.referral_receive("r", {}, version=1)  # ERROR
    await api.referral_enchant("r", version=1)  # ERROR
    await api.intake(b"{}", to="PAIN-CLINIC", setting="home")  # ERROR
    (await api.referral("r"))["sate"]  # ERROR
    (await api.facilities())["items"]  # ERROR
    [one async for one in every(api.referrals, state=["lost"])]  # ERROR
    [one async for one in every(api.referrals, stage=["trial"])]  # ERROR
    [one["sate"] async for one in every(api.referrals)]  # ERROR
    every(api.facilities)  # ERROR
"""


def test_a_type_checker_sees_what_the_contract_does_not_have(tmp_path: Path) -> None:
    (tmp_path / "snippet.py").write_text(SNIPPET)
    checked = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--config-file=", "--no-error-summary", "snippet.py"],
        cwd=tmp_path,
        env={**os.environ, "MYPYPATH": str(ROOT / "shared/client/src")},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    found = {int(line.split(":")[1]) for line in checked.stdout.splitlines() if " error: " in line}
    wanted = {number for number, line in enumerate(SNIPPET.splitlines(), 1) if line.endswith("# ERROR")}
    assert found == wanted, checked.stdout + checked.stderr
