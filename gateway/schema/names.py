"""Which names a plugin may give to its fields and rules."""

import re

from gateway.contract import RESERVED
from gateway.models import Lead
from gateway.schema.building import DOCUMENTED

_COLUMNS = frozenset(Lead.__table__.c.keys())
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")


def why_no_name(name: object) -> str:
    """Return why ``name`` is none for a field or rule of a plugin, and what to do; "" if it is."""
    # A custom value called like a column would be hidden from rules by the column's own.
    reserved = RESERVED | _COLUMNS - DOCUMENTED
    if isinstance(name, str) and (name in reserved or name.startswith("ai_")):
        return f"the name {name!r} is reserved; choose another"
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        return (
            f"{name!r} is no name for a field or rule; "
            "use up to 64 letters, digits and _, beginning with a letter"
        )
    if name in DOCUMENTED:
        return f"{name!r} is a documented field and cannot be replaced; choose another name"
    return ""
