"""What a person needs once everything runs."""

from __future__ import annotations

import base64
import json
from pathlib import Path

from reliefpath.vocabulary import Role
from stack.card import ROLES, card
from stack.plan import Plan


def claims(token: str) -> dict[str, object]:
    middle = token.split(".")[1]
    told: dict[str, object] = json.loads(base64.urlsafe_b64decode(middle + "=" * (-len(middle) % 4)))
    return told


def test_the_card_holds_every_address_a_token_per_role_and_how_to_stop(tmp_path: Path) -> None:
    plan = Plan.of({"RELIEFPATH_DATA": str(tmp_path), "RELIEFPATH_PORT": "8400"})
    text = card(plan, "Ctrl-C stops everything.")
    for address in plan.addresses.values():
        assert f"{address}/docs" in text
    tokens = {line.split()[0]: claims(line.split()[1]) for line in text.splitlines() if " eyJ" in line}
    assert set(tokens) == {role.value for role in ROLES}
    assert all(int(str(told["exp"])) - int(str(told["iat"])) == 12 * 3600 for told in tokens.values())
    assert tokens["operations"]["facilities"] == ["*"]
    assert text.endswith("Ctrl-C stops everything.")


def test_only_those_who_see_the_whole_network_get_all_of_it(tmp_path: Path) -> None:
    plan = Plan.of({"RELIEFPATH_DATA": str(tmp_path)})
    for line in card(plan, "").splitlines():
        if " eyJ" in line:
            told = claims(line.split()[1])
            assert (told["facilities"] == ["*"]) == (told["role"] in ("operations", "quality"))


def test_nobody_gets_a_token_of_the_system_itself() -> None:
    assert Role.SYSTEM not in ROLES


def test_with_an_identity_provider_of_the_user_no_token_is_printed(tmp_path: Path) -> None:
    plan = Plan.of({"RELIEFPATH_DATA": str(tmp_path), "RELIEFPATH_JWKS": "https://id.example/jwks"})
    assert "your own identity provider" in card(plan, "")
    assert "eyJ" not in card(plan, "")
