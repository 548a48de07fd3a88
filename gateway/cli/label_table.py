"""The nouns whose rows are an id and a label: users, pools, statuses, custom statuses."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import click
from marshmallow import ValidationError
from sqlalchemy import Column, Connection, cast, func, insert, or_, select, text
from sqlalchemy.dialects.postgresql import REGCLASS
from sqlalchemy.exc import IntegrityError

from gateway.cli.common import Noun, OneLine, as_json, read, show_json, show_table, system
from gateway.database import in_transaction
from gateway.formats.messages import check_label
from gateway.models import FOLDED
from gateway.normal import fold_label
from gateway.store.writing import inserted_key

LABEL = OneLine(100)
HIGHEST_ID = 2**62
"""Leaves the database room to number further rows by itself."""


def label_table(noun: str, model: Any, *, column: str, word: str, about: str) -> Noun:
    """Return the noun of one table with its ``add`` and ``list``.

    ``column`` holds the label; ``word`` is what a person calls it, the placeholder in the help and
    the key in JSON.
    """
    group = Noun(noun, help=about)
    table = model.__table__
    (key,) = table.primary_key.columns
    called = noun.replace("-", " ")

    @group.command("add", help=f"Add a {called} and print its id.")
    @click.argument("label", metavar=word.upper(), type=LABEL)
    @click.option(
        "--id",
        "row_id",
        type=click.IntRange(0, HIGHEST_ID),
        help="The id that callers know it by; by default the next free one.",
    )
    @as_json
    def add(label: str, row_id: int | None, as_json: bool) -> None:
        try:
            check_label(label, LABEL.most, folded=FOLDED)
        except ValidationError as error:
            raise click.BadParameter(error.messages[0], param_hint=word.upper()) from None
        folded = fold_label(label)
        values = {column: label, "folded": folded, "created_at": datetime.now(UTC)}
        try:
            new_id = in_transaction(
                system().engine, lambda connection: _insert(connection, key, row_id, values)
            )
        except IntegrityError:
            raise click.ClickException(_taken(folded, row_id)) from None
        if as_json:
            show_json({"id": new_id, word: label})
        else:
            click.echo(new_id)

    def _taken(folded: str, row_id: int | None) -> str:
        there = read(
            select(key, table.c[column]).where(or_(table.c.folded == folded, key == row_id))
        )
        rows = ", ".join(f"{label} (id {number})" for number, label in there)
        return f"There is already the {called} {rows}."

    @group.command("list", help=f"List every {called} with its id.")
    @as_json
    def show(as_json: bool) -> None:
        rows = read(select(key, table.c[column]).order_by(key))
        if as_json:
            show_json([{"id": number, word: label} for number, label in rows])
        else:
            show_table(("id", word), rows)

    return group


def _insert(
    connection: Connection, key: Column[int], row_id: int | None, values: Mapping[str, Any]
) -> int:
    """Return the id of the row, ``row_id`` where given; ids given out later stay clear of it."""
    statement = insert(key.table).values(**values)
    if row_id is None:
        return inserted_key(connection.execute(statement))
    if connection.dialect.name == "postgresql":
        _insert_past_sequence(connection, key, row_id, values)
    else:
        connection.execute(statement.values({key: row_id}))
    return row_id


def _insert_past_sequence(
    connection: Connection, key: Column[int], row_id: int, values: Mapping[str, Any]
) -> None:
    """Insert the row and raise PostgreSQL's own counter to its id; it would run into it else."""
    table = connection.dialect.identifier_preparer.format_table(key.table)
    # Nobody may draw a number between our look at the counter and our setting it.
    connection.execute(text(f"LOCK TABLE {table} IN SHARE ROW EXCLUSIVE MODE"))
    connection.execute(insert(key.table).values({**values, key.name: row_id}))
    if row_id > 0:
        sequence = func.pg_get_serial_sequence(table, key.name)
        last = func.pg_sequence_last_value(cast(sequence, REGCLASS))
        connection.execute(select(func.setval(sequence, func.greatest(row_id, last))))
