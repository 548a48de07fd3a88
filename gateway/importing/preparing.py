"""A record of a file as a lead to insert: read by the schema and under the rules of a post."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, NamedTuple

from marshmallow import ValidationError

from gateway.commands.lead_set import settle
from gateway.contract import Caller, FormValue, Parsed, Rejected, System
from gateway.errors import BadForm, problem
from gateway.formats.dates import FIRST_YEAR
from gateway.importing.columns import EXTERNAL_IDS, LEAD_ID, TIMES
from gateway.importing.records import Record, texts
from gateway.importing.remembering import remembering
from gateway.normal import clean
from gateway.schema import Read, parse, read_together, settled
from gateway.store.bulk_leads import NewLead
from gateway.store.posts import Post
from gateway.store.references import NAMES, resolve

HIGHEST_ID = 9 * 10**15
"""A lead may not bring a higher id: 7 million million are left for those after it, until 2**53,
beyond which JavaScript and others who read all numbers of JSON as floats take one for another."""

_OWN = frozenset({LEAD_ID, EXTERNAL_IDS, *TIMES})

_ABSENT: Any = object()


_MODE = "insert"


class Form(NamedTuple):
    """What a record says, and what of it a post would send beside its mode; ``read`` are the values
    of that where they are read already."""

    whole: Mapping[str, FormValue]
    sent: Mapping[str, FormValue]
    read: Read | None


class Preparer:
    """Makes leads of records; what it has looked up holds until ``forget`` is called."""

    def __init__(
        self,
        system: System,
        caller: Caller,
        *,
        on_invalid: str,
        values: Mapping[str, FormValue],
        flags: frozenset[str],
        keep_ids: bool,
    ) -> None:
        self._system, self._caller, self._keep_ids = system, caller, keep_ids
        self._schema = remembering(system.schema)
        self._on_invalid = on_invalid or caller.on_invalid or system.settings.GATEWAY_ON_INVALID
        self._values, self._flags = values, flags
        self.forget()

    def forget(self) -> None:
        """Look rows that leads name up anew, and stamp what follows with the present time."""
        self._found: dict[tuple[str, Any], tuple[Any, tuple[Rejected, ...]]] = {}
        self._now = datetime.now(UTC)

    def forms(self, records: Sequence[Record]) -> list[Form]:
        """Return each of ``records`` as a form, its values read where they are with the others."""
        whole = [
            {**record.form, **self._values} if self._values else record.form for record in records
        ]
        sent = list(map(self._sent, whole))
        return list(map(Form, whole, sent, read_together(sent, self._schema)))

    def _sent(self, form: Mapping[str, FormValue]) -> Mapping[str, FormValue]:
        """Return what of ``form`` a post can say."""
        if self._keep_ids or EXTERNAL_IDS in form:
            return {name: sent for name, sent in form.items() if name not in _OWN}
        return form

    def lead(self, form: Form) -> NewLead:
        """Return the lead of ``form``. Raises BadForm, and FieldFault for a field's own code."""
        whole = form.whole
        own: dict[str, Any] = {}
        if self._keep_ids:
            own["lead_id"] = _kept_id(whole.get(LEAD_ID, ""))
            own["times"] = {
                name: moment
                for name in TIMES
                if (moment := _time(name, whole.get(name, ""))) is not None
            }
            own["note_times"] = _note_times(form.sent)
        if EXTERNAL_IDS in whole:
            own["external_ids"] = self._external_ids(whole[EXTERNAL_IDS])
        parsed = self._resolved(self._parsed(form))
        if self._flags:
            parsed = replace(parsed, flags=self._flags)
        kept = settle(parsed, self._schema, on_invalid=self._on_invalid)
        post = Post(parsed, self._caller, self._system, tuple(kept), self._now)
        return NewLead(post=post, **own)

    def _parsed(self, form: Form) -> Parsed:
        if form.read is None:
            sent = {"mode": _MODE, **form.sent}
            return parse(sent, self._schema, ignore_empty=self._caller.ignore_empty)
        return settled(form.read, form.sent, self._schema, mode=_MODE)

    def _resolved(self, parsed: Parsed) -> Parsed:
        """Return ``parsed`` as ``resolve`` does, with one look-up for each value of a batch."""
        named = [name for name in NAMES if parsed.changes.get(name) is not None]
        if not named:
            return parsed
        changes, rejected = dict(parsed.changes), list(parsed.rejected)
        for name in named:
            key = (name, changes[name])
            if key not in self._found:
                alone = resolve(
                    Parsed(mode="insert", changes={name: changes[name]}),
                    self._system.engine,
                    create_pools=self._system.settings.GATEWAY_CREATE_POOLS,
                )
                self._found[key] = (alone.changes.get(name, _ABSENT), alone.rejected)
            value, troubles = self._found[key]
            rejected.extend(troubles)
            if value is _ABSENT:
                del changes[name]
            else:
                changes[name] = value
        return replace(parsed, changes=changes, rejected=tuple(rejected))

    def _external_ids(self, sent: FormValue) -> tuple[str, ...]:
        several = _texts(sent)
        reader = self._system.schema.readers["external_id"]
        try:
            read = [reader.read(each, leading_plus=False) for each in several]
        except ValidationError as error:
            raise BadForm((reader.reject(sent, error, sent_as=EXTERNAL_IDS).problem,)) from None
        return tuple(each for each in read if isinstance(each, str))


def _texts(sent: FormValue) -> tuple[str, ...]:
    if isinstance(sent, str):
        return texts(sent) or ((sent,) if sent.strip() not in ("", "[]") else ())
    several = sent.values() if isinstance(sent, dict) else sent
    return tuple(each for each in several if isinstance(each, str))


def _kept_id(sent: FormValue) -> int:
    text = clean(sent) if isinstance(sent, str) else "?"
    if not text:
        raise BadForm((problem(LEAD_ID, "required", "missing (--keep-ids needs it on each line)"),))
    if text.isascii() and text.isdigit() and len(text) < 20 and 0 < int(text) <= HIGHEST_ID:
        return int(text)
    rule = (
        f"not a whole number from 1 to {HIGHEST_ID}, which leaves room for the ids of later leads; "
        "give this lead a lower id, or leave --keep-ids out"
    )
    raise BadForm((problem(LEAD_ID, "invalid", rule),))


def _time(name: str, sent: FormValue) -> datetime | None:
    text = clean(sent) if isinstance(sent, str) else "?"
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
        if moment.year < FIRST_YEAR:
            raise ValueError
    except (ValueError, OverflowError):
        rule = "not a time in ISO form (2026-01-31T12:00:00+00:00)"
        raise BadForm((problem(name, "invalid", rule),)) from None
    return moment


def _note_times(form: Mapping[str, FormValue]) -> tuple[datetime | None, ...]:
    """Return when each note of the lead was made, as far as an export has written it."""
    sent: Any = form.get("notes", "")
    if isinstance(sent, str):
        if '"at"' not in sent:
            return ()
        try:
            entries = json.loads(sent, strict=False)
        except (ValueError, RecursionError):
            return ()
    else:
        entries = list(sent.values()) if isinstance(sent, dict) else sent
    if not isinstance(entries, list):
        return ()
    first = [None] if form.get("note") else []
    return tuple(first) + tuple(
        _time("notes", each.get("at") or "") if isinstance(each, dict) else None for each in entries
    )
