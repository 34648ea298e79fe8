"""The development key and its tokens."""

from __future__ import annotations

import json
import stat
import time
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from reliefpath.vocabulary import Role
from stack.keys import AUDIENCE, ISSUER, WHOLE_NETWORK, Keys, main, token


def read(keys: Keys, signed: str) -> jwt.Token:
    return jwt.decode(signed, KeySet.import_key_set(json.loads(keys.jwks.read_text())), algorithms=["ES256"])


def test_a_token_is_verified_by_the_published_half_and_says_who_asks(tmp_path: Path) -> None:
    keys, facility, journey = Keys(tmp_path / "keys"), uuid4(), uuid4()
    signed = keys.token(Role.PATIENT, "patient-7", [facility], timedelta(minutes=5), journey)
    told = read(keys, signed)
    assert told.header["typ"] == "at+jwt"
    assert told.claims["iss"] == ISSUER
    assert told.claims["aud"] == AUDIENCE
    assert told.claims["sub"] == "patient-7"
    assert told.claims["role"] == "patient"
    assert told.claims["facilities"] == [str(facility)]
    assert told.claims["journey"] == str(journey)
    assert told.claims["exp"] - told.claims["iat"] == 300
    assert abs(told.claims["iat"] - time.time()) < 5


def test_a_token_without_a_journey_has_no_such_claim(tmp_path: Path) -> None:
    keys = Keys(tmp_path)
    assert "journey" not in read(keys, keys.token("operations", "night-shift", [WHOLE_NETWORK])).claims


def test_the_key_is_recognisable_as_a_development_key(tmp_path: Path) -> None:
    keys = Keys(tmp_path)
    assert str(read(keys, keys.token("coordinator", "c", [])).header["kid"]).startswith("development-")


def test_the_private_half_is_readable_by_its_owner_only_and_not_published(tmp_path: Path) -> None:
    keys = Keys(tmp_path)
    keys.ensure()
    assert stat.S_IMODE((tmp_path / "signing.json").stat().st_mode) == 0o600
    assert "d" not in json.loads(keys.jwks.read_text())["keys"][0]


def test_a_second_start_signs_with_the_same_key(tmp_path: Path) -> None:
    first = Keys(tmp_path)
    signed = first.token("clinician", "c", [])
    Keys(tmp_path).ensure()
    assert read(Keys(tmp_path), signed).claims["role"] == "clinician"


def test_two_data_folders_have_different_keys(tmp_path: Path) -> None:
    one, other = Keys(tmp_path / "one"), Keys(tmp_path / "other")
    one.ensure()
    other.ensure()
    assert one.jwks.read_text() != other.jwks.read_text()


def test_a_role_that_nobody_knows_gets_no_token(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="surgeon"):
        Keys(tmp_path).token("surgeon", "s", [])


def test_a_client_of_the_stack_signs_with_the_key_it_was_told_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RELIEFPATH_KEYS", str(tmp_path))
    monkeypatch.setenv("RELIEFPATH_ISSUER", "https://issuer.example")
    assert read(Keys(tmp_path), token("scheduler", "s", [])).claims["iss"] == "https://issuer.example"


def test_a_client_that_was_told_of_no_key_learns_what_to_set() -> None:
    with pytest.raises(LookupError, match="RELIEFPATH_KEYS is not set"):
        Keys.of({})


def test_the_public_half_alone_is_put_where_services_read_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    environ = {"RELIEFPATH_PROFILE": "development", "RELIEFPATH_KEYS": str(tmp_path / "keys")}
    published = tmp_path / "jwks.json"
    assert main([str(published)], environ) == 0
    assert "development key" in capsys.readouterr().out
    first = published.read_text()
    assert "d" not in json.loads(first)["keys"][0]
    assert stat.S_IMODE(published.stat().st_mode) == 0o644
    assert main([str(published)], environ) == 0
    assert published.read_text() == first


@pytest.mark.parametrize("profile", ["production", ""])
def test_a_production_profile_gets_no_development_key(
    profile: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    environ = {"RELIEFPATH_PROFILE": profile, "RELIEFPATH_KEYS": str(tmp_path / "keys")}
    assert main([str(tmp_path / "jwks.json")], environ) == 1
    assert "RELIEFPATH_JWKS" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
    assert main([str(tmp_path / "jwks.json")], {**environ, "RELIEFPATH_JWKS": "https://issuer/jwks"}) == 0
    assert list(tmp_path.iterdir()) == []


def test_a_key_that_cannot_be_made_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "keys").write_text("a file")
    environ = {"RELIEFPATH_PROFILE": "development", "RELIEFPATH_KEYS": str(tmp_path / "keys")}
    assert main([str(tmp_path / "jwks.json")], environ) == 1
    assert "could not be made" in capsys.readouterr().err
