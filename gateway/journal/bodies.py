"""The bytes of a post: kept in the row or in the file store, sealed, and read again."""

import logging
from collections.abc import Mapping
from typing import Any

from gateway.contract import Call, System
from gateway.sealing import CannotOpen

log = logging.getLogger("gateway.journal")

INLINE_BODY = 65_536
"""Bodies up to this many bytes stand in the row; larger ones lie in the file store."""

MOST_INLINE = 8_000_000
"""Bytes that may stand in the row where the file store fails; MariaDB takes 16 MB in one packet, in
which each is two characters."""

STRANGERS_BODY = 65_536
"""A stranger's body is kept up to this many bytes, a larger one by length and hash."""

ERASED = "erased"
"""The flag of a row from which a person was taken out."""

SEALED_ONLY = "secret"
"""The flag of a row whose bytes may hold credentials; such bytes are there only sealed."""


class Unreadable(Exception):
    """The bytes of a post cannot be read any more; the text says why, in one sentence."""


def keepable(call: Call, system: System) -> tuple[bytes | None, bytes | None]:
    """Return body and query of ``call`` as they may be kept; with secrets only if all is sealed."""
    if not system.sealer.is_active:
        return call.body, call.query
    return (
        call.unread if call.body is None else call.body,
        call.unread_query if call.query is None else call.query,
    )


def keep_body(call: Call, system: System, *, is_stranger: bool = False) -> dict[str, Any]:
    """Return where the bytes of ``call`` lie, as columns; a large body is put into its file now.

    ``flags`` is SEALED_ONLY where secrets may stand in what is kept, else empty.

    Files are written before the row that names them, so that no row ever names a missing file.
    Where the file store fails the body stands in the row. Raises what it fails by where the body
    is longer than every engine takes: such a post belongs in the spool.
    """
    body, query = keepable(call, system)
    if is_stranger and body is not None and len(body) > STRANGERS_BODY:
        body = None
    kept = {"body": None, "stored_sha256": None} if body is None else _put(body, call, system)
    has_body = kept["body"] is not None or kept["stored_sha256"] is not None
    is_secret = (call.body is None and has_body) or (call.query is None and query is not None)
    return {
        **kept,
        "query": system.sealer.seal(query) if query else None,
        "flags": SEALED_ONLY if is_secret else "",
    }


def _put(body: bytes, call: Call, system: System) -> dict[str, Any]:
    sealed = system.sealer.seal(body)
    if len(body) > INLINE_BODY:
        try:
            return {"body": None, "stored_sha256": system.files.put(sealed)}
        except Exception:
            log.exception("%s: the file store cannot take its body", call.request_id)
            if len(sealed) > MOST_INLINE:
                raise
    return {"body": sealed, "stored_sha256": None}


def read_body(
    row: Mapping[str, Any], system: System, *, with_secrets: bool = False
) -> bytes | None:
    """Return the body of a row of the journal, ``None`` where only length and hash were kept.

    ``row`` has the columns of ``Submission`` by name. A row whose bytes may hold credentials is
    read ``with_secrets`` only. Raises Unreadable.
    """
    _check(row, "body", with_secrets=with_secrets)
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


def read_query(row: Mapping[str, Any], system: System, *, with_secrets: bool = False) -> bytes:
    """Return the query string of a row of the journal, as ``read_body`` does the body."""
    _check(row, "query", with_secrets=with_secrets)
    return b"" if row["query"] is None else _opened(row["query"], system)


def is_erased(row: Mapping[str, Any]) -> bool:
    """Whether a person was taken out of the row: it can be counted and not be replayed."""
    return ERASED in _flags(row)


def _check(row: Mapping[str, Any], what: str, *, with_secrets: bool) -> None:
    if is_erased(row):
        raise Unreadable(f"the person was erased, and the {what} with it")
    if SEALED_ONLY in _flags(row) and not with_secrets:
        raise Unreadable(
            "credentials may stand in it; flask journal show ID --body --secret shows it"
        )


def _flags(row: Mapping[str, Any]) -> list[str]:
    return (row["flags"] or "").split(",")


def _opened(sealed: bytes, system: System) -> bytes:
    try:
        return system.sealer.open(bytes(sealed))
    except CannotOpen:
        raise Unreadable("none of GATEWAY_SECRET_KEYS opens it; its key was lost") from None
