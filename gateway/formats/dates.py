"""Formats of dates and times."""

import re
from contextlib import suppress
from datetime import UTC, date, datetime, time, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from marshmallow import fields

from gateway.formats.messages import broken

_DATES = tuple(
    re.compile(rf"{pattern}(?:(?: +|T)(?P<time>.+))?", re.ASCII)
    for pattern in (
        r"(?P<year>\d{4})-(?P<month>\d{1,2})-(?P<day>\d{1,2})",
        r"(?P<month>\d{1,2})/(?P<day>\d{1,2})/(?P<year>\d{4})",
        r"(?P<day>\d{1,2})\.(?P<month>\d{1,2})\.(?P<year>\d{4})",
    )
)
# A script's own form (toISOString, DATE_ATOM) has parts of a second and says its offset.
_TIME = re.compile(
    r"(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,]\d{1,9})?)? *(?P<offset>Z|[+-]\d{2}:?\d{2})?",
    re.ASCII | re.IGNORECASE,
)
_WITHOUT_YEAR = re.compile(r"(\d{1,2})-(\d{1,2})", re.ASCII)
_LONGEST_WITHOUT_YEAR = 5

# The usual form needs no parts; tests/test_normal_short.py holds it against the general one.
_ISO = re.compile(r"[1-9][0-9]{3}-[0-9]{2}-[0-9]{2}")

FIRST_YEAR = 1000
"""No DATETIME of MariaDB is earlier; SQLite and PostgreSQL would take it."""


def _date_and_rest(text: str) -> tuple[date, str]:
    """Return the date at the beginning and what follows it. Raises ValueError."""
    for pattern in _DATES:
        if found := pattern.fullmatch(text):
            day = date(int(found["year"]), int(found["month"]), int(found["day"]))
            if day.year < FIRST_YEAR:
                break
            return day, found["time"] or ""
    raise ValueError


def _date_alone(text: str) -> date | None:
    """Return the date that ``text`` is, ``None`` where it is none.

    Databases and spreadsheets print a date with a midnight that nobody meant.
    """
    try:
        if _ISO.fullmatch(text):
            return date.fromisoformat(text)
        day, rest = _date_and_rest(text)
    except ValueError:
        return None
    return day if rest in ("", "00:00:00") else None


class LocalDateTime(fields.Field[datetime]):
    """A date with or without a time, meant in ``zone`` unless it says its offset from UTC.

    Its value is an aware UTC time in whole seconds.
    """

    wire_type = "Date/Time"

    def __init__(self, zone: ZoneInfo, **options: Any) -> None:
        super().__init__(**options)
        self.zone = zone

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> datetime:
        try:
            day, rest = _date_and_rest(value)
            moment = datetime.combine(day, _time(rest, self.zone)).astimezone(UTC)
        except (ValueError, OverflowError):  # the latter at the edges of the calendar
            moment = None
        if moment is None or moment.year < FIRST_YEAR:
            raise broken("not a date and time (YYYY-MM-DD HH:MM:SS)")
        return moment

    def _serialize(self, value: datetime | None, *args: Any, **kwargs: Any) -> str | None:
        return None if value is None else f"{value.astimezone(self.zone):%Y-%m-%d %H:%M:%S}"


def _time(text: str, zone: tzinfo) -> time:
    if not text:
        return time(tzinfo=zone)
    found = _TIME.fullmatch(text)
    if found is None:
        raise ValueError
    if offset := found["offset"]:
        # Python's own reader knows both spellings of an offset, and its limits.
        zone = datetime.strptime(offset.upper(), "%z").tzinfo or zone
    return time(int(found[1]), int(found[2]), int(found[3] or 0), tzinfo=zone)


class DateOnly(fields.Field[date]):
    """A day: ``YYYY-MM-DD``, ``M/D/YYYY`` or ``D.M.YYYY``; a midnight behind it does not count."""

    wire_type = "Date"

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> date:
        day = _date_alone(value)
        if day is None:
            raise broken("not a date (YYYY-MM-DD)")
        return day

    def _serialize(self, value: date | None, *args: Any, **kwargs: Any) -> str | None:
        return None if value is None else value.isoformat()


class BirthDate(fields.String):
    """A day of birth as ``YYYY-MM-DD``, or ``MM-DD`` where the year is not known."""

    wire_type = "Date"

    def __init__(self, zone: ZoneInfo, **options: Any) -> None:
        super().__init__(**options)
        self.zone = zone

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> str:
        if len(value) <= _LONGEST_WITHOUT_YEAR and (short := _WITHOUT_YEAR.fullmatch(value)):
            # Of a leap year, so that 02-29 is a day.
            with suppress(ValueError):
                return date(2000, int(short[1]), int(short[2])).isoformat()[5:]
        day = _date_alone(value)
        if day is None:
            raise broken("not a date (YYYY-MM-DD, or MM-DD without the year)")
        if day > datetime.now(self.zone).date():
            raise broken("in the future (YYYY-MM-DD, or MM-DD without the year)")
        return day.isoformat()
