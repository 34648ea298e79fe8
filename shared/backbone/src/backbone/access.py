"""Who is asking, and what may be shown to them. By default nothing."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final
from uuid import UUID

import httpx2
import structlog
from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from sqlalchemy import ColumnElement, false, literal, select, text, true

from backbone import carriage
from backbone.database import UnitOfWork
from backbone.problems import Forbidden, NotFound, Reason, Unauthenticated, Unavailable
from backbone.settings import DEVELOPMENT_KEY_PREFIX, Settings
from reliefpath.envelope import Actor
from reliefpath.vocabulary import Profile, Role

log = structlog.get_logger()

ALGORITHMS: Final = ["ES256", "ES384", "PS256", "RS256"]
LEEWAY: Final = 30
MOST_TOKEN_BYTES: Final = 8192
MOST_SUBJECT: Final = 255
"""Characters of a subject (OpenID Connect Core 1.0, §2). A longer one is refused, as two cut ones could be the same."""

AGAIN_WITHOUT_KEYS: Final = 2
"""Seconds before an issuer that did not answer is asked again: until then nobody waits in line for its time-out."""

EVERYWHERE: Final = "*"
NETWORK_ROLES: Final = frozenset({Role.OPERATIONS, Role.QUALITY})


@dataclass(frozen=True, slots=True)
class Principal:
    """Somebody with a valid token: an opaque subject, one role, and the facilities they act for."""

    subject: str
    role: Role
    facilities: frozenset[UUID] = frozenset()
    everywhere: bool = False
    journey: UUID | None = None

    @property
    def actor(self) -> Actor:
        """How this principal is written into events and audit rows."""
        return Actor(self.role, self.subject)


class Keys:
    """The issuer's public keys. A file is read again when it changes; an address is asked at most once a minute."""

    def __init__(self, place: str, profile: Profile) -> None:
        self._place = place
        self._profile = profile
        self._keys: KeySet | None = None
        self._version = float("-inf")
        self._lock = asyncio.Lock()

    async def current(self, *, missing: bool = False) -> KeySet:
        """The keys; `missing` says that a token named one that is not among them. Raises Unavailable, LookupError."""
        async with self._lock:
            try:
                if "://" in self._place:
                    await self._ask(missing)
                else:
                    self._read()
            except (httpx2.HTTPError, OSError, ValueError) as error:
                log.warning("the issuer's keys could not be read", error=type(error).__name__)
        if self._keys is None:
            raise Unavailable("Tokens cannot be checked just now.")
        return self._keys

    def _read(self) -> None:
        changed = Path(self._place).stat().st_mtime
        if self._keys is None or changed != self._version:
            self._take(json.loads(Path(self._place).read_text()))
            self._version = changed

    async def _ask(self, missing: bool) -> None:
        age = time.monotonic() - self._version
        if age < (AGAIN_WITHOUT_KEYS if self._keys is None else 60 if missing else 600):
            return
        self._version = time.monotonic()
        async with httpx2.AsyncClient(timeout=5, follow_redirects=False) as client:
            answer = await client.get(self._place)
            answer.raise_for_status()
            self._take(answer.json())

    def _take(self, document: Any) -> None:
        if not isinstance(document, dict) or not isinstance(document.get("keys"), list):
            raise ValueError("not a key set")
        kept = [key for key in document["keys"] if key.get("kty") in {"EC", "RSA"} and key.get("use", "sig") == "sig"]
        if self._profile is Profile.PRODUCTION:
            forbidden = [key for key in kept if str(key.get("kid", "")).startswith(DEVELOPMENT_KEY_PREFIX)]
            if forbidden:
                raise LookupError(
                    "RELIEFPATH_JWKS holds a development key, which a production profile refuses; "
                    "name your issuer's keys, or set RELIEFPATH_PROFILE=development"
                )
        self._keys = KeySet.import_key_set({"keys": kept})


class Gate:
    """Checks tokens: signature, issuer, audience, type and times, then reads who is asking."""

    def __init__(self, settings: Settings) -> None:
        settings.require("issuer", "audience", "jwks")
        self._issuer, self._audience = settings.issuer, settings.audience
        self.keys = Keys(settings.jwks, settings.profile)
        self._claims = jwt.JWTClaimsRegistry(
            leeway=LEEWAY,
            iss={"essential": True, "value": self._issuer},
            aud={"essential": True, "value": self._audience},
            exp={"essential": True},
            iat={"essential": True},
            sub={"essential": True},
            role={"essential": True},
        )

    async def admit(self, token: str) -> Principal:
        """The principal a token speaks for. Raises Unauthenticated with the reason."""
        if len(token) > MOST_TOKEN_BYTES:
            raise _refused("too-long", "The token is too long.")
        try:
            keys = await self.keys.current()
            try:
                decoded = jwt.decode(token, keys, algorithms=ALGORITHMS)
            except (JoseError, ValueError):
                decoded = jwt.decode(token, await self.keys.current(missing=True), algorithms=ALGORITHMS)
            if str(decoded.header.get("typ", "")).lower() != "at+jwt":
                raise _refused("type", "The token is not an access token (typ at+jwt).")
            self._claims.validate(decoded.claims)
            return _principal(decoded.claims)
        except JoseError as error:
            code = error.error if error.error in TOKEN_REFUSALS else UNREADABLE
            raise _refused(code, TOKEN_REFUSALS[code]) from None
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            raise _refused(UNREADABLE, TOKEN_REFUSALS[UNREADABLE]) from None


