"""``flask journal replay``: does posts again after what stopped them was mended."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

import click

from gateway import journal
from gateway.cli.common import OneLine, as_json, show_json, show_table, system
from gateway.cli.drain import journals
from gateway.cli.moments import Moment
from gateway.cli.progress import progress
from gateway.contract import System
from gateway.journal.finding import Wanted, find
from gateway.normal import has_lone_surrogate
from gateway.replaying import LEFT, Corrections, Replayed
from gateway.replaying import replay as replay_post
from gateway.replaying.correcting import BadCorrection

__all__ = ["journals"]

COLUMNS = ("request_id", "outcome", "lead_id", "replay", "changes", "held back", "why")
WORDS = {journal.DRY_RUN: "would be accepted", LEFT: "cannot be replayed"}
_TEXT = OneLine(255)


class _Setting(click.ParamType[tuple[str, str]]):
    """``name=value``; the value is taken as it stands."""

    name = "field=value"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str]:
        name, equals, text = str(value).partition("=")
        if not equals or not name.strip():
            self.fail(f"{value}: write field=value", param, ctx)
        if has_lone_surrogate(text):
            self.fail(f"{name}: not UTF-8 text", param, ctx)
        return name.strip(), text


@journals.command("replay")
@click.argument("request_ids", metavar="[ID]...", type=OneLine(36), nargs=-1)
@click.option(
    "--outcome", type=click.Choice(journal.UNHANDLED), help="All posts with this outcome."
)
@click.option("--code", type=_TEXT, help="All with this error code.")
@click.option("--caller", type=_TEXT, help="All of this login.")
@click.option("--since", type=Moment(), help="All from this time on: ISO, or 2h or 3d ago.")
@click.option("--until", type=Moment(), help="All before this time.")
@click.option(
    "--limit", type=click.IntRange(1, 10_000), default=1000, show_default=True, help="How many."
)
@click.option(
    "--set", "settings", type=_Setting(), multiple=True, help="Another value; repeatable."
)
@click.option("--unset", type=_TEXT, multiple=True, help="Leave this field out; repeatable.")
@click.option("--as", "login", type=OneLine(191, exact=True), help="As the post of this login.")
@click.option("--dry-run", is_flag=True, help="Say what each would do; write nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@as_json
def replay(
    request_ids: tuple[str, ...],
    settings: tuple[tuple[str, str], ...],
    unset: tuple[str, ...],
    limit: int,
    login: str | None,
    dry_run: bool,
    yes: bool,
    as_json: bool,
    **wanted: str | datetime | None,
) -> None:
    """Do posts again that were refused or failed, oldest first, as entries of their own.

    Passwords are not asked for: who replays vouches for the caller. A post keeps its original time
    and overwrites nothing that a later one has set. The exit status is 1 while one is left.
    """
    running = system()
    given: dict[str, Any] = {name: value for name, value in wanted.items() if value is not None}
    if bool(request_ids) == bool(given):
        raise click.UsageError("Name posts by their id, or choose them by --outcome, --code …")
    corrections = _corrections(running, settings, unset)
    if given:
        found = find(running, Wanted(is_open=True, **given), limit=limit)
        request_ids = tuple(row["request_id"] for row in reversed(found))
        if len(found) == limit:
            click.echo(f"The newest {limit}; there may be more (--limit).", err=True)
        if found and not (yes or dry_run):
            click.confirm(f"Replay {_posts(len(found))}?", abort=True, err=True)
    results = []
    with progress() as bar:
        for request_id in bar.track(dict.fromkeys(request_ids), description="posts"):
            results.append(
                replay_post(
                    running, request_id, corrections=corrections, login=login, dry_run=dry_run
                )
            )
    _show(results, as_json=as_json)
    if not all(each.is_good for each in results):
        raise click.exceptions.Exit(1)


def _corrections(
    running: System, settings: Sequence[tuple[str, str]], unset: Sequence[str]
) -> Corrections:
    values: dict[str, tuple[str, ...]] = {}
    for name, text in settings:
        values[name] = (*values.get(name, ()), text)
    corrections = Corrections(values=values, unset=frozenset(unset))
    try:
        corrections.check(running.schema)
    except BadCorrection as error:
        raise click.UsageError(f"{error}") from None
    return corrections


def _show(results: Sequence[Replayed], *, as_json: bool) -> None:
    if as_json:
        show_json([asdict(each) for each in results])
        return
    if results:
        show_table(COLUMNS, [_line(each) for each in results])
    counted = Counter(WORDS.get(each.outcome, each.outcome) for each in results)
    unknown = Counter(name for each in results for name in each.unknown)
    for name, number in sorted(unknown.items()):
        click.echo(f"{name}: no field of this system now, in {_posts(number)}.", err=True)
    parts = ", ".join(f"{number} {word}" for word, number in counted.items())
    click.echo(f"{_posts(len(results))}{': ' if parts else ''}{parts}.", err=True)


def _line(each: Replayed) -> list[Any]:
    return [
        each.request_id,
        WORDS.get(each.outcome, each.outcome),
        each.lead_id,
        each.replay,
        ", ".join(each.decision.get("changes", ())),
        ", ".join(each.decision.get("held_back", ())),
        "; ".join(each.messages),
    ]


def _posts(number: int) -> str:
    return "1 post" if number == 1 else f"{number} posts"
