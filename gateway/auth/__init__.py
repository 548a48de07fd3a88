"""Who is calling: logins with a password, site tokens, HTTP Basic and Bearer."""

import base64
import binascii
import hashlib
import hmac
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from sqlalchemy import Engine, bindparam, select
from werkzeug.security import generate_password_hash

from gateway.auth.passwords import Passwords, as_bytes, plain
from gateway.auth.snapshot import Snapshot
from gateway.contract import SECRETS, Caller, Credentials, System
from gateway.database import look_up
from gateway.errors import AuthenticationFailed
from gateway.models import Login
from gateway.normal import clean, has_lone_surrogate, storable

__all__ = [
    "ANONYMOUS",
    "Logins",
    "Passwords",
    "Snapshot",
    "ended",
    "hash_password",
    "identify",
    "identify_offline",
    "known",
    "token_digest",
]

ANONYMOUS = Caller(name="anonymous", may_dry_run=True)
"""The caller of a post without a login, where ``GATEWAY_ALLOW_ANONYMOUS`` is on."""

FRESH_SECONDS = 1.0
"""For how long a row of a login is used without reading it again."""

METHOD = "scrypt:16384:8:1"
"""How passwords are hashed; the kit for tests has a cheap way."""

# Compared for a login that does not exist, so that its refusal takes as long as any other. No
# password has this hash; to make that of one would be a twentieth of what every start takes.
_NOBODY = f"{METHOD}$nobody${64 * '00'}"

_login = Login.__table__
_by_name = select(_login).where(_login.c.name == bindparam("name"))
_by_token = select(_login).where(_login.c.token_digest == bindparam("digest"))


def hash_password(password: str) -> str:
    """Return what is stored of a password; white space at its ends does not count."""
    return generate_password_hash(plain(password.strip()), METHOD)


def token_digest(token: str) -> str:
    """Return what is stored of a site token and found by it; white space at its ends is no part."""
    return hashlib.sha256(as_bytes(token.strip())).hexdigest()


def identify(credentials: Credentials, system: System) -> Caller:
    """Return the caller that ``credentials`` prove.

    Every credential that was sent must be right: those of the header and of the body must not
    differ, and a site token beside a password must be good as well; the login of the password is
    then the caller. Raises AuthenticationFailed, with one text for every cause.
    """
    try:
        return _identify(credentials, system, _reader(system, fresh=False))
    except AuthenticationFailed:
        # A login that was enabled or got another password works at once: nobody is refused by a
        # row that was read earlier.
        return _identify(credentials, system, _reader(system, fresh=True))


def identify_offline(credentials: Credentials, system: System) -> Caller | None:
    """Return the caller by the logins that this process last saw, without the database.

    ``None`` where it has never seen them and so cannot tell. Raises AuthenticationFailed.
    """
    if not system.snapshot.is_taken and any(_gathered(credentials)):
        return None
    return _identify(credentials, system, lambda key: _whose(system.snapshot.get(key)))


def _reader(system: System, *, fresh: bool) -> Callable[[tuple[str, str]], "_Whose | None"]:
    """Return the function that gives a login by its name or its token's digest."""

    def read(key: tuple[str, str]) -> _Whose | None:
        kind, value = key
        statement = _by_token if kind == "token" else _by_name
        parameter = "digest" if kind == "token" else "name"
        return system.logins.get(
            key, lambda: _whose(_row(system.engine, statement, **{parameter: value})), fresh=fresh
        )

    return read


class _Whose(NamedTuple):
    """What proves a login, whether it has ended, and the caller that it makes."""

    password_hash: str | None
    has_ended: bool
    caller: Caller


def _identify(
    credentials: Credentials,
    system: System,
    row_of: Callable[[tuple[str, str]], _Whose | None],
) -> Caller:
    named, password, token = _gathered(credentials)
    allow_anonymous = system.settings.GATEWAY_ALLOW_ANONYMOUS
    if not (named or password or token):
        if allow_anonymous and not (credentials.token or credentials.form_key):
            return ANONYMOUS
        raise AuthenticationFailed
    # User tokens and form keys are not made yet, so none can be right.
    wrong = bool(credentials.token.strip() or credentials.form_key.strip())
    found = None
    if token:
        found = row_of(("token", token_digest(token)))
        wrong = wrong or found is None or found.caller.kind != "site"
    if named or password:
        found = None
        if _is_storable(named):
            found = row_of(("name", named))
        if found is None and allow_anonymous and not wrong:
            return ANONYMOUS
        stored = found.password_hash if found is not None else None
        right = system.passwords.matches(named, stored or _NOBODY, password)
        wrong = wrong or stored is None or not right
    if wrong or found is None or found.has_ended:
        raise AuthenticationFailed
    return found.caller