UNREADABLE: Final = "malformed"
TOKEN_REFUSALS: Final = {
    "expired_token": "The token has expired.",
    "bad_signature": "The signature is not the issuer's.",
    "invalid_claim": "The token was not made by this issuer for this audience.",
    "missing_claim": "The token lacks a claim that is needed.",
    "unsupported_algorithm": "This algorithm is not accepted.",
    UNREADABLE: "The token cannot be read.",
}
"""What is said of each code of the library of tokens, and of whatever else it finds."""


def _refused(code: str, message: str) -> Unauthenticated:
    return Unauthenticated(
        message,
        [Reason(code=code, message=message, satisfy="Ask the issuer for a new token.")],
        headers={"WWW-Authenticate": 'Bearer error="invalid_token"'},
    )


def _principal(claims: dict[str, Any]) -> Principal:
    facilities = claims.get("facilities", [])
    role, subject, journey = Role(claims["role"]), claims["sub"], claims.get("journey")
    if role is Role.SYSTEM or not isinstance(facilities, list):
        raise ValueError
    if not isinstance(subject, str) or not 1 <= len(subject) <= MOST_SUBJECT or not subject.isprintable():
        raise ValueError
    if role is Role.PATIENT and journey is None:
        raise ValueError
    return Principal(
        subject=subject,
        role=role,
        facilities=frozenset(UUID(one) for one in facilities if one != EVERYWHERE),
        everywhere=EVERYWHERE in facilities and role in NETWORK_ROLES,
        journey=UUID(journey) if journey is not None else None,
    )


_bearer = HTTPBearer(auto_error=False, description="An access token of the issuer (JWT).")


async def caller(
    request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
) -> Principal:
    """Who is asking. Raises Unauthenticated."""
    if credentials is None:
        raise Unauthenticated(
            "Send an Authorization header with a bearer token.",
            [Reason(code="no-token", message="There is no bearer token.", satisfy="Ask the issuer for a token.")],
            headers={"WWW-Authenticate": "Bearer"},
        )
    gate: Gate = request.app.state.gate
    return await gate.admit(credentials.credentials)


Caller = Annotated[Principal, Depends(caller)]


def require_role(principal: Principal, *roles: Role) -> None:
    """Raise Forbidden unless the principal has one of these roles."""
    if principal.role not in roles:
        raise Forbidden(
            f"A {principal.role} may not do this.",
            [
                Reason(
                    code="wrong-role",
                    message=f"A {principal.role} may not do this.",
                    satisfy="Ask somebody with the role " + " or ".join(sorted(roles)) + ".",
                )
            ],
        )


_ADMIT: Final = text(
    """
    INSERT INTO backbone.journey_facilities (journey, facility)
    SELECT CAST(:journey AS uuid), * FROM unnest(CAST(:facilities AS uuid[])) ON CONFLICT DO NOTHING
    """
)


async def admit(uow: UnitOfWork, journey: UUID, facilities: Iterable[UUID]) -> None:
    """Let these facilities see the journey from now on, in this service."""
    given = sorted(set(facilities))
    if given:
        await uow.session.execute(_ADMIT, {"journey": journey, "facilities": given})


async def facilities_on(uow: UnitOfWork, journey: UUID) -> frozenset[UUID]:
    """The facilities that may see the journey."""
    table = carriage.journey_facilities
    found = await uow.session.execute(select(table.c.facility).where(table.c.journey == journey))
    return frozenset(found.scalars())


async def require_visible(uow: UnitOfWork, principal: Principal, journey: UUID, resource: str = "journey") -> None:
    """Raise NotFound unless the journey is visible to the principal: the same answer as for what does not exist."""
    if (await uow.session.execute(select(literal(1)).where(visible(principal, journey)))).first() is None:
        raise NotFound(resource)


def visible(principal: Principal, journey: Any) -> ColumnElement[bool]:
    """The condition under which a row's journey is visible to the principal, for the WHERE of a list."""
    column: ColumnElement[Any] = literal(journey) if isinstance(journey, UUID) else journey
    if principal.everywhere:
        return true()
    if principal.role is Role.PATIENT or principal.journey is not None:
        return column == principal.journey
    if not principal.facilities:
        return false()
    table = carriage.journey_facilities
    return column.in_(select(table.c.journey).where(table.c.facility.in_(principal.facilities)))
