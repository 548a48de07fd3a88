"""What plugins add words to, fields, match rules and commands, and the System made of them all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import KW_ONLY, dataclass
from typing import TYPE_CHECKING, Any

from gateway.contract.calls import Call, Caller, Reply

if TYPE_CHECKING:
    from marshmallow import fields
    from sqlalchemy import Engine

    from config import Settings
    from gateway.auth import Logins, Passwords, Snapshot
    from gateway.files import FileStore
    from gateway.hooks import Hooks
    from gateway.journal.strangers import Strangers
    from gateway.outage import Breaker
    from gateway.schema import LeadSchema
    from gateway.sealing import Sealer
    from gateway.spool import Spool
    from gateway.store.group import Group


@dataclass(frozen=True, slots=True)
class CustomField:
    """A field of a lead: its wire name and the Marshmallow field that reads it.

    The documented fields are made of the same. ``aliases`` are other wire names for the field;
    ``sensitive`` values are masked wherever they are shown.
    ``required_if(values)`` says of the typed values of an insert whether this one must be there, as
    ``required=True`` of the Marshmallow field says of every insert; ``load_default`` is stored with
    a new lead. ``check(values)`` raises ValidationError where the value does not go with the
    others; ``values`` are what was sent, by field name, and cannot be changed.
    """

    name: str
    field: fields.Field
    _: KW_ONLY
    label: str = ""
    help: str = ""
    example: str = ""
    group: str = ""
    sensitive: bool = False
    aliases: tuple[str, ...] = ()
    required_if: Callable[[Mapping[str, Any]], bool] | None = None
    check: Callable[[Mapping[str, Any]], None] | None = None


@dataclass(frozen=True, slots=True)
class Alias:
    """Another wire name, ``name``, for the documented field ``of``: a client's own spelling."""

    name: str
    of: str


@dataclass(frozen=True, slots=True)
class MatchRule:
    """A rule that finds the lead of a post: ``keys(lead)`` gives keys, the same for one person.

    ``lead`` is a mapping of wire names to values, custom ones included; no key where a part is
    missing. ``confirm(new, old)`` may reject a candidate whose keys are equal. Whoever changes what
    a rule gives raises its ``version``: ``flask match status`` then shows the keys made before.
    ``exact`` says that its keys heed case and spaces; the conformance check else forbids it.
    """

    name: str
    keys: Callable[[Mapping[str, Any]], Iterable[str]]
    _: KW_ONLY
    confirm: Callable[[Mapping[str, Any], Mapping[str, Any]], bool] | None = None
    help: str = ""
    version: int = 1
    exact: bool = False


@dataclass(frozen=True, slots=True)
class Command:
    """A command of the endpoint: its wire name and the function that answers it.

    ``check(call, system, caller)`` raises Refused where the call must be refused whatever is
    stored; it is asked in place of ``run`` while the database is away, and must not need it.
    """

    name: str
    run: Callable[[Call, System, Caller], Reply]
    _: KW_ONLY
    help: str = ""
    check: Callable[[Call, System, Caller], None] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LeadEvent:
    """What has happened to a lead, told after the commit; ``action`` is created or updated."""

    lead_id: int
    action: str
    lead: Mapping[str, Any]
    changes: Mapping[str, Any]
    request_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class System:
    """One running system, frozen at start: settings, vocabularies, hooks, database, files."""

    settings: Settings
    schema: LeadSchema
    match_rules: Mapping[str, MatchRule]
    commands: Mapping[str, Command]
    hooks: Hooks
    plugins: tuple[str, ...]
    engine: Engine
    files: FileStore
    passwords: Passwords
    logins: Logins
    group: Group[Any]
    sealer: Sealer
    strangers: Strangers
    snapshot: Snapshot
    breaker: Breaker
    spool: Spool
