"""The gateway without its journal, only to be measured: ``bench.unjournalled:app``.

Everything that a post does for the journal alone becomes nothing: the row, the keys by which a
person is found in it, the digest that finds retries, the body that is kept and the secrets that
are cut out of it. What costs next to nothing stays: the body's hash, the names of the fields that
are looked at for secrets.
"""

from typing import Any

from gateway import journal, repeats
from gateway.transport import redact


def _nothing(*_: Any, **__: Any) -> None:
    """Write no row."""


def _no_columns(*_: Any, **__: Any) -> dict[str, Any]:
    return {}


def _no_keys(*_: Any, **__: Any) -> frozenset[bytes]:
    return frozenset()


def _no_digest(*_: Any, **__: Any) -> bytes:
    return b""


def _uncut(raw: bytes) -> bytes:
    return raw


# All callers look these up in their module at the call, so this is the whole of it.
journal.record = _nothing
journal.keep_body = _no_columns
journal.search_keys = journal.sent_keys = _no_keys
journal.retry_digest = repeats.fields_digest = _no_digest
redact.form = _uncut

from wsgi import app  # noqa: E402

__all__ = ["app"]
