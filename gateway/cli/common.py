"""What the nouns share: the running system, the shape of a noun, and how data is shown."""

import json
import sys
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, cast

import click
from flask import current_app
from flask.cli import AppGroup
from rich import box
from rich.console import Console
from rich.table import Table
from sqlalchemy import Select
from sqlalchemy.exc import DBAPIError, OperationalError

from gateway.contract import System
from gateway.database import reading
from gateway.normal import clean, has_lone_surrogate

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")

PIPE_WIDTH = 10_000
"""Columns of a table that no person looks at: nothing is cut, one row stays one line."""

NO_SUCH_TABLE = frozenset({"42P01", "42703", "42S02", "42S22"})
"""SQL states of PostgreSQL and MariaDB for a missing table or column; SQLite has words."""

_NO_SUCH_TABLE_NUMBERS = frozenset({1054, 1146})
"""The same as numbers of MariaDB's: mysqlclient gives no state."""

_TURNS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Characters that turn round how the text behind them is shown."""


class Noun(AppGroup):
    """A group of commands about one kind of thing; trouble with the database is one sentence."""

    def invoke(self, ctx: click.Context) -> Any:
        with failing_in_one_sentence():
            return super().invoke(ctx)


@contextmanager
def failing_in_one_sentence(
    failure: type[click.ClickException] = click.ClickException,
) -> Iterator[None]:
    """Say in one sentence that the database is away or has no tables; end as ``failure`` does."""
    try:
        yield
    except DBAPIError as error:
        if _no_such_table(error):
            why = "The database has no tables, or those of an older version: run flask db upgrade."
        elif isinstance(error, OperationalError):
            first_line = str(error.orig).strip().partition("\n")[0]
            why = f"The database does not answer: {first_line}"
        else:
            raise
        raise failure(why) from None


class Unknown(click.ClickException):
    """What the exit status of a command tells could not be found out, so it is none of these."""

    exit_code = 2


def _no_such_table(error: DBAPIError) -> bool:
    state = getattr(error.orig, "sqlstate", None)
    number = next(iter(getattr(error.orig, "args", ())), None)
    return (
        state in NO_SUCH_TABLE
        or number in _NO_SUCH_TABLE_NUMBERS
        or str(error.orig).startswith("no such ")
    )


class OneLine(click.ParamType[str]):
    """A text of one line, not empty, not longer than ``most``; cleaned as a post's values are.

    With ``exact`` it is only trimmed: so it is with what is compared byte for byte, such as the id
    of a login.
    """

    name = "text"

    def __init__(self, most: int, *, exact: bool = False) -> None:
        self.most = most
        self.exact = exact

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        text: str = value.strip() if self.exact else clean(value)
        if not text:
            self.fail("must not be empty", param, ctx)
        if has_lone_surrogate(text):
            self.fail("not UTF-8 text", param, ctx)
        if has_control(text):
            self.fail("must not hold control characters", param, ctx)
        if len(text) > self.most:
            self.fail(f"longer than {self.most} characters", param, ctx)
        return text


def has_control(text: str) -> bool:
    """Return whether ``text`` holds a line end or another control character."""
    return any(unicodedata.category(character) == "Cc" for character in text)


def system() -> System:
    """Return the system that the command runs in."""
    return cast(System, current_app.extensions["gateway"])


def read(statement: Select[Any]) -> Sequence[Any]:
    """Return every row of ``statement``."""
    with reading(system().engine) as connection:
        return connection.execute(statement).all()


def show_json(value: Any) -> None:
    """Print ``value`` as JSON; times are in ISO form."""
    text = json.dumps(value, ensure_ascii=False, indent=2, default=datetime.isoformat)
    # JSON escapes the controls up to the space; some terminals obey those behind them, too.
    click.echo(visible(text, kept="\n"))


def show_table(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Print rows as a table: fitted to a terminal, uncut in a pipe; ``None`` is an empty cell."""
    table = Table(*columns, box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for row in rows:
        table.add_row(*(_cell(value) for value in row))
    width = None if sys.stdout.isatty() else PIPE_WIDTH
    Console(width=width, markup=False, emoji=False, highlight=False).print(table)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}"
    return visible(str(value), kept="\n\t")


def visible(text: str, *, kept: str = "") -> str:
    """Return ``text`` with what steers a terminal written out, as JSON writes it.

    Bodies and names reach us from anybody, and a post must not do anything to who looks at it.
    """
    return "".join(
        f"\\u{ord(each):04x}" if _steers(each) and each not in kept else each for each in text
    )


def _steers(character: str) -> bool:
    return character in _TURNS or unicodedata.category(character) == "Cc"
