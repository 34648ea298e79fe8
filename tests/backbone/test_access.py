"""Who is asking, and what may be shown to them: by default nobody, and nothing."""

from __future__ import annotations

import base64
import hmac
import json
import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx2
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, RSAKey
from sqlalchemy import select
from sqlmodel import col

from backbone.access import (
    TOKEN_REFUSALS,
    Gate,
    Keys,
    Principal,
    admit,
    facilities_on,
    require_role,
    require_visible,
    visible,
)
from backbone.database import Database
from backbone.problems import Forbidden, NotFound, Unauthenticated, Unavailable
from backbone.rows import new_id
from backbone.settings import Settings
from reliefpath.vocabulary import Profile, Role
from tests.support.visiting.tables import Mark
from tests.support.visiting.world import unit

ISSUER = "https://issuer.example"
FACILITY = UUID(int=5)
JOURNEY = col(Mark.journey)
RSA = RSAKey.generate_key(2048, {"kid": "issued-1"}).as_dict(private=True)


class Issuer:
    """An issuer with an EC key, and forgers with others."""

    def __init__(self, folder: Path) -> None:
        self.key = ECKey.generate_key("P-256", {"kid": "issued-1", "use": "sig"})
        self.jwks = folder / "jwks.json"
        self.publish(self.key)

    def publish(self, *keys: Any) -> None:
        self.jwks.write_text(json.dumps({"keys": [key.as_dict(private=False) for key in keys]}))

    def claims(self, **changed: Any) -> dict[str, Any]:
        now = int(time.time())
        usual = {
            "iss": ISSUER, "aud": "reliefpath", "iat": now, "exp": now + 600, "sub": "c-1", "role": "coordinator",
            "facilities": [str(FACILITY)],
        }  # fmt: skip
        return {name: value for name, value in {**usual, **changed}.items() if value is not None}

    def token(self, *, key: Any = None, header: dict[str, Any] | None = None, **changed: Any) -> str:
        head = {"alg": "ES256", "typ": "at+jwt", "kid": "issued-1", **(header or {})}
        head = {name: value for name, value in head.items() if value is not None}
        return jwt.encode(head, self.claims(**changed), key or self.key, algorithms=[head["alg"]])

    def unsigned(self, algorithm: str = "none") -> str:
        return f"{_part({'alg': algorithm, 'typ': 'at+jwt', 'kid': 'issued-1'})}.{_part(self.claims())}."


@pytest.fixture
def issuer(tmp_path: Path) -> Issuer:
    return Issuer(tmp_path)


@pytest.fixture
def gate(issuer: Issuer) -> Gate:
    return Gate(Settings(issuer=ISSUER, audience="reliefpath", jwks=str(issuer.jwks)))


async def test_a_good_token_says_who_is_asking(issuer: Issuer, gate: Gate) -> None:
    principal = await gate.admit(issuer.token())
    assert principal == Principal("c-1", Role.COORDINATOR, frozenset({FACILITY}))
    assert str(principal.actor) == "coordinator:c-1"


async def test_an_audience_may_be_one_of_several(issuer: Issuer, gate: Gate) -> None:
    assert (await gate.admit(issuer.token(aud=["other", "reliefpath"]))).subject == "c-1"


@pytest.mark.parametrize("kind", ["PS256", "RS256", "ES384"])
async def test_the_other_asymmetric_algorithms_are_good_too(issuer: Issuer, gate: Gate, kind: str) -> None:
    key = ECKey.generate_key("P-384", {"kid": "k"}) if kind == "ES384" else RSAKey.generate_key(2048, {"kid": "k"})
    issuer.publish(issuer.key, key)
    assert (await gate.admit(issuer.token(key=key, header={"alg": kind, "kid": "k"}))).subject == "c-1"


def _soon(seconds: int) -> int:
    return int(time.time()) + seconds


def _tampered(issuer: Issuer) -> str:
    head, _, signature = issuer.token().split(".")
    return f"{head}.{_part(issuer.claims(role='operations'))}.{signature}"


def _signed_with_the_public_key(issuer: Issuer) -> str:
    head = {"alg": "HS256", "typ": "at+jwt", "kid": "issued-1"}
    signed = f"{_part(head)}.{_part(issuer.claims())}"
    digest = hmac.digest(issuer.key.as_pem(private=False), signed.encode(), "sha256")
    return f"{signed}.{base64.urlsafe_b64encode(digest).decode().rstrip('=')}"


