"""The bytes of a post: kept in the row or in the file store, sealed, and read again."""

import logging
from collections.abc import Mapping
from typing import Any

from gateway.contract import Call, System
from gateway.sealing import CannotOpen

log = logging.getLogger("gateway.journal")

INLINE_BODY = 65_536
"""Bodies up to this many bytes stand in the row; larger ones lie in the file store."""

MOST_INLINE = 8 * 1024 * 1024
"""Bytes that may stand in the row where the file store fails; MariaDB takes 16 MB in one packet."""

STRANGERS_BODY = 65_536
"""A stranger's body is kept up to this many bytes, a larger one by length and hash."""

ERASED = "erased"
"""The flag of a row from which a person was taken out."""


class Unreadable(Exception):
    """The bytes of a post cannot be read any more; the text says why, in one sentence."""


def keep_body(call: Call, system: System, *, is_stranger: bool = False) -> dict[str, Any]:
    """Return where the bytes of ``call`` lie, as columns; a large body is put into its file now.

    Files are written before the row that names them, so that no row ever names a missing file. A
    file store that fails must not cost the row: the body then stands in it, up to what every
    engine takes.
    """
    seal = system.sealer.seal
    kept = {"query": seal(call.query) if call.query else None, "stored_sha256": None}
    body = call.body
    if body is None or (is_stranger and len(body) > STRANGERS_BODY):
        return {**kept, "body": None}
    sealed = seal(body)
    if len(body) > INLINE_BODY:
        try:
            return {**kept, "body": None, "stored_sha256": system.files.put(sealed)}
        except Exception:
            log.exception("%s: the file store cannot take its body", call.request_id)
            if len(sealed) > MOST_INLINE:
                return {**kept, "body": None}
    return {**kept, "body": sealed}


def read_body(row: Mapping[str, Any], system: System) -> bytes | None:
    """Return the body of a row of the journal, ``None`` where only length and hash were kept.

    ``row`` has the columns of ``Submission`` by name. Raises Unreadable.
    """
    if is_erased(row):
        raise Unreadable("the person was erased, and the body with it")
    sealed = row["body"]
    if row["stored_sha256"] is not None:
        try:
            sealed = system.files.get(row["stored_sha256"])
        except FileNotFoundError:
            name = row["stored_sha256"]
            raise Unreadable(f"the body's file {name} is not in the file store") from None
        except OSError as error:
            raise Unreadable(f"the file store does not give it ({type(error).__name__})") from error
    return None if sealed is None else _opened(sealed, system)


def read_query(row: Mapping[str, Any], system: System) -> bytes:
    """Return the query string of a row of the journal. Raises Unreadable."""
    if is_erased(row):
        raise Unreadable("the person was erased, and the query with it")
    return b"" if row["query"] is None else _opened(row["query"], system)


def is_erased(row: Mapping[str, Any]) -> bool:
    """Whether a person was taken out of the row: it can be counted and not be replayed."""
    return ERASED in (row["flags"] or "").split(",")


def _opened(sealed: bytes, system: System) -> bytes:
    try:
        return system.sealer.open(bytes(sealed))
    except CannotOpen:
        raise Unreadable("none of GATEWAY_SECRET_KEYS opens it; its key was lost") from None
