"""The development signing key, its public half for the services, and the tokens it signs.

A production profile refuses every token of this key, by its id.

python -m stack.keys JWKS    make the key in RELIEFPATH_KEYS and put its public half into this file, for services that
                             must not see the key itself; in a development profile without its own provider only
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final
from uuid import UUID

from joserfc import jwt
from joserfc.jwk import ECKey

from reliefpath.vocabulary import Role
from stack.folder import replace

ISSUER: Final = "https://development.reliefpath.invalid"
AUDIENCE: Final = "reliefpath"
KEY_PREFIX: Final = "development-"
WHOLE_NETWORK: Final = "*"
PRINTED_LIFETIME: Final = timedelta(hours=12)
"""How long a token lives that is printed for a person."""


@dataclass(frozen=True)
class Keys:
    """One signing key (ES256) in a folder of its own, made when first asked for."""

    folder: Path
    issuer: str = ISSUER
    audience: str = AUDIENCE

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> Keys:
        """The key that a stack's clients are told of, in RELIEFPATH_KEYS. Raises LookupError when it is not set."""
        folder = environ.get("RELIEFPATH_KEYS")
        if not folder:
            raise LookupError("RELIEFPATH_KEYS is not set: it names the folder of the stack's development key")
        issuer, audience = environ.get("RELIEFPATH_ISSUER"), environ.get("RELIEFPATH_AUDIENCE")
        return cls(Path(folder), issuer or ISSUER, audience or AUDIENCE)

    @property
    def jwks(self) -> Path:
        """The public key set, as the services read it (RELIEFPATH_JWKS)."""
        return self.folder / "jwks.json"

    def ensure(self) -> None:
        """Make the key and its public half unless they are there."""
        if self._private.exists() and self.jwks.exists():
            return
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        key = ECKey.generate_key("P-256")
        marks = {"kid": KEY_PREFIX + key.thumbprint()[:16], "alg": "ES256", "use": "sig"}
        replace(self._private, json.dumps({**key.as_dict(private=True), **marks}), mode=0o600)
        replace(self.jwks, json.dumps({"keys": [{**key.as_dict(private=False), **marks}]}, indent=1))

    def token(
        self,
        role: Role | str,
        subject: str,
        facilities: Iterable[UUID | str],
        lifetime: timedelta = timedelta(hours=1),
        journey: UUID | str | None = None,
    ) -> str:
        """A signed bearer token (RFC 9068 `at+jwt`).

        `facilities` are ids, or WHOLE_NETWORK for roles that see all; `journey` narrows a patient's token to one path.
        """
        self.ensure()
        key = ECKey.import_key(json.loads(self._private.read_text()))
        now = int(time.time())
        claims: dict[str, object] = {
            "iss": self.issuer,
            "aud": self.audience,
            "iat": now,
            "exp": now + int(lifetime.total_seconds()),
            "sub": subject,
            "role": Role(role).value,
            "facilities": [str(facility) for facility in facilities],
        }
        if journey is not None:
            claims["journey"] = str(journey)
        return jwt.encode({"alg": "ES256", "kid": key.kid, "typ": "at+jwt"}, claims, key)

    @property
    def _private(self) -> Path:
        return self.folder / "signing.json"


def token(
    role: Role | str,
    subject: str,
    facilities: Iterable[UUID | str],
    lifetime: timedelta = timedelta(hours=1),
    journey: UUID | str | None = None,
) -> str:
    """A token of the stack that this process is a client of (RELIEFPATH_KEYS, as `stack demo` sets it)."""
    return Keys.of(os.environ).token(role, subject, facilities, lifetime, journey)


def main(arguments: Sequence[str] | None = None, environ: Mapping[str, str] = os.environ) -> int:
    """Make the key unless tokens come from elsewhere, and say which it is; 1 in a production profile without either."""
    (target,) = sys.argv[1:] if arguments is None else arguments
    if environ.get("RELIEFPATH_JWKS"):
        print("No key is made: tokens come from your own identity provider (RELIEFPATH_JWKS).")
        return 0
    if environ.get("RELIEFPATH_PROFILE") != "development":
        print(
            "A production profile takes no development key: set RELIEFPATH_ISSUER and RELIEFPATH_JWKS to your identity "
            "provider's.",
            file=sys.stderr,
        )
        return 1
    try:
        keys = Keys.of(environ)
        keys.ensure()
        replace(Path(target), keys.jwks.read_text(), mode=0o644)
    except (LookupError, OSError) as wrong:
        print(f"The development key could not be made: {wrong}", file=sys.stderr)
        return 1
    print("A development key signs tokens here: for synthetic patients only, and a production profile refuses it.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
