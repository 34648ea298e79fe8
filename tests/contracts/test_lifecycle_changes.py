"""What would break who acts by a lifecycle is refused with its exact place; what may come, may."""

from __future__ import annotations

from typing import Any, Final

import pytest

from contracts.compatibility import NEW_ACTION
from tests.contracts.planting import Plant, Planted

REFERRAL: Final = "lifecycles/referral.json"


def transition(action: str, change: Plant) -> Plant:
    return lambda table: change(next(one for one in table["transitions"] if one["action"] == action))


def without(action: str) -> Plant:
    def change(table: Any) -> None:
        table["transitions"] = [one for one in table["transitions"] if one["action"] != action]

    return change


BREACHES: Final[dict[str, tuple[Plant, str]]] = {
    "a state is gone": (lambda table: table["states"].remove("on_hold"), "/states: on_hold is gone"),
    "an end is none any more": (lambda table: table["terminal"].remove("declined"), "/terminal: declined is gone"),
    "an action is gone": (without("receive"), "/transitions/receive: the action is gone"),
    "an action is taken from fewer states": (
        transition("send", lambda one: one["from"].clear()),
        "/transitions/send/from: it is not taken from draft any more",
    ),
    "an action is fewer roles' to take": (
        transition("send", lambda one: one["by"].remove("home_nurse")),
        "/transitions/send/by: it is not home_nurse's to take any more",
    ),
    "an action says less": (
        transition("accept", lambda one: one["says"].clear()),
        "/transitions/accept/says: it does not say reliefpath.referral.ReferralAccepted.v1 any more",
    ),
    "an action is the other side's": (
        transition("send", lambda one: one.update(side="receiver")),
        "/transitions/send/side: it was sender and is receiver",
    ),
    "an action leads elsewhere": (
        transition("decline", lambda one: one.update(to="cancelled")),
        "/transitions/decline/to: it was declined and is cancelled",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", BREACHES)
def test_a_breach_of_a_lifecycle_is_refused_with_its_place_and_the_way_out(planted: Planted, what: str) -> None:
    change, said = BREACHES[what]
    found = planted.change(REFERRAL, change)
    assert any(line == f"{REFERRAL}#{said}. {NEW_ACTION}" for line in found), found


def more_of_everything(table: Any) -> None:
    table["states"].append("praised")
    table["transitions"].append({**table["transitions"][-1], "action": "praise", "to": "praised"})
    send = next(one for one in table["transitions"] if one["action"] == "send")
    send["by"].append("scheduler")
    send["from"].append("on_hold")
    send["says"].append("referral.ReferralPraised")
    send["guards"].append("it_is_a_fine_day")
    send["label"] = "Send it off"


def test_actions_states_roles_and_events_may_come(planted: Planted) -> None:
    assert planted.change(REFERRAL, more_of_everything) == []
