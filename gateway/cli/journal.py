"""``flask journal``: what reached us and what became of it."""

from collections.abc import Iterator
from typing import Any

import click

from gateway import journal
from gateway.cli.common import Noun, OneLine, as_json, show_json, show_table, system
from gateway.cli.moments import Moment
from gateway.cli.progress import progress
from gateway.contract import System
from gateway.journal import purging
from gateway.journal.finding import NoKey, Row, Wanted, find, get, replays_of
from gateway.journal.finding import status as journal_status
from gateway.normal import mask
from gateway.transport import call as transport_call
from gateway.transport.again import request_of

COLUMNS = (
    "received_at",
    "request_id",
    "outcome",
    "caller",
    "command",
    "lead_id",
    "codes",
    "body_size",
    "superseded_by",
)
_BYTES = ("body", "query", "stored_sha256", "fields_digest")
_TEXT = OneLine(255)

journals = Noun("journal", help="What reached us and what became of it.")


@journals.command("list")
@click.option("--outcome", type=click.Choice(journal.OUTCOMES), help="What became of it.")
@click.option("--caller", type=_TEXT, help="Posts of this login.")
@click.option("--code", type=_TEXT, help="With this error code.")
@click.option("--since", type=Moment(), help="From this time on: ISO, or 2h or 3d ago.")
@click.option("--until", type=Moment(), help="Before this time.")
@click.option("--phone", type=_TEXT, help="Of a person with this phone, cell or fax.")
@click.option("--email", type=_TEXT, help="Of a person with this e-mail address.")
@click.option("--name", type=_TEXT, help="Of a person with this first and last name.")
@click.option("--lead", "lead_id", type=click.IntRange(1, 2**63 - 1), help="Of this lead.")
@click.option("--replayable", is_flag=True, help="Those that can be mended and replayed.")
@click.option(
    "--limit", type=click.IntRange(1, 10_000), default=50, show_default=True, help="How many."
)
@as_json
def list_posts(
    limit: int, as_json: bool, replayable: bool, lead_id: int | None, **wanted: Any
) -> None:
    """List the newest posts, newest first; several options must all be true."""
    running = system()
    given = {name: value for name, value in wanted.items() if value is not None}
    try:
        rows = find(
            running, Wanted(lead_id=lead_id, is_replayable=replayable, **given), limit=limit
        )
    except NoKey as error:
        raise click.ClickException(f"{error}.") from None
    if as_json:
        show_json([_shown(row) for row in rows])
        return
    show_table(COLUMNS, [_line(row) for row in rows])
    if len(rows) == limit:
        click.echo(f"The newest {limit}; there may be more (--limit).", err=True)


@journals.command("show")
@click.argument("request_id", metavar="ID", type=OneLine(36))
@click.option("--body", "with_body", is_flag=True, help="The body too, and nothing masked.")
@click.option(
    "--secret",
    "with_secrets",
    is_flag=True,
    help="With --body: also where it may hold credentials.",
)
@as_json
def show(request_id: str, with_body: bool, with_secrets: bool, as_json: bool) -> None:
    """Show one post whole; sensitive values are masked."""
    if with_secrets and not with_body:
        raise click.UsageError("--secret is for --body only; give both.")
    running = system()
    row = get(running, request_id)
    if row is None:
        raise click.ClickException(f"There is no post {request_id}.")
    shown = _shown(row) | {"replays": replays_of(running, request_id)}
    shown |= _content(row, running, with_body=with_body, with_secrets=with_secrets)
    if as_json:
        show_json(shown)
    else:
        show_table(("what", "value"), _lines(shown))


