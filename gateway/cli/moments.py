"""Times and ages as an operator types and reads them."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import click

_AGO = re.compile(r"([0-9]{1,6})([mhdw])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def _length(text: str) -> timedelta | None:
    """Return how long ``2h`` or ``3d`` is, ``None`` where that is not what ``text`` says."""
    given = _AGO.fullmatch(text.lower())
    return timedelta(**{_UNITS[given[2]]: int(given[1])}) if given else None


def utc(text: str) -> datetime:
    """Return the time in ISO form that ``text`` is, UTC unless it says.

    Raises ValueError, and OverflowError where UTC has no such date.
    """
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


class Moment(click.ParamType[datetime]):
    """A time: ISO (``2026-05-01`` or ``2026-05-01T12:00``, UTC unless it says), or how long ago."""

    name = "time"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime:
        if isinstance(value, datetime):
            return value
        text = str(value).strip()
        if (ago := _length(text)) is not None:
            try:
                return datetime.now(UTC) - ago
            except OverflowError:
                self.fail(f"{text}: longer ago than there are dates", param, ctx)
        try:
            return utc(text)
        except (ValueError, OverflowError):
            self.fail(
                f"{text}: not a time such as 2026-05-01, 2026-05-01T12:00, 2h or 3d", param, ctx
            )


class Age(click.ParamType[timedelta]):
    """How long: ``90m``, ``2h``, ``3d`` or ``1w``."""

    name = "age"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> timedelta:
        if isinstance(value, timedelta):
            return value
        text = str(value).strip()
        length = _length(text)
        if not length:
            self.fail(f"{text}: not an age such as 90m, 2h or 3d", param, ctx)
        return length


def span(length: timedelta) -> str:
    """Return about how long that is, in the largest unit that says it well: ``5 h``."""
    seconds = length.total_seconds()
    if seconds < 1:
        return "under 1 s"
    for unit, size, most in (("s", 1, 90), ("min", 60, 90), ("h", 3600, 48)):
        if seconds < size * most:
            return f"{seconds // size:.0f} {unit}"
    return f"{seconds // 86_400:.0f} d"
