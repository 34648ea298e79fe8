"""Settings come from the environment alone, and whatever is missing or wrong is named."""

from __future__ import annotations

import os

import pytest
from pydantic import ValidationError

from backbone.migrate import SERVICES
from backbone.settings import Settings
from reliefpath.vocabulary import Profile


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("RELIEFPATH_"):
            monkeypatch.delenv(name)


def test_without_a_word_an_installation_is_strict() -> None:
    assert Settings().profile is Profile.PRODUCTION


def test_every_setting_is_a_variable_of_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RELIEFPATH_KAFKA", "one:9092,two:9092")
    monkeypatch.setenv("RELIEFPATH_HTTP_PORT", "7401")
    monkeypatch.setenv("RELIEFPATH_WATCHDOG", "2.5")
    settings = Settings()
    assert (settings.kafka, settings.http_port, settings.watchdog) == ("one:9092,two:9092", 7401, 2.5)


def test_every_setting_says_what_it_is_for() -> None:
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []


def test_a_setting_cannot_be_changed_while_a_process_runs() -> None:
    with pytest.raises(ValidationError):
        Settings().kafka = "elsewhere"  # type: ignore[misc]  # that is the point


@pytest.mark.parametrize("service", SERVICES)
def test_every_service_has_a_database_and_an_address(monkeypatch: pytest.MonkeyPatch, service: str) -> None:
    monkeypatch.setenv(f"RELIEFPATH_DATABASE_{service.upper()}", "postgresql://there/it")
    monkeypatch.setenv(f"RELIEFPATH_URL_{service.upper()}", "http://there:7400/")
    assert Settings().database_of(service) == "postgresql://there/it"
    assert Settings().url_of(service) == "http://there:7400"


def test_what_is_not_set_is_named_as_its_variable() -> None:
    with pytest.raises(LookupError, match=r"^RELIEFPATH_DATABASE_REFERRAL is not set$"):
        Settings().database_of("referral")
    with pytest.raises(LookupError, match=r"^RELIEFPATH_URL_FOLLOWUP is not set$"):
        Settings().url_of("followup")
    with pytest.raises(LookupError, match=r"^RELIEFPATH_JWKS is not set$"):
        Settings(issuer="https://issuer").require("issuer", "jwks")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("profile", "staging"), ("http_port", "70000"), ("http_port", "many"), ("topic_replicas", "0"),
        ("kafka_timeout", "0"), ("handler_tries", "0"), ("body_limit", "10"), ("database_connections", "1"),
    ],
)  # fmt: skip
def test_a_value_that_cannot_be_meant_is_refused(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"RELIEFPATH_{name.upper()}", value)
    with pytest.raises(ValidationError) as refused:
        Settings()
    assert [error["loc"] for error in refused.value.errors()] == [(name,)]


def test_in_production_keys_do_not_come_over_an_open_line() -> None:
    with pytest.raises(ValidationError, match="https address"):
        Settings(jwks="http://issuer/jwks")
    assert Settings(jwks="https://issuer/jwks").jwks
    assert Settings(jwks="/etc/jwks.json").jwks
    assert Settings(jwks="http://issuer/jwks", profile=Profile.DEVELOPMENT).jwks


def test_a_variable_that_is_none_of_ours_is_none_of_our_business(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RELIEFPATH_DATA", "/var/lib/stack")
    Settings()


def test_an_api_that_could_not_hold_a_single_body_does_not_start() -> None:
    with pytest.raises(ValidationError, match="RELIEFPATH_BODIES_AT_ONCE is less than one body may have"):
        Settings(bodies_at_once=1_048_576)
