"""``flask login``: the callers, their secrets and their rights."""

import re
import secrets
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import click
from sqlalchemy import Column, Row, insert, select, update
from sqlalchemy.exc import IntegrityError

from gateway.auth import hash_password, token_digest
from gateway.cli.common import (
    Noun,
    OneLine,
    as_json,
    has_control,
    read,
    show_json,
    show_table,
    system,
)
from gateway.database import in_transaction
from gateway.models import Login, Pool, User, login_state
from gateway.normal import fold_label

NAME = OneLine(191, exact=True)
LABEL = OneLine(100)
SOURCE = OneLine(191)
LONGEST_SECRET = 1000
_NUMBER = re.compile("[0-9]{1,18}")

_login = Login.__table__

logins = Noun("login", help="The callers: add them, change their secrets, end them.")

name_argument = click.argument("name", type=NAME)
password_stdin = click.option(
    "--password-stdin",
    is_flag=True,
    help="Read the secret from standard input; by default a strong one is made and printed once.",
)


@logins.command("add")
@name_argument
@password_stdin
@click.option(
    "--kind",
    type=click.Choice(["api", "site"]),
    default="api",
    show_default=True,
    help="api: id and password. site: a token that stands alone (ai_sitecom_token).",
)
@click.option(
    "--format",
    "answer_format",
    type=click.Choice(["pairs", "json", "xml"]),
    help="How this caller is answered where its request does not say.",
)
@click.option(
    "--on-invalid",
    type=click.Choice(["keep", "refuse"]),
    help="What becomes of a bad value on an insert; by default as GATEWAY_ON_INVALID says.",
)
@click.option("--ignore-empty", is_flag=True, help="Empty values never clear a field.")
@click.option("--no-dry-run", is_flag=True, help="This caller may not try without writing.")
@click.option("--source", type=SOURCE, help="The source of new leads that come without one.")
@click.option("--pool", type=LABEL, help="The pool of new leads that come without one.")
@click.option("--owner", type=LABEL, help="The owner of new leads that come without one.")
@as_json
def add(
    name: str,
    *,
    password_stdin: bool,
    kind: str,
    answer_format: str | None,
    on_invalid: str | None,
    ignore_empty: bool,
    no_dry_run: bool,
    source: str | None,
    pool: str | None,
    owner: str | None,
    as_json: bool,
) -> None:
    """Add the caller whose ai_login_id is NAME."""
    defaults: dict[str, Any] = {}
    if source:
        defaults["source"] = source
    if pool:
        defaults["pool"] = _row_id(pool, "pool", Pool.__table__.c.pool_id)
    if owner:
        defaults["ownerID"] = _owner_id(owner)
    secret = _secret(password_stdin)
    row = {
        "name": name,
        "kind": kind,
        "format": answer_format,
        "on_invalid": on_invalid,
        "ignore_empty": ignore_empty,
        "may_dry_run": not no_dry_run,
        "defaults": defaults or None,
        "created_at": datetime.now(UTC),
        **_stored(kind, secret),
    }
    try:
        in_transaction(system().engine, lambda connection: connection.execute(insert(_login), row))
    except IntegrityError:
        raise click.ClickException(_why_not(name)) from None
    click.echo(f"Added the login {name}.", err=True)
    _hand_over(name, secret, given=password_stdin, as_json=as_json)


@logins.command("list")
@as_json
def show_all(as_json: bool) -> None:
    """List every login, never its secret."""
    rows = [_shown(row) for row in read(select(_login).order_by(_login.c.name))]
    if as_json:
        show_json(rows)
        return
    columns = ("login", "kind", "state", "format", "on_invalid", "created_at")
    show_table(columns, [[row[column] for column in columns] for row in rows])


@logins.command("show")
@name_argument
@as_json
def show(name: str, as_json: bool) -> None:
    """Show what a login may do and what its new leads get, never its secret."""
    row = _shown(_find(name))
    if as_json:
        show_json(row)
        return
    named = {f"default {key}": value for key, value in row.pop("defaults").items()}
    show_table(("field", "value"), (row | named).items())


