"""All logins as this process last saw them, for the time in which the database is away."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Engine, select

from gateway.database import look_up
from gateway.models import Login

REFRESH_SECONDS = 30
"""How often a worker takes the snapshot anew."""

_login = Login.__table__


class Snapshot:
    """The rows of all logins by name and by digest of their token; nothing before the first."""

    def __init__(self) -> None:
        self._rows: Mapping[tuple[str, str], Any] | None = None

    @property
    def is_taken(self) -> bool:
        """Whether this process has ever seen the logins."""
        return self._rows is not None

    def refresh(self, engine: Engine) -> None:
        """Take it anew; where that fails the old one stays."""
        self._rows = look_up(engine, _all)

    def get(self, key: tuple[str, str]) -> Any:
        """Return the row of ``("name", name)`` or ``("token", digest)``; ``None`` if unknown."""
        return (self._rows or {}).get(key)


def _all(connection: Connection) -> Mapping[tuple[str, str], Any]:
    found: dict[tuple[str, str], Any] = {}
    for row in connection.execute(select(_login)):
        found["name", row.name] = row
        if row.token_digest is not None:
            found["token", row.token_digest] = row
    return found