def known(name: str, system: System) -> Caller | None:
    """Return the login ``name`` as a caller, without any proof: for a person who tries a post."""
    row = _row(system.engine, _by_name, name=name) if _is_storable(name) else None
    return None if row is None else _caller(row)


def ended(name: str, system: System) -> str:
    """Return how the login ``name`` ended, disabled or retired; empty text where it did not."""
    row = _row(system.engine, _by_name, name=name) if _is_storable(name) else None
    if row is None:
        return ""
    return "retired" if row.retired_at else "disabled" if row.disabled_at else ""


class Logins:
    """The rows of logins that have called, each read again when it is older than a moment.

    A login that is disabled stops within ``FRESH_SECONDS`` on every node.
    """

    def __init__(self) -> None:
        self._rows: dict[tuple[str, str], tuple[float, Any]] = {}
        self._being_read: set[tuple[str, str]] = set()

    def get(self, key: tuple[str, str], read: Callable[[], Any], *, fresh: bool) -> Any:
        """Return the row under ``key``, from ``read`` where it is too old or ``fresh`` is asked."""
        now = time.monotonic()
        read_at, row = self._rows.get(key, (-FRESH_SECONDS, None))
        age = now - read_at
        # One thread reads it again early, or every thread would have to at the same moment.
        may_wait = age < FRESH_SECONDS / 2 or key in self._being_read
        if not fresh and age < FRESH_SECONDS and may_wait:
            return row
        self._being_read.add(key)
        try:
            row = read()
        finally:
            self._being_read.discard(key)
        if row is None:
            self._rows.pop(key, None)
        else:
            self._rows[key] = (now, row)
        return row


def claimed(credentials: Credentials) -> str:
    """Return the login id that was sent, right or not; empty where it may be a secret, or none."""
    try:
        named, password, _ = _gathered(credentials)
    except AuthenticationFailed:
        named, password = credentials.login_id, credentials.password
    # A name alone in the header is how programs send a token.
    is_token = not password and named != credentials.login_id.strip()
    if is_token or any(each in named.lower() for each in SECRETS):
        return ""
    return storable(clean(named[:191]))[:191]


def _gathered(credentials: Credentials) -> tuple[str, str, str]:
    """Return login id, password and site token from the body and the Authorization header."""
    named, password = credentials.login_id.strip(), credentials.password.strip()
    token = credentials.site_token.strip()
    if not credentials.authorization:
        return named, password, token
    scheme, _, value = credentials.authorization.strip().partition(" ")
    if not value.strip():
        return named, password, token
    if scheme.lower() == "basic":
        pair = _basic(value)
        if (named or password) and not _same(pair, (named, password)):
            raise AuthenticationFailed
        return *pair, token
    if scheme.lower() == "bearer":
        if token and not _same((value.strip(),), (token,)):
            raise AuthenticationFailed
        return named, password, value.strip()
    return named, password, token


def _basic(value: str) -> tuple[str, str]:
    try:
        raw = base64.b64decode(value.strip(), validate=True)
    except (binascii.Error, ValueError):
        raise AuthenticationFailed from None
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        text = raw.decode("latin-1")
    named, _, password = text.partition(":")
    return named.strip(), password.strip()


def _same(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    return hmac.compare_digest(as_bytes("\0".join(one)), as_bytes("\0".join(other)))


def _is_storable(name: str) -> bool:
    """Whether a login can have this name at all; drivers fail on what it rules out."""
    return 0 < len(name) <= 191 and "\0" not in name and not has_lone_surrogate(name)


def _row(engine: Engine, statement: Any, **values: str) -> Any:
    return look_up(engine, lambda connection: connection.execute(statement, values).one_or_none())


def _whose(row: Any) -> _Whose | None:
    if row is None:
        return None
    return _Whose(row.password_hash, bool(row.disabled_at or row.retired_at), _caller(row))


def _caller(row: Any) -> Caller:
    return Caller(
        name=row.name,
        kind=row.kind,
        login_id=row.login_id,
        format=row.format or "",
        on_invalid=row.on_invalid or "",
        ignore_empty=row.ignore_empty,
        may_dry_run=row.may_dry_run,
        defaults=row.defaults or {},
    )
