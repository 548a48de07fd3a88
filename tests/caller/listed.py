"""What `flask caller list` says of rows that a test adds to the journal."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import insert

from gateway.models import Submission
from gateway.testing import Gateway
from tests.cli_runner import run, shown

_submission = Submission.__table__
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
UMLAUT = b"command=lead_set&mode=insert&last_name=M%FCller"


def add(
    gateway: Gateway, model: dict[str, Any], ages: Sequence[timedelta], **values: Any
) -> list[str]:
    """Add posts of these ages and return their request ids."""
    now = datetime.now(UTC)
    rows = [
        model
        | {"request_id": f"{age}-{number}-{values.get('caller', 'web')}"[-36:]}
        | {"received_at": now - age}
        | values
        for number, age in enumerate(ages)
    ]
    with gateway.system.engine.begin() as connection:
        connection.execute(insert(_submission), rows)
    return [row["request_id"] for row in rows]


def by_caller(gateway: Gateway, *words: str) -> dict[str | None, dict[str, Any]]:
    return {row["caller"]: row for row in shown(gateway, "caller", "list", *words)}


def alarms(gateway: Gateway, *words: str) -> list[str]:
    """Return the lines of what must be looked at; the exit status must say it, too."""
    result = run(gateway, "caller", "list", *words)
    lines: list[str] = [line for line in result.stdout.splitlines() if "; " in line]
    assert result.exit_code == (1 if lines else 0), result.output
    assert result.stdout.splitlines()[-len(lines) :] == lines or not lines
    return lines


def names(gateway: Gateway, caller: str = "web", *words: str) -> list[str]:
    return list(by_caller(gateway, *words)[caller]["new_fields"])
