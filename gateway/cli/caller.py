"""``flask caller``: how each caller posts, and an alarm for cron where that has changed."""

import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import click

from gateway.cli.common import Noun, OneLine, as_json, show_json, show_table, system, visible
from gateway.cli.moments import Age, Moment, span
from gateway.journal.callers import MOST_NAMES, Habits, habits

STRANGERS = "(strangers)"
COLUMNS = (
    "caller",
    "login",
    "posts",
    "a day",
    "usual pause",
    "last post",
    "ago",
    "refused %",
    "fallback %",
    "new fields",
    "alarm",
)
_FEW = 5
_PERCENT = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,6})?)\s*%?")
_DAY = timedelta(days=1)

callers = Noun("caller", help="How the callers post, and which of them need a look.")


class Percent(click.ParamType[Decimal]):
    """A share in percent, above 0 and up to 100, with or without the sign."""

    name = "percent"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Decimal:
        text = str(value).strip()
        given = _PERCENT.fullmatch(text)
        if not given or not 0 < Decimal(given[1]) <= 100:
            self.fail(f"{text}: not a percentage above 0 and up to 100, such as 20", param, ctx)
        return Decimal(given[1])


@dataclass(frozen=True, slots=True)
class Limits:
    """From where on a caller needs a look; ``None`` is never."""

    silent: timedelta | None
    refusals: Decimal | None
    fallbacks: Decimal | None
    new_fields: int | None


@callers.command("list")
@click.argument("names", metavar="[CALLER]...", nargs=-1, type=OneLine(191, exact=True))
@click.option(
    "--since",
    type=Moment(),
    default="7d",
    show_default=True,
    help="The window: from this time until now. ISO, or 2h or 3d ago.",
)
@click.option("--silent", type=Age(), help="Alarm where the last post is this old: 90m, 2h, 3d.")
@click.option(
    "--refusals", type=Percent(), help="Alarm where this share of the posts became no lead."
)
@click.option(
    "--fallbacks", type=Percent(), help="Alarm where this share needed the fallback charset."
)
@click.option(
    "--new-fields",
    type=click.IntRange(1, MOST_NAMES),
    help="Alarm where so many names are new that no field claims.",
)
@as_json
@click.pass_context
def list_callers(
    context: click.Context, *, names: Sequence[str], since: datetime, as_json: bool, **limits: Any
) -> None:
    """List how each caller posts; with a limit, exit with 1 where one reaches it.

    All that have a login or have posted in the window, or the named ones. What must be looked at
    is printed last, a line each. Strangers raise no alarm; a login that is disabled or retired is
    never silent, and neither is one that has never posted.
    """
    now = datetime.now(UTC)
    if since >= now:
        raise click.UsageError("--since: the window must begin before now.")
    found = habits(system(), since=since, now=now, callers=names)
    for name in names:
        if all(each.caller != name for each in found):
            raise click.ClickException(
                f"There is no caller {visible(name)}: no login and no post; "
                "flask caller list shows all."
            )
    alarms = [dict(_alarms(each, Limits(**limits), now)) for each in found]
    if as_json:
        show_json(
            [
                {**_shown(each, since, now), "alarms": alarm}
                for each, alarm in zip(found, alarms, strict=True)
            ]
        )
    else:
        rows = [_line(each, since, now, alarm) for each, alarm in zip(found, alarms, strict=True)]
        show_table(COLUMNS, rows)
        for each, alarm in zip(found, alarms, strict=True):
            for why in alarm.values():
                click.echo(visible(f"{each.caller}: {why}"))
    if any(alarms):
        context.exit(1)


def _alarms(each: Habits, limits: Limits, now: datetime) -> Iterator[tuple[str, str]]:
    """Yield which limits the caller has reached, and what to do."""
    if each.caller is None:
        return
    name = shlex.quote(each.caller)
    ended = each.login in ("disabled", "retired")
    if limits.silent and each.last_post and not ended and now - each.last_post >= limits.silent:
        why = f"silent for {span(now - each.last_post)} ({_usually(each)})"
        yield "silent", f"{why}; look whether its form is still there"
    if _reaches(each.refusals, each.posts, limits.refusals):
        most = max(each.refused, key=lambda outcome: each.refused[outcome])
        why = f"{_share(each.refusals, each.posts)} became no lead"
        yield "refusals", f"{why}; flask journal list --caller {name} --outcome {most} says why"
    if _reaches(each.fallbacks, each.posts, limits.fallbacks):
        why = f"{_share(each.fallbacks, each.posts)} needed the fallback charset"
        yield "fallbacks", f"{why}; look whether its page still declares its charset"
    if limits.new_fields and len(each.new_names) >= limits.new_fields:
        names = "new name" if len(each.new_names) == 1 else "new names"
        why = f"{len(each.new_names)} {names} that no field claims ({_few(each.new_names)})"
        yield "new_fields", f"{why}; flask field new --caller {name} says how to declare them"


def _usually(each: Habits) -> str:
    if each.usual_pause is not None:
        return f"usually a post every {span(each.usual_pause)}"
    return "one post in the window" if each.posts else "no post in the window"


def _reaches(part: int, posts: int, limit: Decimal | None) -> bool:
    return limit is not None and posts > 0 and Decimal(100 * part) >= limit * posts


def _share(part: int, posts: int) -> str:
    return f"{part} of {posts} posts ({_percent(part, posts)} %)"


def _percent(part: int, posts: int) -> float | None:
    return round(100 * part / posts, 1) if posts else None


def _few(names: Sequence[str]) -> str:
    return ", ".join(names[:_FEW]) + (", …" if len(names) > _FEW else "")


def _shown(each: Habits, since: datetime, now: datetime) -> dict[str, Any]:
    pause, last = each.usual_pause, each.last_post
    return {
        "caller": each.caller,
        "login": each.login,
        "posts": each.posts,
        "posts_a_day": round(each.posts * (_DAY / (now - since)), 2),
        "usual_pause_seconds": None if pause is None else round(pause.total_seconds(), 3),
        "last_post": last,
        "silent_seconds": None if last is None else round((now - last).total_seconds()),
        "refused": each.refusals,
        "refused_percent": _percent(each.refusals, each.posts),
        "fallbacks": each.fallbacks,
        "fallbacks_percent": _percent(each.fallbacks, each.posts),
        "new_fields": list(each.new_names),
    }


def _line(each: Habits, since: datetime, now: datetime, alarms: dict[str, str]) -> tuple[Any, ...]:
    shown = _shown(each, since, now)
    names = each.new_names
    return (
        STRANGERS if each.caller is None else each.caller,
        "" if each.caller is None else each.login or "none",
        each.posts,
        shown["posts_a_day"],
        None if each.usual_pause is None else span(each.usual_pause),
        each.last_post or "never",
        None if each.last_post is None else span(now - each.last_post),
        shown["refused_percent"],
        shown["fallbacks_percent"],
        f"{len(names)}: {_few(names)}" if names else None,
        ", ".join(alarms).replace("_", " ") or None,
    )
