"""``flask match``: why posts match, the keys by which they do, and who is there twice."""

import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from typing import Any

import click

from gateway import auth
from gateway.cli.common import Noun, as_json, show_json, show_table, system
from gateway.cli.progress import progress
from gateway.commands.lead_set import LEAD_SET, understand
from gateway.contract import Call, Caller, System
from gateway.errors import PluginFault, Refused, UnknownCommand
from gateway.matching import BadRule
from gateway.store import claims, rekeying
from gateway.store.duplicates import find_duplicates
from gateway.store.explaining import explain
from gateway.store.key_status import key_status
from gateway.store.posts import Post
from gateway.transport import call as transport_call
from gateway.transport import reading
from gateway.transport.identity import new_request_id

IDS_IN_A_CELL = 10

matching = Noun("match", help="Why posts match, and the keys by which they do.")

rule_option = click.option("--rule", metavar="NAME", help="This rule only; by default every rule.")


@matching.command("rekey")
@rule_option
@click.option(
    "--batch",
    type=click.IntRange(1, 100_000),
    default=250,
    show_default=True,
    help="Leads in one transaction; on SQLite a post may have to wait for one.",
)
@click.option("--restart", is_flag=True, help="Begin anew where an earlier run was interrupted.")
def rekey(rule: str | None, batch: int, restart: bool) -> None:
    """Make the keys of all leads anew, after a rule has changed.

    Posts are answered meanwhile. Restart the workers first, so that new leads get the new keys. An
    interrupted run goes on where it was when the command is given again.
    """
    running = system()
    _check_rule(running, rule)
    run = rekeying.begin(running, rule, restart=restart)
    if run.after:
        click.echo(f"Going on after lead {run.after}.", err=True)
    done, started = 0, time.monotonic()
    with progress() as bar:
        task = bar.add_task("leads", total=rekeying.count_leads(run))
        try:
            for leads in rekeying.rekey(run, batch=batch):
                done += leads
                bar.update(task, completed=done)
        except BadRule as error:
            raise click.ClickException(
                f"{error}. Mend the rule and run this again: it goes on from here."
            ) from error
    seconds = time.monotonic() - started
    rate = f"{done / seconds:.0f} a second" if seconds else "at once"
    click.echo(f"Rekeyed {done} leads by {', '.join(each.name for each in run.rules)}: {rate}.")


@matching.command("purge-claims")
def purge_claims() -> None:
    """Delete the claims of posts that are done.

    Each key that was ever posted leaves a small row by which posts at the same instant wait for
    each other. Rows in use are passed over; posts are answered meanwhile.
    """
    click.echo(f"Deleted {sum(claims.purge(system().engine))} claims.")


@matching.command("status")
@as_json
def status(as_json: bool) -> None:
    """Show the keys of each rule: how many, how many are stale, how far a rekey has come."""
    found = key_status(system())
    if as_json:
        show_json(found)
    else:
        columns = ("rule", "version", "keys", "stale", "with keys", "without", "rekey")
        show_table(columns, _status_rows(found))
        click.echo(f"{found['leads']} leads")
    stale = [row["rule"] for row in found["rules"] if row["stale"]]
    if stale:
        click.echo(
            f"Stale keys of {', '.join(stale)}: another version of the rule made them. "
            "Run flask match rekey.",
            err=True,
        )


@matching.command("explain")
@click.option("--content-type", default="", help="The Content-Type of the post, if it matters.")
@as_json
def explain_post(content_type: str, as_json: bool) -> None:
    """Say what the post on standard input would do, and why; nothing is written.

    The post is a urlencoded body or a JSON object. Passwords in it are not checked: it is decided
    as for the login that it names.
    """
    running = system()
    call = _call(running, content_type)
    try:
        if call.problem is not None:
            raise call.problem
        if call.command not in ("", LEAD_SET.name):
            raise UnknownCommand(f"command: only {LEAD_SET.name} can be explained")
        caller = auth.known(call.credentials.login_id.strip(), running) or Caller(name="nobody")
        parsed, kept = understand(call, running, caller)
        trace = explain(Post(parsed, caller, running, tuple(kept), datetime.now(UTC)))
    except Refused as refusal:
        why = "; ".join(each.message for each in refusal.problems)
        raise click.ClickException(f"The post would be refused. {why}") from None
    except PluginFault as fault:
        raise click.ClickException(f"The post would fail: {fault}.") from fault
    warnings = [each.problem.message for each in kept]
    if as_json:
        show_json(trace | {"warnings": warnings})
        return
    show_table(("what", "value"), _explained(trace, warnings))


