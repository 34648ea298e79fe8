"""What a person needs once everything runs: where it answers, a token per role, how to stop."""

from __future__ import annotations

from typing import Final

from reliefpath.vocabulary import Role
from stack.keys import PRINTED_LIFETIME, WHOLE_NETWORK
from stack.plan import Plan

ROLES: Final = tuple(role for role in Role if role is not Role.SYSTEM)
SEES_ALL: Final = frozenset({Role.OPERATIONS, Role.QUALITY})


def card(plan: Plan, how_to_stop: str) -> str:
    """Addresses, tokens and how to stop, as text for a terminal."""
    lines = ["", "addresses"]
    lines += [f"  {service:<11} {address}  (pages: {address}/docs)" for service, address in plan.addresses.items()]
    lines += [f"  {'Kafka':<11} {plan.kafka}", ""]
    if plan.signs:
        lines.append(f"tokens, for {PRINTED_LIFETIME.total_seconds() / 3600:.0f} hours (another: make token ROLE=…)")
        lines += [f"  {role.value:<11} {_token(plan, role)}" for role in ROLES]
    else:
        lines.append("tokens come from your own identity provider (RELIEFPATH_JWKS is set)")
    return "\n".join([*lines, "", how_to_stop])


def default_facilities(plan: Plan, role: Role) -> list[str]:
    """The facilities a token gets when none is named: all of them for those who see the whole network."""
    return [WHOLE_NETWORK] if role in SEES_ALL else []


def _token(plan: Plan, role: Role) -> str:
    return plan.keys.token(role, role.value, default_facilities(plan, role), PRINTED_LIFETIME)