@journals.command("status")
@click.option("--since", type=Moment(), help="Posts from this time on: ISO, or 2h or 3d ago.")
@as_json
def status(since: Any, as_json: bool) -> None:
    """Count posts by outcome, and say what waits for somebody and what strangers fill."""
    running = system()
    waiting = running.spool.waiting()
    found = journal_status(running, since) | {
        "spool": {"posts": waiting.posts, "bytes": waiting.bytes}
    }
    if as_json:
        show_json(found)
        return
    rows: list[tuple[str, Any]] = [*found["posts"].items()]
    rows.append(("bytes of bodies", found["bytes"]))
    rows.append(("refused or failed, not settled", found["unhandled"]))
    rows.append(("the oldest of them", found["oldest_unhandled"]))
    rows += [(f"spool of this node: {name}", value) for name, value in found["spool"].items()]
    rows += [(f"strangers: {name}", value) for name, value in found["strangers"].items()]
    show_table(("what", "value"), rows)


@journals.command("purge")
@click.option("--dry-run", is_flag=True, help="Count what would go; delete nothing.")
def purge(dry_run: bool) -> None:
    """Delete what need not be kept any longer; posts are taken meanwhile.

    Settled posts go after GATEWAY_JOURNAL_DAYS, refused and failed ones that nobody has settled
    after 400 days, those of strangers after 30. Keys of repeats go a week after they expired.
    """
    running = system()
    which = purging.due(running)
    counted = purging.count(running, which)
    parts = ", ".join(f"{number} {kind}" for kind, number in counted.items())
    if dry_run:
        click.echo(f"Would delete {sum(counted.values())} posts: {parts}.")
        return
    done = 0
    with progress() as bar:
        task = bar.add_task("posts", total=sum(counted.values()))
        for gone in purging.purge(running, which):
            done += gone
            bar.update(task, completed=done)
    click.echo(f"Deleted {done} posts: {parts}.")


def _shown(row: Row) -> dict[str, Any]:
    """Return the facts of a row, without its bytes."""
    return {name: value for name, value in row.items() if name not in _BYTES} | {
        "body_is_kept": row["stored_sha256"] or "in the row" if _has_body(row) else None
    }


def _has_body(row: Row) -> bool:
    return row["stored_sha256"] is not None or row.get("body") is not None


def _content(row: Row, running: System, *, with_body: bool, with_secrets: bool) -> dict[str, Any]:
    """Return what the post says, or why that cannot be read any more; never raises."""
    try:
        body = journal.read_body(row, running, with_secrets=with_secrets)
        query = journal.read_query(row, running, with_secrets=with_secrets)
    except journal.Unreadable as error:
        return {"fields": None, "unreadable": f"{error}"}
    found: dict[str, Any] = {"unreadable": None}
    if with_body:
        found |= {"query": _decoded(query), "body": None if body is None else _decoded(body)}
    if body is None:
        return found | {"fields": None, "unreadable": "only its length and hash were kept"}
    call = transport_call.build(request_of(row, body=body, query=query), running.settings)
    if call.problem is not None:
        found["unreadable"] = call.problem.problems[0].message
    uploads = [
        {"field": each.field, "name": each.name, "size": len(each.content)} for each in call.uploads
    ]
    fields = {
        name: value if with_body or not _is_sensitive(name, running) else mask(value)
        for name, value in call.form.items()
    }
    return found | {"fields": fields, "uploads": uploads}


def _is_sensitive(name: str, running: System) -> bool:
    schema = running.schema
    field = schema.fields.get(schema.aliases.get(name, name))
    return field is not None and field.sensitive


def _decoded(raw: bytes) -> str:
    return raw.decode("utf-8", "backslashreplace")


def _line(row: Row) -> list[Any]:
    shown = {**row, "caller": row["caller"] or (row["claimed"] and f"{row['claimed']} ?")}
    return [shown[name] for name in COLUMNS]


def _lines(shown: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in shown.items():
        if isinstance(value, dict) and name in ("fields", "decision", "headers"):
            yield from ((f"{name}: {key}", each) for key, each in value.items())
        elif isinstance(value, list):
            for each in value:
                parts = each.values() if isinstance(each, dict) else each
                yield name, each if isinstance(each, str) else " · ".join(map(str, parts))
        elif value is not None:
            yield name, value