def _part(content: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")


FORGED = ECKey.generate_key("P-256", {"kid": "issued-1"})
STRANGER = ECKey.generate_key("P-256", {"kid": "stranger"})

BAD: dict[str, Callable[[Issuer], str]] = {
    "nothing": lambda _: "",
    "nonsense": lambda _: "nonsense",
    "three parts of nonsense": lambda _: "a.b.c",
    "no Unicode": lambda _: "\udcff.b.c",
    "too long": lambda issuer: issuer.token(filler="x" * 9000),
    "64 kilobytes": lambda _: "x" * 65_536,
    "no algorithm": lambda issuer: issuer.unsigned(),
    "no algorithm, in capitals": lambda issuer: issuer.unsigned().replace(
        _part({"alg": "none"})[:14], _part({"alg": "None"})[:14]
    ),
    "a symmetric algorithm with the public key": _signed_with_the_public_key,
    "an algorithm that is not listed": lambda issuer: issuer.token(key=RSAKey.import_key(RSA), header={"alg": "RS512"}),
    "another's signature under the issuer's key id": lambda issuer: issuer.token(key=FORGED),
    "an unknown key id": lambda issuer: issuer.token(key=STRANGER, header={"kid": "stranger"}),
    "a key id that is a path": lambda issuer: issuer.token(key=STRANGER, header={"kid": "../../etc/passwd"}),
    "a key it brought itself": lambda issuer: issuer.token(
        key=STRANGER, header={"kid": None, "jwk": STRANGER.as_dict(private=False)}
    ),
    "a key address it brought itself": lambda issuer: issuer.token(
        key=STRANGER, header={"kid": None, "jku": "https://evil.example/jwks"}
    ),
    "claims changed after signing": _tampered,
    "a signature cut off": lambda issuer: issuer.token().rpartition(".")[0] + ".",
    "expired": lambda issuer: issuer.token(exp=_soon(-61)),
    "no expiry": lambda issuer: issuer.token(exp=None),
    "an expiry that is a word": lambda issuer: issuer.token(exp="never"),
    "not valid yet": lambda issuer: issuer.token(nbf=_soon(300)),
    "issued in the future": lambda issuer: issuer.token(iat=_soon(300)),
    "not issued": lambda issuer: issuer.token(iat=None),
    "another issuer": lambda issuer: issuer.token(iss="https://issuer.example.evil"),
    "the issuer with a slash": lambda issuer: issuer.token(iss=ISSUER + "/"),
    "no issuer": lambda issuer: issuer.token(iss=None),
    "another audience": lambda issuer: issuer.token(aud="billing"),
    "no audience": lambda issuer: issuer.token(aud=None),
    "an identity token": lambda issuer: issuer.token(header={"typ": "JWT"}),
    "no type": lambda issuer: issuer.token(header={"typ": None}),
    "no subject": lambda issuer: issuer.token(sub=None),
    "an empty subject": lambda issuer: issuer.token(sub=""),
    "a subject with a control character": lambda issuer: issuer.token(sub="c\t1"),
    "a subject that is a number": lambda issuer: issuer.token(sub=7),
    "no role": lambda issuer: issuer.token(role=None),
    "an unknown role": lambda issuer: issuer.token(role="king"),
    "a list of roles": lambda issuer: issuer.token(role=["coordinator", "operations"]),
    "the system's own role": lambda issuer: issuer.token(role="system"),
    "facilities that are no list": lambda issuer: issuer.token(facilities="*"),
    "a facility that is no id": lambda issuer: issuer.token(facilities=["north"]),
    "a patient without a journey": lambda issuer: issuer.token(role="patient"),
    "a journey that is no id": lambda issuer: issuer.token(role="patient", journey="mine"),
}


@pytest.mark.parametrize("bad", BAD)
async def test_no_bad_token_says_anything(issuer: Issuer, gate: Gate, bad: str) -> None:
    with pytest.raises(Unauthenticated) as refused:
        await gate.admit(BAD[bad](issuer))
    assert refused.value.status == 401
    assert refused.value.headers["WWW-Authenticate"].startswith("Bearer")
    assert refused.value.reasons[0].satisfy == "Ask the issuer for a new token."
    assert refused.value.reasons[0].code in {*TOKEN_REFUSALS, "too-long", "type"}


async def test_a_clock_that_is_a_little_off_costs_nobody_their_work(issuer: Issuer, gate: Gate) -> None:
    assert (await gate.admit(issuer.token(exp=_soon(-10)))).subject == "c-1"
    assert (await gate.admit(issuer.token(nbf=_soon(10), iat=_soon(10)))).subject == "c-1"


@pytest.mark.parametrize("role", sorted(set(Role) - {Role.SYSTEM, Role.PATIENT}))
async def test_the_whole_network_is_for_those_who_watch_over_it(issuer: Issuer, gate: Gate, role: Role) -> None:
    principal = await gate.admit(issuer.token(role=role, facilities=["*"]))
    assert principal.everywhere == (role in {Role.OPERATIONS, Role.QUALITY})
    assert principal.facilities == frozenset()


async def test_a_token_may_be_narrowed_to_one_journey(issuer: Issuer, gate: Gate) -> None:
    journey = new_id()
    assert (await gate.admit(issuer.token(role="patient", journey=str(journey)))).journey == journey


async def test_a_new_key_is_known_without_a_restart_and_an_old_one_forgotten(issuer: Issuer, gate: Gate) -> None:
    await gate.admit(issuer.token())
    new = ECKey.generate_key("P-256", {"kid": "issued-2"})
    issuer.publish(new)
    os.utime(issuer.jwks, (time.time() + 5, time.time() + 5))
    assert (await gate.admit(issuer.token(key=new, header={"kid": "issued-2"}))).subject == "c-1"
    with pytest.raises(Unauthenticated):
        await gate.admit(issuer.token())


async def test_a_development_key_is_good_in_development_only(issuer: Issuer) -> None:
    key = ECKey.generate_key("P-256", {"kid": "development-1"})
    issuer.publish(issuer.key, key)
    assert await Keys(str(issuer.jwks), Profile.DEVELOPMENT).current()
    with pytest.raises(LookupError, match="development key"):
        await Keys(str(issuer.jwks), Profile.PRODUCTION).current()


async def test_keys_that_are_no_public_signing_keys_are_not_used(issuer: Issuer, gate: Gate) -> None:
    secret = OctKey.import_key("0123456789abcdef0123456789abcdef", {"kid": "oct"})
    other = ECKey.generate_key("P-256", {"kid": "for-encryption"})
    encrypting = {**other.as_dict(private=False), "use": "enc"}
    document = {"keys": [issuer.key.as_dict(private=False), secret.as_dict(), encrypting]}
    issuer.jwks.write_text(json.dumps(document))
    assert (await gate.admit(issuer.token())).subject == "c-1"
    with pytest.raises(Unauthenticated):
        await gate.admit(issuer.token(key=other, header={"kid": "for-encryption"}))


class Asked:
    """An issuer's address, and how often it was asked."""

    def __init__(self, issuer: Issuer) -> None:
        self.issuer, self.times, self.down = issuer, 0, False

    def answer(self, _: httpx2.Request) -> httpx2.Response:
        self.times += 1
        if self.down:
            raise httpx2.ConnectError("nobody there")
        return httpx2.Response(200, json=json.loads(self.issuer.jwks.read_text()))


@asynccontextmanager
async def _address(issuer: Issuer, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[Asked, Gate]]:
    asked, client = Asked(issuer), httpx2.AsyncClient

    def make(**given: Any) -> httpx2.AsyncClient:
        return client(transport=httpx2.MockTransport(asked.answer), **given)

    monkeypatch.setattr("backbone.access.httpx2.AsyncClient", make)
    yield asked, Gate(Settings(issuer=ISSUER, jwks="https://issuer.example/jwks"))


def _later(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    now = time.monotonic() + seconds
    monkeypatch.setattr("backbone.access.time.monotonic", lambda: now)


async def test_an_address_is_asked_once_and_not_again_for_every_unknown_key(
    issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with _address(issuer, monkeypatch) as (asked, gate):
        for _ in range(20):
            await gate.admit(issuer.token())
        for number in range(200):
            with pytest.raises(Unauthenticated):
                await gate.admit(issuer.token(key=STRANGER, header={"kid": f"k{number}"}))
        assert asked.times <= 2


async def test_a_key_that_is_new_at_the_address_is_found_a_minute_later(
    issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with _address(issuer, monkeypatch) as (asked, gate):
        await gate.admit(issuer.token())
        new = ECKey.generate_key("P-256", {"kid": "issued-2"})
        issuer.publish(issuer.key, new)
        _later(monkeypatch, 61)
        assert (await gate.admit(issuer.token(key=new, header={"kid": "issued-2"}))).subject == "c-1"
        assert asked.times == 2


async def test_while_the_issuer_is_away_its_keys_stay_good(issuer: Issuer, monkeypatch: pytest.MonkeyPatch) -> None:
    async with _address(issuer, monkeypatch) as (asked, gate):
        await gate.admit(issuer.token())
        asked.down = True
        _later(monkeypatch, 700)
        assert (await gate.admit(issuer.token())).subject == "c-1"


async def test_keys_that_were_never_there_make_everybody_wait_but_nobody_queue(
    issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with _address(issuer, monkeypatch) as (asked, gate):
        asked.down = True
        for _ in range(20):
            with pytest.raises(Unavailable):
                await gate.admit(issuer.token())
        assert asked.times == 1
        asked.down = False
        _later(monkeypatch, 5)
        assert (await gate.admit(issuer.token())).subject == "c-1"


def principal(role: Role = Role.COORDINATOR, *facilities: UUID, **more: Any) -> Principal:
    return Principal("s", role, frozenset(facilities), **more)


async def seen(db: Database, who: Principal) -> set[UUID]:
    """The journeys that a list shows to somebody, which must be those they may read one by one."""
    async with unit(db) as uow:
        found = await uow.session.execute(select(JOURNEY).where(visible(who, JOURNEY)))
        listed = set(found.scalars())
        for journey in (await uow.session.execute(select(JOURNEY))).scalars().all():
            try:
                await require_visible(uow, who, journey, "visit")
            except NotFound:
                assert journey not in listed
            else:
                assert journey in listed
    return listed


@pytest.fixture
async def journeys(db: Database) -> tuple[UUID, UUID, UUID]:
    """One of the north, one of north and south, and one of nobody."""
    north, both, nobody = new_id(), new_id(), new_id()
    async with unit(db) as uow:
        uow.session.add_all([Mark(journey=journey, seq=1) for journey in (north, both, nobody)])
        await admit(uow, north, [NORTH])
        await admit(uow, both, [NORTH, SOUTH])
    return north, both, nobody


NORTH, SOUTH, EAST = UUID(int=11), UUID(int=12), UUID(int=13)


async def test_a_journey_is_visible_to_the_facilities_on_it_and_to_no_other(
    db: Database, journeys: tuple[UUID, UUID, UUID]
) -> None:
    north, both, _ = journeys
    assert await seen(db, principal(Role.COORDINATOR, NORTH)) == {north, both}
    assert await seen(db, principal(Role.CLINICIAN, SOUTH)) == {both}
    assert await seen(db, principal(Role.CLINICIAN, SOUTH, NORTH)) == {north, both}
    assert await seen(db, principal(Role.COORDINATOR, EAST)) == set()
    assert await seen(db, principal(Role.COORDINATOR)) == set()


async def test_the_network_sees_every_journey_and_a_patient_their_own(
    db: Database, journeys: tuple[UUID, UUID, UUID]
) -> None:
    north, _, _ = journeys
    assert await seen(db, principal(Role.OPERATIONS, everywhere=True)) == set(journeys)
    assert await seen(db, principal(Role.PATIENT, journey=north)) == {north}
    assert await seen(db, principal(Role.PATIENT, NORTH, journey=new_id())) == set()


async def test_a_token_narrowed_to_a_journey_shows_no_other_of_the_same_facility(
    db: Database, journeys: tuple[UUID, UUID, UUID]
) -> None:
    north, _, _ = journeys
    assert await seen(db, principal(Role.HOME_NURSE, NORTH, journey=north)) == {north}


async def test_what_is_not_yours_is_told_like_what_does_not_exist(
    db: Database, journeys: tuple[UUID, UUID, UUID]
) -> None:
    async with unit(db) as uow:
        with pytest.raises(NotFound) as foreign:
            await require_visible(uow, principal(Role.COORDINATOR, EAST), journeys[0], "visit")
        with pytest.raises(NotFound) as absent:
            await require_visible(uow, principal(Role.COORDINATOR, EAST), new_id(), "visit")
    assert foreign.value.document() == absent.value.document()


async def test_a_facility_is_let_in_once_and_stays(db: Database, journeys: tuple[UUID, UUID, UUID]) -> None:
    async with unit(db) as uow:
        await admit(uow, journeys[0], [NORTH, EAST, EAST])
        await admit(uow, journeys[0], [])
        assert await facilities_on(uow, journeys[0]) == {NORTH, EAST}
        assert await facilities_on(uow, new_id()) == frozenset()


def test_a_role_that_may_not_is_told_who_may() -> None:
    require_role(principal(Role.CLINICIAN), Role.CLINICIAN, Role.COORDINATOR)
    with pytest.raises(Forbidden) as refused:
        require_role(principal(Role.PATIENT), Role.CLINICIAN, Role.COORDINATOR)
    assert refused.value.reasons[0].satisfy == "Ask somebody with the role clinician or coordinator."
