"""What custom fields ask of a whole form: that a value is there, that it goes with the others."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from marshmallow import ValidationError, fields, missing

from gateway.contract import CustomField, FormValue, Rejected
from gateway.errors import problem
from gateway.formats import broken
from gateway.json_text import as_json
from gateway.schema.messages import blamed
from gateway.schema.plain import LONGEST_JSON, TOO_LONG_TOGETHER
from gateway.schema.reading import EMPTY, Reader

if TYPE_CHECKING:
    from gateway.schema.building import LeadSchema

Values = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Across:
    """The fields that ask something, sorted out at start: a post pays for no others."""

    required: Set[str]
    required_if: tuple[tuple[str, Callable[[Values], bool]], ...]
    checks: Mapping[str, Callable[[Values], None]]
    defaults: Mapping[str, Any]
    sensitive: Set[str]
    examples: Mapping[str, str]


def across(custom: Iterable[CustomField], bound: Mapping[str, fields.Field]) -> Across:
    """Return what ``custom`` ask; ``bound`` are their fields as they read a post."""
    rows = list(custom)
    defaults = {
        row.name: default
        for row in rows
        if (default := bound[row.name].load_default) is not missing
    }
    return Across(
        required=frozenset(row.name for row in rows if bound[row.name].required),
        # A field with a default is never missing.
        required_if=tuple(
            (row.name, row.required_if)
            for row in rows
            if row.required_if and row.name not in defaults
        ),
        checks={row.name: row.check for row in rows if row.check},
        defaults=defaults,
        sensitive=frozenset(row.name for row in rows if row.sensitive) | {"govt_id"},
        examples={row.name: row.example for row in rows},
    )


def settle_custom(
    schema: LeadSchema,
    form: Mapping[str, FormValue],
    changes: dict[str, Any],
    rejected: list[Rejected],
    *,
    mode: str,
) -> Values:
    """Reject what is missing, does not go with the rest or is too long beside it; return the
    defaults for a new lead.

    Checks and conditions all see the values as they were read, whatever the others say of them.
    """
    asks = schema.across
    seen: Values = MappingProxyType(changes)
    bad = {each.problem.field for each in rejected}
    troubles: list[Rejected] = []
    if asks.checks:
        troubles = [
            trouble
            for name in changes
            if name in asks.checks and changes[name] is not None
            for trouble in _checked(schema, form, seen, name)
        ]
        bad.update(each.problem.field for each in troubles)
    if mode == "update":
        cleared = [name for name in changes.keys() & asks.required if changes[name] is None]
        troubles += [_required(name, "cannot be cleared", asks) for name in cleared]
        bad.update(cleared)
        defaults: Values = {}
    else:
        gone = asks.required - changes.keys() - bad
        gone |= {
            name
            for name, is_required in asks.required_if
            if name not in changes
            and name not in bad
            and _asked(name, is_required, seen, secret=not asks.sensitive.isdisjoint(seen))
        }
        troubles += [_required(name, "missing", asks) for name in gone]
        defaults = _defaults(schema, changes.keys() | bad)
    for trouble in troubles:
        changes.pop(trouble.problem.field, None)
    rejected += troubles
    rejected += _too_long_together(schema, form, changes)
    return defaults


def _too_long_together(
    schema: LeadSchema, form: Mapping[str, FormValue], changes: dict[str, Any]
) -> Iterator[Rejected]:
    """Take the longest custom values out of ``changes`` until the others can be stored as one."""
    sent = {name: changes[name] for name in changes if name in schema.custom}
    length = sum(len(each if type(each) is str else repr(each)) for each in sent.values())
    # No character takes more bytes.
    if length * 6 <= LONGEST_JSON:
        return
    sizes = {
        name: len(as_json({name: value}).encode())
        for name, value in schema.dump_custom(sent).items()
    }
    while sum(sizes.values()) > LONGEST_JSON:
        name = max(sizes, key=sizes.__getitem__)
        del sizes[name], changes[name]
        reader = schema.readers[name]
        sent_as = _sent_as(schema, form, reader)
        error = broken(TOO_LONG_TOGETHER, code="too_long")
        yield reader.reject(form[sent_as], error, sent_as=sent_as)


def _checked(
    schema: LeadSchema, form: Mapping[str, FormValue], seen: Values, name: str
) -> Iterable[Rejected]:
    reader = schema.readers[name]
    # Who has seen them all may quote any of them.
    secrets = [seen[each] for each in seen.keys() & schema.across.sensitive]
    try:
        with blamed(name, "checking its value", secret=bool(secrets)):
            schema.across.checks[name](seen)
    except ValidationError as error:
        sent_as = _sent_as(schema, form, reader)
        return (reader.reject(form[sent_as], error, sent_as=sent_as, secrets=secrets),)
    return ()


def _sent_as(schema: LeadSchema, form: Mapping[str, FormValue], reader: Reader) -> str:
    """Return the name in the form whose value counts: the last one that has a value."""
    for name in reversed(list(form)):
        if schema.readers.get(name) is reader:
            try:
                if reader.read(form[name], leading_plus=False) is not EMPTY:
                    return name
            except ValidationError:
                continue
    return reader.name


def _asked(name: str, is_required: Callable[[Values], bool], seen: Values, *, secret: bool) -> bool:
    with blamed(name, "asking whether it must be sent", secret=secret):
        return bool(is_required(seen))


def _required(name: str, what: str, asks: Across) -> Rejected:
    example = asks.examples[name]
    rule = f"{what} (such as {example})" if example else f"{what} (this system requires it)"
    return Rejected(problem(name, "required", rule), "")


def _defaults(schema: LeadSchema, sent: Set[str]) -> Values:
    found = {}
    for name, default in schema.across.defaults.items():
        if name in sent:
            continue
        with blamed(name, "making its default", secret=False):
            value = default() if callable(default) else default
        if value is not None:
            found[name] = value
    return found