@logins.command("rotate")
@name_argument
@password_stdin
@as_json
def rotate(name: str, password_stdin: bool, as_json: bool) -> None:
    """Give a login a new secret; the old one ends within a moment."""
    row = _find(name)
    if row.retired_at:
        raise click.ClickException(_RETIRED.format(name))
    secret = _secret(password_stdin)
    try:
        _update(name, _stored(row.kind, secret))
    except IntegrityError:
        raise click.ClickException(_SECRET_TAKEN) from None
    click.echo(f"The login {name} has a new secret.", err=True)
    _hand_over(name, secret, given=password_stdin, as_json=as_json)


@logins.command("retire")
@name_argument
def retire(name: str) -> None:
    """End a login for ever; its name stays taken."""
    row = _find(name)
    _update(name, {"retired_at": row.retired_at or datetime.now(UTC)})
    click.echo(f"The login {name} is retired.", err=True)


@logins.command("disable")
@name_argument
def disable(name: str) -> None:
    """Refuse a login until it is enabled again, from a moment later on."""
    row = _find(name)
    _update(name, {"disabled_at": row.disabled_at or datetime.now(UTC)})
    click.echo(f"The login {name} is disabled.", err=True)


@logins.command("enable")
@name_argument
def enable(name: str) -> None:
    """Let a disabled login in again."""
    if _find(name).retired_at:
        raise click.ClickException(_RETIRED.format(name))
    _update(name, {"disabled_at": None})
    click.echo(f"The login {name} is enabled.", err=True)


_RETIRED = "The login {} is retired for ever; add another one."
_SECRET_TAKEN = "This token belongs to another login; choose another one."  # noqa: S105


def _secret(from_stdin: bool) -> str:
    """Return a new secret, or the one on standard input, trimmed as a post's would be."""
    if not from_stdin:
        return secrets.token_urlsafe(32)
    try:
        secret = sys.stdin.buffer.read().decode().strip()
    except UnicodeDecodeError:
        raise click.ClickException("The secret on standard input is not UTF-8 text.") from None
    if not secret:
        raise click.ClickException("There is no secret on standard input.")
    if len(secret) > LONGEST_SECRET:
        raise click.ClickException(f"A secret has at most {LONGEST_SECRET} characters.")
    if has_control(secret):
        raise click.ClickException("A secret is one line, without control characters.")
    return secret


def _stored(kind: str, secret: str) -> dict[str, str]:
    """Return the columns that are stored of a secret."""
    if kind == "site":
        return {"token_digest": token_digest(secret)}
    return {"password_hash": hash_password(secret)}


def _hand_over(name: str, secret: str, *, given: bool, as_json: bool) -> None:
    """Print a secret that was made here, the one time that it is known; not one that was given.

    It stands alone on standard output, so that ``SECRET=$(flask login add …)`` works.
    """
    if as_json:
        show_json({"login": name, "secret": None if given else secret})
    elif not given:
        click.echo(secret)


def _find(name: str) -> Row[Any]:
    for row in read(select(_login).where(_login.c.name == name)):
        return row
    raise click.ClickException(f"There is no login {name}; flask login list shows all.")


def _update(name: str, values: Mapping[str, Any]) -> None:
    statement = update(_login).where(_login.c.name == name).values(**values)
    in_transaction(system().engine, lambda connection: connection.execute(statement))


def _why_not(name: str) -> str:
    rows = read(select(_login).where(_login.c.name == name))
    if not rows:
        return _SECRET_TAKEN
    state = login_state(rows[0].disabled_at, rows[0].retired_at)
    return f"There is already a login {name} ({state}); change its secret with rotate."


def _row_id(label: str, called: str, key: Column[int]) -> int:
    rows = read(select(key).where(key.table.c.folded == fold_label(label)))
    if not rows:
        raise click.ClickException(f"There is no {called} {label}; add it first.")
    found: int = rows[0][0]
    return found


def _owner_id(owner: str) -> int:
    """Return the id of the user; as in a post, a number is an id first and a name second."""
    key = User.__table__.c.user_id
    if _NUMBER.fullmatch(owner) and read(select(key).where(key == int(owner))):
        return int(owner)
    return _row_id(owner, "user", key)


def _shown(row: Row[Any]) -> dict[str, Any]:
    return {
        "login": row.name,
        "kind": row.kind,
        "state": login_state(row.disabled_at, row.retired_at),
        "format": row.format,
        "on_invalid": row.on_invalid,
        "ignore_empty": row.ignore_empty,
        "may_dry_run": row.may_dry_run,
        "defaults": row.defaults or {},
        "created_at": row.created_at,
    }
