"""Repeats: the answer to the first post under a key is the answer to all that repeat it.

A caller gives the key (``Idempotency-Key``), or it is made of all that was sent
(``GATEWAY_REPEAT_WINDOW``). Its row is the first thing that the transaction of a post writes, so
that parallel repeats wait for the one answer, and a death frees the key with all else. The answer
is what the journal says of the first post. docs/repeats.md tells it to callers.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, bindparam, delete, select, update
from sqlalchemy.dialects import mysql, postgresql, sqlite
from sqlalchemy.exc import OperationalError

from config import Settings
from gateway import database
from gateway.conflicts import waited_too_long
from gateway.contract import Call, Caller, System
from gateway.errors import CODES, BadForm, KeyReused, Problem, RepeatInProgress, problem
from gateway.json_text import as_json
from gateway.models import RepeatKey, Submission
from gateway.normal import digest

LONGEST_KEY = 200
"""Characters of a key; a UUID has 36."""

KEY_SECONDS = 24 * 60 * 60
"""How long the answer to a post with a key is given again, from when the post was received.

The journal keeps every post for a day at least, so the answer is there as long as the key.
"""

_FIELD = "idempotency_key"
# A String of RFC 8941, as draft-ietf-httpapi-idempotency-key-header wants the header.
_QUOTED = re.compile(r'"((?:[ !#-\[\]-~]|\\["\\])*)"')
_ESCAPED = re.compile(r'\\(["\\])')

_key = RepeatKey.__table__
_submission = Submission.__table__

_on_postgresql, _on_mariadb = postgresql.insert(_key), mysql.insert(_key)
_HOLD: dict[str, Any] = {
    "postgresql": _on_postgresql.on_conflict_do_update(
        index_elements=["digest"], set_={"digest": _on_postgresql.excluded.digest}
    ),
    "sqlite": sqlite.insert(_key).on_conflict_do_nothing(),
    "mysql": _on_mariadb.on_duplicate_key_update(digest=_on_mariadb.inserted.digest),
}
_HOLD["mariadb"] = _HOLD["mysql"]
"""Writes the row of a key, or waits until nobody else writes it and holds the one that is there."""

_ANSWER = ("outcome", "lead_id", "decision", "problems", "codes")
_find = (
    select(
        _key.c.fields,
        _key.c.request_id,
        _key.c.expires_at,
        _submission.c.superseded_by,
        *(_submission.c[name] for name in _ANSWER),
    )
    .outerjoin_from(_key, _submission, _submission.c.request_id == _key.c.request_id)
    .where(_key.c.digest == bindparam("key"))
)
_find_answer = select(*(_submission.c[name] for name in _ANSWER)).where(
    _submission.c.request_id == bindparam("id")
)
_take_over = update(_key).where(_key.c.digest == bindparam("key"))
_release = delete(_key).where(
    _key.c.digest == bindparam("key"), _key.c.request_id == bindparam("id")
)


@dataclass(frozen=True, slots=True)
class Key:
    """What the repeats of a post are known by: ``digest`` of caller and key, ``fields`` of what was
    sent. ``is_sent`` says that the caller gave the key: then refusals are kept under it, too.
    """

    digest: bytes
    fields: bytes
    seconds: int
    is_sent: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class First:
    """What became of the first post, as the journal has it."""

    request_id: str
    outcome: str
    action: str
    lead_id: int | None
    problems: tuple[Problem, ...]


class Repeated(Exception):
    """The post repeats one that was answered; nothing is done but to give that answer again."""

    def __init__(self, first: First) -> None:
        super().__init__(first.request_id)
        self.first = first


def key_of(call: Call, caller: Caller, settings: Settings) -> Key | None:
    """Return the key of ``call``, ``None`` where nothing makes it a repeat or a first.

    A replay has none: it is there to give another answer. Raises BadForm.
    """
    if call.replay_of:
        return None
    whose = [caller.login_id is None, caller.name]
    if call.idempotency_key:
        sent = _unquoted(call.idempotency_key)
        _check(sent)
        mark = digest("idempotency key", json.dumps([*whose, sent]))
        return Key(mark, fields_digest(call), KEY_SECONDS, is_sent=True)
    if settings.GATEWAY_REPEAT_WINDOW:
        fields = fields_digest(call)
        mark = digest("repeat window", json.dumps([*whose, fields.hex()]))
        return Key(mark, fields, settings.GATEWAY_REPEAT_WINDOW, is_sent=False)
    return None


def fields_digest(call: Call) -> bytes:
    """Return the digest of all that was sent: names, values and the bytes of uploads.

    The order of names does not count, nor do credentials and what steers the call.
    """
    uploads = [
        (each.field, each.name, sha256(each.content).hexdigest())
        for each in sorted(call.uploads, key=lambda each: each.field)
    ]
    form = sorted(call.form.items(), key=itemgetter(0))
    sent = [call.command, form, sorted(call.leading_plus), uploads]
    return digest("fields", as_json(sent))


def reserve(connection: Connection, key: Key, call: Call) -> None:
    """Hold ``key`` for ``call`` until the transaction ends; it must be the first thing held.

    Raises Repeated, KeyReused, and RepeatInProgress where the first post takes too long.
    """
    row = {
        "digest": key.digest,
        "fields": key.fields,
        "request_id": call.request_id,
        "expires_at": call.received_at + timedelta(seconds=key.seconds),
    }
    try:
        connection.execute(_HOLD[connection.dialect.name], row)
    except OperationalError as error:
        if waited_too_long(error):
            raise RepeatInProgress from None
        raise
    found = _row(connection, key)
    if found is None or found["request_id"] == call.request_id:
        return
    if _is_over(found, call.received_at):
        connection.execute(_take_over.values(row), {"key": key.digest})
        return
    _give_again(found, key)


def release(connection: Connection, key: Key, call: Call) -> None:
    """Free a key that ``call`` holds in a transaction which commits without the post."""
    connection.execute(_release, {"key": key.digest, "id": call.request_id})


def look(system: System, key: Key, call: Call) -> None:
    """Raise what ``reserve`` would, and hold nothing: for a dry run."""
    found = database.look_up(system.engine, lambda connection: _row(connection, key))
    if found is not None and not _is_over(found, call.received_at):
        _give_again(found, key)


def decision(first: First) -> dict[str, Any]:
    """Return what a dry run says of a post that would be a repeat."""
    return {"action": "repeat", "lead_id": first.lead_id, "repeat_of": first.request_id}


def forget(connection: Connection, before: datetime, at_most: int) -> int:
    """Delete keys that expired before this time; return how many."""
    old = select(_key.c.digest).where(_key.c.expires_at < before).limit(at_most)
    gone = connection.execute(old).scalars().all()
    if gone:
        connection.execute(delete(_key).where(_key.c.digest.in_(gone), _key.c.expires_at < before))
    return len(gone)


def _row(connection: Connection, key: Key) -> dict[str, Any] | None:
    row = connection.execute(_find, {"key": key.digest}).mappings().one_or_none()
    if row is None:
        return None
    if row["superseded_by"] is None:
        return dict(row)
    # The first post was refused, and accepted when it was replayed: that is its answer now.
    replay = connection.execute(_find_answer, {"id": row["superseded_by"]}).mappings().one_or_none()
    return dict(row) | (dict.fromkeys(_ANSWER) if replay is None else dict(replay))


def _is_over(found: Mapping[str, Any], now: datetime) -> bool:
    """Whether the key is free: it has expired, or its post is gone from the journal."""
    return bool(found["expires_at"] <= now) or found["outcome"] is None


def _give_again(found: Mapping[str, Any], key: Key) -> None:
    if found["fields"] != key.fields:
        raise KeyReused
    raise Repeated(
        First(
            request_id=found["request_id"],
            outcome=found["outcome"],
            action=(found["decision"] or {}).get("action", ""),
            lead_id=found["lead_id"],
            problems=tuple(_problems(found)),
        )
    )


def _problems(found: Mapping[str, Any]) -> list[Problem]:
    if found["problems"]:
        return [Problem(*each) for each in found["problems"]]
    # Of a person who was erased only the codes are left; of a success they were warnings.
    codes = "" if found["decision"] else found["codes"] or ""
    return [Problem("", code, CODES.get(code, code)) for code in codes.split(",") if code]


def _unquoted(text: str) -> str:
    quoted = _QUOTED.fullmatch(text)
    return text if quoted is None else _ESCAPED.sub(r"\1", quoted[1])


def _check(key: str) -> None:
    """Raise BadForm for a key that is none."""
    if not key.strip():
        raise BadForm((problem(_FIELD, "invalid", "empty between its quotes (send a new UUID)"),))
    if len(key) > LONGEST_KEY:
        rule = f"longer than {LONGEST_KEY} characters (a UUID is enough)"
        raise BadForm((problem(_FIELD, "too_long", rule),))