@matching.command("duplicates")
@rule_option
@click.option(
    "--limit", type=click.IntRange(1, 10_000), default=100, show_default=True, help="How many."
)
@as_json
def duplicates(rule: str | None, limit: int, as_json: bool) -> None:
    """List groups of leads that a rule takes for one person.

    flask lead merge makes one of each.
    """
    running = system()
    _check_rule(running, rule)
    groups = list(islice(find_duplicates(running, rule), limit))
    if as_json:
        show_json(groups)
        return
    show_table(
        ("rule", "leads", "first full_name"),
        [(each["rule"], _ids(each["lead_ids"]), each["full_name"]) for each in groups],
    )


def _check_rule(running: System, rule: str | None) -> None:
    if rule is not None and rule not in running.match_rules:
        raise click.ClickException(
            f"There is no rule {rule}. The rules are {', '.join(running.match_rules)}."
        )


def _status_rows(found: dict[str, Any]) -> Iterator[tuple[Any, ...]]:
    for row in found["rules"]:
        yield (
            row["rule"],
            row["version"],
            row["keys"],
            row["stale"],
            row["with_keys"],
            row["without_keys"],
            _rekey_text(row["rekey"]),
        )
    for row in found["unknown"]:
        yield row["rule"], "none: no such rule", row["keys"], row["keys"], None, None, None


def _rekey_text(run: dict[str, Any] | None) -> str:
    if run is None:
        return "never"
    if run["finished_at"] is None:
        return f"through lead {run['through_id']}, {run['leads_left']} left"
    return f"version {run['version']} done {run['finished_at'][:19]}"


def _call(running: System, content_type: str) -> Call:
    """Return standard input as the call that it makes when it is posted."""
    body = reading.read(
        {"wsgi.input": sys.stdin.buffer, "wsgi.input_terminated": True},
        running.settings.GATEWAY_MAX_BODY,
    )
    request = transport_call.Request(
        request_id=new_request_id(),
        received_at=datetime.now(UTC),
        headers={"content-type": content_type},
        body=body,
    )
    return transport_call.build(request, running.settings)


def _explained(trace: dict[str, Any], warnings: list[str]) -> Iterator[tuple[str, Any]]:
    lead_id = trace["lead_id"]
    yield "action", trace["action"] if lead_id is None else f"{trace['action']} lead {lead_id}"
    if trace["found_by"]:
        yield "found by", trace["rule"] or trace["found_by"]
    for name in trace["asked"]:
        yield (
            "rule",
            f"{name}: {'a part is missing' if name in trace['missing'] else 'every part is there'}",
        )
    for each in trace["candidates"]:
        yield "candidate", f"lead {each['lead_id']} {each['verdict']} ({', '.join(each['rules'])})"
    if trace.get("cut_off"):
        yield "candidates", "too many: only the oldest and the newest were looked at"
    for each in trace["fields"]:
        yield f"field {each['field']}", f"{_shown(each['old'])} → {_shown(each['new'])}"
    if "notes" in trace["changes"]:
        yield "notes", "appended"
    for warning in warnings:
        yield "warning", warning


def _shown(value: Any) -> str:
    if value is None or value == []:
        return "nothing"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _ids(lead_ids: list[int]) -> str:
    shown = ", ".join(map(str, lead_ids[:IDS_IN_A_CELL]))
    more = len(lead_ids) - IDS_IN_A_CELL
    return f"{shown} and {more} more" if more > 0 else shown
