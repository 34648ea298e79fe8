"""What a person needs once everything runs: where it answers, a token per role of staff, how to stop."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from reliefpath.vocabulary import FacilityKind, Role
from stack.keys import PRINTED_LIFETIME, WHOLE_NETWORK
from stack.plan import Plan

ROLES: Final = tuple(role for role in Role if role is not Role.SYSTEM)
PLACES: Final[Mapping[Role, frozenset[FacilityKind]]] = {
    Role.REFERRER: frozenset({FacilityKind.HOSPITAL}),
    Role.HOME_NURSE: frozenset({FacilityKind.HOME_CARE}),
    Role.PATIENT: frozenset(),
}
"""Where people of a role work, unless anywhere in hospitals and clinics."""
USUAL_PLACES: Final = frozenset({FacilityKind.HOSPITAL, FacilityKind.CLINIC})
SEES_ALL: Final = frozenset({Role.OPERATIONS, Role.QUALITY})


@dataclass(frozen=True)
class Place:
    """A facility as the directory shows it."""

    id: str
    code: str
    kind: str


def card(plan: Plan, how_to_stop: str) -> str:
    """Addresses, tokens and how to stop, as text for a terminal."""
    lines = ["", "addresses"]
    lines += [f"  {service:<11} {address}" for service, address in plan.addresses.items()]
    lines += [f"  {'Kafka':<11} {plan.kafka}", ""]
    if plan.signs:
        places = directory(plan)
        where = f"at {', '.join(place.code for place in places)}" if places else "at no facility yet: none is listed"
        lines.append(
            f"tokens, {where}; for {PRINTED_LIFETIME.total_seconds() / 3600:.0f} hours (more: make token ROLE=…)"
        )
        lines += [f"  {role.value:<11} {_token(plan, role, places)}" for role in ROLES if role is not Role.PATIENT]
        lines.append(f"  {Role.PATIENT.value:<11} make token ROLE=patient JOURNEY=ID, as each patient sees one journey")
    else:
        lines.append("tokens come from your own identity provider (RELIEFPATH_JWKS is set)")
    return "\n".join([*lines, "", how_to_stop])


def works_at(role: Role, places: list[Place]) -> list[str]:
    """The facilities in a token of this role when none is named: its usual ones, or all for who sees the network."""
    if role in SEES_ALL:
        return [WHOLE_NETWORK]
    kinds = PLACES.get(role, USUAL_PLACES)
    return [place.id for place in places if place.kind in kinds]


def directory(plan: Plan) -> list[Place]:
    """The facilities that the running stack lists; none when it does not answer."""
    token = plan.keys.token(Role.OPERATIONS, "stack", [WHOLE_NETWORK])
    asked = urllib.request.Request(  # noqa: S310 - an http address of our own making
        f"{plan.addresses['scheduling']}/facilities?limit=200", headers={"Authorization": f"Bearer {token}"}
    )
    try:
        with urllib.request.urlopen(asked, timeout=2) as answer:  # noqa: S310 - as above
            items = json.load(answer)["items"]
        return [Place(str(item["id"]), str(item["code"]), str(item["kind"])) for item in items]
    except (OSError, ValueError, KeyError, TypeError):
        return []


def _token(plan: Plan, role: Role, places: list[Place]) -> str:
    return plan.keys.token(role, role.value, works_at(role, places), PRINTED_LIFETIME)
