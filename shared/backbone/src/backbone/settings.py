"""Every setting of a Reliefpath process, read once from the environment, or from the files that it names."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from reliefpath.vocabulary import Profile

DEVELOPMENT_KEY_PREFIX = "development-"
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")


class Settings(BaseSettings):
    """The settings of one process. Frozen; each field is the variable RELIEFPATH_<FIELD> of the environment."""

    model_config = SettingsConfigDict(env_prefix="RELIEFPATH_", frozen=True, extra="ignore")

    profile: Profile = Field(Profile.PRODUCTION, description="`development` or `production`; production is strict.")
    instance: str = Field(
        "",
        description="Name of this process among its replicas, for example `referral-worker-1`: a worker that starts "
        "again takes its partitions up again. Leave it out where replicas would share it: of one name only one works.",
    )
    kafka: str = Field("", description="Kafka bootstrap servers, `host:port[,host:port…]`.")
    topic_replicas: int = Field(1, ge=1, description="Replication factor of topics that are created.")
    topic_partitions: int = Field(6, ge=1, description="Partitions of topics that are created.")
    database_referral: str = Field("", description="PostgreSQL address of the referral service.")
    database_scheduling: str = Field("", description="PostgreSQL address of the scheduling service.")
    database_followup: str = Field("", description="PostgreSQL address of the follow-up service.")
    database_operations: str = Field("", description="PostgreSQL address of the operations service.")
    database_connections: int = Field(10, ge=2, description="Most connections one process opens to its database.")
    issuer: str = Field("", description="The exact `iss` a token must carry.")
    audience: str = Field("reliefpath", description="The exact `aud` a token must carry.")
    jwks: str = Field("", description="Where the issuer's public keys are: a file path or an https address.")
    http_host: str = Field("127.0.0.1", description="Address this process listens on.")
    http_port: int = Field(0, ge=0, le=65535, description="Port this process listens on.")
    url_referral: str = Field("", description="Where the referral API answers.")
    url_scheduling: str = Field("", description="Where the scheduling API answers.")
    url_followup: str = Field("", description="Where the follow-up API answers.")
    url_operations: str = Field("", description="Where the operations API answers.")
    body_limit: int = Field(1_048_576, ge=1024, description="Largest request body in bytes, after decompression.")
    intake_limit: int = Field(16_777_216, ge=1024, description="Largest FHIR bundle in bytes, after decompression.")
    bodies_at_once: int = Field(67_108_864, ge=1024, description="Bytes of bodies an API holds at once; then 503.")
    requests_at_once: int = Field(200, ge=1, description="Requests an API works on or lets wait at once; then 503.")
    client_timeout: float = Field(
        30.0, gt=0, description="Seconds a client may take for a request's headers, its body, and its next request."
    )
    answer_timeout: float = Field(60.0, gt=0, description="Seconds in which a request is answered, or given up: 503.")
    kafka_timeout: float = Field(10.0, gt=0, description="Seconds any one call to Kafka may take.")
    statement_timeout: float = Field(15.0, gt=0, description="Seconds any one statement may take in PostgreSQL.")
    handler_tries: int = Field(5, ge=1, description="Tries of a failing reaction or deadline before it is parked.")
    outbox_days: int = Field(
        90, ge=0, description="Days that sent events stay in the outbox, and so in the feed; 0: for ever."
    )
    watchdog: float = Field(30.0, gt=0, description="Seconds a consumer or relay may stand still while things wait.")
    log_level: str = Field("INFO", description="Least severe log line that is written.")

    @field_validator("issuer", "url_referral", "url_scheduling", "url_followup", "url_operations")
    @classmethod
    def _without_trailing_slash(cls, value: str) -> str:
        return value.rstrip("/")

    @field_validator("database_referral", "database_scheduling", "database_followup", "database_operations")
    @classmethod
    def _is_an_address(cls, value: str) -> str:
        if value and not value.startswith(("postgresql://", "postgres://")):
            raise ValueError("it is no PostgreSQL address, postgresql://role:password@host:port/database")
        return value

    @field_validator("log_level")
    @classmethod
    def _is_a_level(cls, value: str) -> str:
        if value.upper() not in LEVELS:
            raise ValueError("it is none of " + ", ".join(LEVELS))
        return value.upper()

    @model_validator(mode="after")
    def _production_is_strict(self) -> Self:
        if (
            self.profile is Profile.PRODUCTION
            and self.jwks
            and "://" in self.jwks
            and not self.jwks.startswith("https://")
        ):
            raise ValueError("in production RELIEFPATH_JWKS must be a file or an https address")
        return self

    @model_validator(mode="after")
    def _one_body_may_be_held(self) -> Self:
        if self.bodies_at_once < max(self.body_limit, self.intake_limit):
            raise ValueError("RELIEFPATH_BODIES_AT_ONCE is less than one body may have")
        return self

    def database_of(self, service: str) -> str:
        """The database address of a service. Raises LookupError naming the variable when it is not set."""
        return self._required(f"database_{service}")

    def require(self, *names: str) -> None:
        """Raise LookupError unless each of these settings has a value."""
        for name in names:
            self._required(name)

    def _required(self, name: str) -> str:
        value = str(getattr(self, name, "") or "")
        if not value:
            raise LookupError(f"RELIEFPATH_{name.upper()} is not set")
        return value


def read_settings() -> Settings:
    """The settings of this process. Raises LookupError, which names whatever is wrong and quotes nothing."""
    try:
        return Settings(**from_files(os.environ))  # type: ignore[arg-type]  # text, as in the environment: it is parsed
    except ValidationError as wrong:
        found = [("_".join(map(str, one["loc"])).upper(), one["msg"]) for one in wrong.errors()]
        told = [f"RELIEFPATH_{name}: {message}" if name else message for name, message in found]
        raise LookupError("; ".join(told).replace("Value error, ", "")) from None


def from_files(environ: Mapping[str, str]) -> dict[str, str]:
    """What stands in the files that RELIEFPATH_<FIELD>_FILE names, by field: secrets stay out of the environment.

    Raises LookupError when a file is empty or cannot be read, or when the setting is also given itself.
    """
    found = {}
    for field in Settings.model_fields:
        name = f"RELIEFPATH_{field.upper()}"
        path = environ.get(f"{name}_FILE")
        if not path:
            continue
        if environ.get(name):
            raise LookupError(f"{name} and {name}_FILE are both set: leave one out")
        try:
            found[field] = Path(path).read_text().strip()
        except (OSError, UnicodeDecodeError) as error:
            raise LookupError(f"{name}_FILE names a file that cannot be read ({type(error).__name__})") from None
        if not found[field]:
            raise LookupError(f"{name}_FILE names an empty file")
    return found
