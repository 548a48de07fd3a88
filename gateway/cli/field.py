"""``flask field``: names that callers send and no field claims."""

import re
from dataclasses import asdict
from datetime import UTC, datetime, timedelta

import click

from gateway.cli.common import Noun, as_json, show_json, show_table, system
from gateway.new_fields import NewField, new_fields
from gateway.schema import LeadSchema, why_no_name

fields = Noun("field", help="Names that callers send and no field claims.")

_KINDS = (
    (r"9{4}-99-99", "fields.Date()"),
    (r"[+-]?9{1,6}", "fields.Integer()"),
    (r"[+-]?9{1,10}[.]9{1,10}", "fields.Decimal()"),
    (r".*\[\]", "fields.List(fields.String())"),
)
"""What a shape suggests; long numbers are text, which keeps the leading zeros of a zip or phone."""


@fields.command("new")
@click.option("--caller", help="The posts of this login only.")
@click.option(
    "--days",
    type=click.IntRange(1, 36_500),
    default=30,
    show_default=True,
    help="How far to look back; not further than the journal reaches.",
)
@as_json
def new(caller: str | None, days: int, as_json: bool) -> None:
    """List the names that no field claims, per caller, and how to declare each.

    The shape is that of the latest value: 9 for a digit, a or A for a letter, never the value.
    """
    running = system()
    found = new_fields(running, since=datetime.now(UTC) - timedelta(days=days), caller=caller)
    rows = [{**_shown(each), "declare": _declare(each, running.schema)} for each in found]
    if as_json:
        show_json(rows)
        return
    columns = ("caller", "name", "count", "first seen", "last seen", "shape", "hint")
    keys = ("caller", "name", "count", "first_seen", "last_seen", "shape")
    show_table(columns, [(*(row[key] for key in keys), _hint(row)) for row in rows])
    for line in dict.fromkeys(row["declare"] for row in rows if row["declare"]):
        click.echo(line)


def _shown(field: NewField) -> dict[str, object]:
    row = asdict(field)
    name = "…others" if field.name is None else field.name
    # A caller chose it: it must not move the cursor of who reads it, or turn the line round.
    return row | {"name": "".join(each if each.isprintable() else "?" for each in name)}


def _hint(row: dict[str, object]) -> str:
    return f"differs from {row['known']} in case only" if row["known"] else ""


def _declare(field: NewField, schema: LeadSchema) -> str | None:
    """Return the line of a plugin that would claim the name, where a plugin may."""
    name = field.name
    if name is None or why_no_name(name):
        return None
    if field.known:
        # A flag has no other name; whoever sends it must spell it right.
        of = schema.aliases.get(field.known, field.known)
        return None if of in schema.flags else f'Alias("{name}", "{of}"),'
    made = next((kind for shape, kind in _KINDS if re.fullmatch(shape, field.shape)), None)
    label = name.replace("_", " ").strip().capitalize()
    kind = made or "fields.String()"
    return f'CustomField("{name}", {kind}, label="{label}", help="…", example="…"),'
