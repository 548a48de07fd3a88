"""``flask journal balance``: whether every post became something, and every lead came from one."""

from dataclasses import asdict
from datetime import datetime
from typing import Any

import click

from gateway.cli.common import (
    Unknown,
    as_json,
    failing_in_one_sentence,
    show_json,
    show_table,
    system,
)
from gateway.cli.moments import Moment
from gateway.cli.replay import journals
from gateway.journal.balance import Balance
from gateway.journal.balance import balance as balance_of

__all__ = ["journals"]


@journals.command("balance")
@click.option("--since", type=Moment(), help="Posts from this time on: ISO, or 2h or 3d ago.")
@as_json
def balance(since: datetime | None, as_json: bool) -> None:
    """Say whether the books balance, and name up to 20 posts or leads that do not fit.

    \b
    received = accepted + refused + quarantined + failed + dry run
             + superseded + spooled
    leads made by accepted posts = leads present + merged away + erased

    Spooled are the posts that wait on this node; those of other nodes are counted there. Leads that
    imports made stand apart. What the journal no longer has does not count. It writes nothing, and
    posts go on meanwhile. The exit status is 1 where one of the two does not hold, and 2 where
    nobody can say: the database does not answer, or the spool cannot be read.
    """
    try:
        with failing_in_one_sentence(Unknown):
            found = balance_of(system(), since)
    except OSError as error:
        raise Unknown(
            f"The spool of this node cannot be read ({error.filename}: {error.strerror}): "
            "run this as the user of the gateway."
        ) from None
    if as_json:
        show_json(_shown(found))
    else:
        show_table(("what", "value"), _lines(found))
        if found.offenders:
            click.echo()
            show_table(
                ("request_id", "lead_id", "wrong", "what to do"),
                [
                    (each.request_id, each.lead_id, each.wrong, each.remedy)
                    for each in found.offenders
                ],
            )
        # Of leads that one cannot tell apart more may be named than are too many.
        if (more := found.wrong - len(found.offenders)) > 0:
            click.echo(f"{more} more do not fit.", err=True)
    if not found.is_balanced:
        raise click.exceptions.Exit(1)


def _shown(found: Balance) -> dict[str, Any]:
    posts, leads = found.posts, found.leads
    return {
        "posts": {
            "received": posts.received,
            **posts.outcomes,
            "spooled": posts.spooled,
            "holds": posts.is_balanced,
        },
        "leads": {name: value for name, value in asdict(leads).items() if name != "wrong"}
        | {"holds": leads.is_balanced},
        "wrong": found.wrong,
        "offenders": [asdict(each) for each in found.offenders],
    }


def _lines(found: Balance) -> list[tuple[str, Any]]:
    posts, leads = found.posts, found.leads
    parts = {**posts.outcomes, "spooled, on this node": posts.spooled}
    sides = {"present": leads.present, "merged away": leads.merged_away, "erased": leads.erased}
    return [
        ("received", posts.received),
        *_sum({name.replace("_", " "): number for name, number in parts.items()}),
        ("holds", _held(posts.is_balanced)),
        ("leads made by accepted posts", leads.made),
        *_sum(sides),
        ("holds", _held(leads.is_balanced)),
        ("apart: leads made by imports", leads.imported),
        ("of them updated since, so taken to be an import's", leads.presumed),
        ("leads without a post count if made from", leads.since or "never: no accepted post"),
    ]


def _sum(parts: dict[str, int]) -> list[tuple[str, Any]]:
    signs = ["=", *"+" * (len(parts) - 1)]
    return [
        (f"{sign} {name}", number)
        for sign, (name, number) in zip(signs, parts.items(), strict=True)
    ]


def _held(is_balanced: bool) -> str:
    return "yes" if is_balanced else "NO"
