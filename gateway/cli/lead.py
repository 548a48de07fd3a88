"""``flask lead``: the stored leads, to read and to merge."""

from collections.abc import Iterator
from itertools import islice
from typing import Any

import click
from sqlalchemy import Row, func, select

from gateway.cli.common import Noun, OneLine, as_json, read, show_json, show_table, system
from gateway.database import reading
from gateway.models import Lead, LeadExternalId
from gateway.normal import fold_label
from gateway.store.history import read_history
from gateway.store.locating import follow_merge
from gateway.store.merging import CannotMerge, merge, shown_changes
from gateway.store.reading import show_lead

FOUND_AT_MOST = 50
PAGE = 1000
LEAST_DIGITS = 7
"""From here on two numbers are one where they differ in the country code only."""

_lead = Lead.__table__
COLUMNS = (
    "lead_id",
    "created_at",
    "external_id",
    "full_name",
    "phone",
    "cell",
    "fax",
    "email",
    "source",
)
_columns = select(
    *(_lead.c[name] for name in COLUMNS), _lead.c.first_name, _lead.c.last_name
).order_by(_lead.c.lead_id.desc())

leads = Noun("lead", help="The stored leads, to read and to merge.")


LEAD_ID = click.IntRange(1, 2**63 - 1)


@leads.command("show")
@click.argument("wanted", metavar="ID", type=LEAD_ID)
@click.option("--history", "with_history", is_flag=True, help="What has changed, newest last.")
@as_json
def show(wanted: int, with_history: bool, as_json: bool) -> None:
    """Show one lead whole; sensitive values are masked.

    Of a lead that was merged the one that stayed is shown.
    """
    running = system()
    with reading(running.engine) as connection:
        found = follow_merge(connection, wanted)
    lead = show_lead(running.engine, found, running.schema)
    if lead is None:
        raise click.ClickException(f"There is no lead {wanted}.")
    if found != wanted:
        click.echo(f"Lead {wanted} was merged into lead {found}.", err=True)
    history = read_history(running.engine, found, running.schema) if with_history else []
    if as_json:
        show_json(lead | ({"history": history} if with_history else {}))
        return
    show_table(("field", "value"), _lines(lead))
    if history:
        show_table(tuple(history[0]), [tuple(each.values()) for each in history])


@leads.command("merge")
@click.argument("keep", metavar="KEEP", type=LEAD_ID)
@click.argument("others", metavar="OTHER...", type=LEAD_ID, nargs=-1, required=True)
@click.option("--dry-run", is_flag=True, help="Show what would become of them; write nothing.")
@as_json
def merge_leads(keep: int, others: tuple[int, ...], dry_run: bool, as_json: bool) -> None:
    """Merge every OTHER into KEEP, in one transaction.

    Of each value the first that is not empty stays, in the order given; address and address_2 come
    from one lead, the first that has an address. A phone that gives way becomes the cell where that
    is empty, and a cell the phone. Notes, tags, events, files and external ids go over. The merged
    ids go on working: they find KEEP. Every value that gave way is in the history of KEEP.
    """
    running = system()
    try:
        merged = merge(running, keep, others, dry_run=dry_run)
    except CannotMerge as error:
        raise click.ClickException(str(error)) from None
    changes = shown_changes(running, merged)
    if as_json:
        show_json(
            {
                "lead_id": merged.lead_id,
                "merged": merged.merged,
                "changes": changes,
                "moved": merged.moved,
                "dry_run": dry_run,
            }
        )
        return
    if changes:
        show_table(tuple(changes[0]), [tuple(each.values()) for each in changes])
    moved = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in merged.moved.items())
    click.echo(
        f"{'Would merge' if dry_run else 'Merged'} {', '.join(map(str, merged.merged))} "
        f"into {keep}; moved {moved}."
    )


@leads.command("list")
@click.option(
    "--limit", type=click.IntRange(1, 10_000), default=20, show_default=True, help="How many."
)
@as_json
def show_recent(limit: int, as_json: bool) -> None:
    """List the newest leads."""
    _show_rows([_shown(row) for row in read(_columns.limit(limit))], as_json=as_json)


@leads.command("find")
@click.argument("text", metavar="TEXT", type=OneLine(255))
@as_json
def find(text: str, as_json: bool) -> None:
    """Find the newest leads by TEXT: an external id, an e-mail address, a phone number, a name."""
    found = [_shown(row) for row in islice(_matching(text), FOUND_AT_MOST)]
    _show_rows(found, as_json=as_json)


@leads.command("count")
def count() -> None:
    """Print how many leads are stored."""
    click.echo(read(select(func.count()).select_from(_lead))[0][0])


def _matching(text: str) -> Iterator[Row[Any]]:
    """Yield the leads that ``text`` names, newest first, with a page of them in memory at a time.

    Compared here and not in the database: only so is the normal form the same on every engine.
    """
    by_external_id = {
        lead_id
        for (lead_id,) in read(
            select(LeadExternalId.lead_id).where(LeadExternalId.external_id == text)
        )
    }
    email, name, number = text.casefold(), fold_label(text), _digits(text)
    for row in _newest_first():
        if (
            row.lead_id in by_external_id
            or (row.email and row.email.casefold() == email)
            or (number and any(_same_number(number, each) for each in _numbers(row)))
            or name in fold_label(_full_name(row) or "")
        ):
            yield row


def _newest_first() -> Iterator[Row[Any]]:
    rows = read(_columns.limit(PAGE))
    while rows:
        yield from rows
        rows = read(_columns.where(_lead.c.lead_id < rows[-1].lead_id).limit(PAGE))


def _digits(text: str) -> str:
    """Return the digits of what may be a phone number, nothing of another text."""
    if any(character.isalpha() or character == "@" for character in text):
        return ""
    return "".join(character for character in text if character.isdigit())


def _numbers(row: Row[Any]) -> Iterator[str]:
    for number in (row.phone, row.cell, row.fax):
        if number:
            yield "".join(character for character in number if character.isdigit())


def _same_number(one: str, other: str) -> bool:
    shorter, longer = sorted((one, other), key=len)
    if len(shorter) < LEAST_DIGITS:
        return one == other
    return longer.endswith(shorter)


def _full_name(row: Row[Any]) -> str | None:
    return row.full_name or " ".join(filter(None, (row.first_name, row.last_name))) or None


def _shown(row: Row[Any]) -> dict[str, Any]:
    return {name: getattr(row, name) for name in COLUMNS} | {"full_name": _full_name(row)}


def _show_rows(rows: list[dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        show_json(rows)
    else:
        show_table(COLUMNS, [list(row.values()) for row in rows])


def _lines(lead: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the rows of a table of what the lead has: one for each value, note, event and file."""
    for name, value in lead.items():
        if isinstance(value, dict):
            yield from ((f"{name}: {key}", text) for key, text in _lines(value))
        elif isinstance(value, list):
            for item in value:
                yield name, " · ".join(map(str, item.values())) if isinstance(item, dict) else item
        elif value is not None:
            yield name, value
