"""What a person needs once everything runs."""

from __future__ import annotations

import base64
import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from reliefpath.vocabulary import Role
from stack.card import ROLES, card
from stack.plan import Plan
from stack.ports import HOST
from tests.support.standins import free_span


def claims(token: str) -> dict[str, object]:
    middle = token.split(".")[1]
    told: dict[str, object] = json.loads(base64.urlsafe_b64decode(middle + "=" * (-len(middle) % 4)))
    return told


PLACES = [
    {"id": "1", "code": "ONCOLOGY", "kind": "hospital"},
    {"id": "2", "code": "PAIN-CLINIC", "kind": "clinic"},
    {"id": "3", "code": "HOME-EAST", "kind": "home_care"},
]


class Scheduling(http.server.BaseHTTPRequestHandler):
    """The scheduling API as far as the card asks it."""

    def do_GET(self) -> None:
        asked = self.path == "/facilities?limit=200" and self.headers["Authorization"].startswith("Bearer eyJ")
        self.send_response(200 if asked else 404)
        self.end_headers()
        self.wfile.write(json.dumps({"items": PLACES}).encode())

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def listed(tmp_path: Path) -> Iterator[Plan]:
    """A plan whose scheduling API lists three facilities."""
    base = free_span()
    plan = Plan.of({"RELIEFPATH_DATA": str(tmp_path), "RELIEFPATH_PORT": str(base)})
    with http.server.HTTPServer((HOST, plan.ports.api("scheduling")), Scheduling) as server:
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        yield plan
        server.shutdown()
        serving.join()


def tokens(text: str) -> dict[str, dict[str, object]]:
    return {line.split()[0]: claims(line.split()[1]) for line in text.splitlines() if " eyJ" in line}


def test_the_card_holds_every_address_a_token_per_role_of_staff_and_how_to_stop(listed: Plan) -> None:
    text = card(listed, "Ctrl-C stops everything.")
    assert all(address in text for address in listed.addresses.values())
    told = tokens(text)
    assert set(told) == {role.value for role in ROLES if role is not Role.PATIENT}
    assert all(int(str(one["exp"])) - int(str(one["iat"])) == 12 * 3600 for one in told.values())
    assert "tokens, at ONCOLOGY, PAIN-CLINIC, HOME-EAST; for 12 hours" in text
    assert text.endswith("Ctrl-C stops everything.")


def test_a_token_is_for_the_places_where_its_role_works(listed: Plan) -> None:
    told = {role: one["facilities"] for role, one in tokens(card(listed, "")).items()}
    assert told["referrer"] == ["1"]
    assert told["coordinator"] == told["scheduler"] == ["1", "2"]
    assert told["home_nurse"] == ["3"]
    assert told["operations"] == told["quality"] == ["*"]


def test_no_token_of_a_patient_is_printed_but_how_to_get_one_for_a_journey(listed: Plan) -> None:
    [line] = [one for one in card(listed, "").splitlines() if one.startswith("  patient")]
    assert "make token ROLE=patient JOURNEY=ID" in line
    assert "eyJ" not in line


def test_where_no_facility_is_listed_the_card_says_so(tmp_path: Path) -> None:
    plan = Plan.of({"RELIEFPATH_DATA": str(tmp_path), "RELIEFPATH_PORT": str(free_span())})
    assert "tokens, at no facility yet" in card(plan, "")
    assert tokens(card(plan, ""))["coordinator"]["facilities"] == []


def test_nobody_gets_a_token_of_the_system_itself() -> None:
    assert Role.SYSTEM not in ROLES


def test_with_an_identity_provider_of_the_user_no_token_is_printed(tmp_path: Path) -> None:
    plan = Plan.of({"RELIEFPATH_DATA": str(tmp_path), "RELIEFPATH_JWKS": "https://id.example/jwks"})
    assert "your own identity provider" in card(plan, "")
    assert "eyJ" not in card(plan, "")
