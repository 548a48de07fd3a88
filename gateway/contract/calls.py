"""What comes and what goes: the call, who makes it, the form as read, the reply, the answer."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from gateway.errors import Problem, Refused

FormValue = str | tuple[str, ...] | dict[str, Any]
"""What one name was sent as: once (text), several times (a tuple, in order), or as a PHP array or
JSON list or object (a dict of FormValue by key, in order; list items have the keys 0, 1, 2 …)."""

CREDENTIALS = frozenset(
    {"ai_login_id", "ai_login_password", "ai_token", "ai_sitecom_token", "form_key"}
)
"""Names that say who calls; they never reach a form."""

SECRETS = CREDENTIALS - {"ai_login_id"}
"""Names whose values are cut out of a body before it is written anywhere."""

CONTROLS = frozenset(
    {"command", "ai_command", "_charset_", "dry_run", "idempotency_key", "return_url"}
)
"""Names that steer a call and are no lead data."""

RESERVED = CREDENTIALS | CONTROLS | {"show", "Meta"}
"""Names that no plugin may register; Meta is a class of Marshmallow's in every schema."""


@dataclass(frozen=True, slots=True)
class Upload:
    """One upload, byte for byte: the part's (mangled) name, its file name as sent, its content."""

    field: str
    name: str
    content: bytes = dataclasses.field(repr=False)
    content_type: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """Who the caller says it is; empty text where nothing was sent."""

    login_id: str = ""
    password: str = field(default="", repr=False)
    site_token: str = field(default="", repr=False)
    token: str = field(default="", repr=False)
    form_key: str = field(default="", repr=False)
    authorization: str = field(default="", repr=False)
    in_address: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One post (or GET with a command) as read from the wire.

    ``form`` has neither credentials nor the command in it. ``leading_plus`` are the names whose
    value began with an unescaped ``+``, which a urlencoded body turns into a space. ``body`` and
    ``query`` are the bytes to keep in the journal: exact, but with the secrets cut out; ``body`` is
    ``None`` where it may not be kept (too large, or so broken that secrets cannot be found), and so
    is ``query``. ``unread`` and ``unread_query`` are then the bytes as they came, where there are
    any: secrets may stand in them, so they are kept sealed or not at all.
    ``started`` is a reading of ``time.perf_counter_ns``, for the duration in the journal.
    ``headers`` are those that the journal keeps so that the call can be made again.
    ``stored`` gets the id of the lead that the call stores, one at most: the journal has one row
    for both.
    ``late`` says that the post is done after its time (drained or replayed): it never overwrites
    what a later post has set. ``replay_of`` is the request id of the post that it repeats.
    ``corrected`` are the names that an operator has set or taken out for it.
    ``problem`` is set where the bytes could not be read; such a call is only refused and kept.
    """

    request_id: str
    received_at: datetime
    method: str = "POST"
    path: str = "/service"
    address: str = ""
    command: str = ""
    form: Mapping[str, FormValue] = field(default_factory=dict)
    uploads: tuple[Upload, ...] = ()
    leading_plus: frozenset[str] = frozenset()
    credentials: Credentials = field(default_factory=Credentials)
    dry_run: str = ""
    idempotency_key: str = ""
    accept: str = ""
    origin: str = ""
    content_type: str = ""
    caller_request_id: str = ""
    query: bytes | None = b""
    body: bytes | None = b""
    unread_query: bytes | None = field(default=None, repr=False)
    unread: bytes | None = field(default=None, repr=False)
    body_size: int = 0
    body_sha256: str = ""
    fallback_charset_used: bool = False
    headers: Mapping[str, str] = field(default_factory=dict)
    started: int = field(default_factory=time.perf_counter_ns)
    stored: list[int] = field(default_factory=list, repr=False, compare=False)
    late: bool = False
    replay_of: str = ""
    corrected: tuple[str, ...] = ()
    problem: Refused | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """A login as the steps see it: its name, kind, wishes, rights and defaults."""

    name: str
    kind: str = "api"
    login_id: int | None = None
    format: str = ""
    on_invalid: str = ""
    ignore_empty: bool = False
    may_dry_run: bool = True
    defaults: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What a command answers, before it is put into pairs, JSON or XML.

    ``status`` 0 is success. ``problems`` are the refusals, ``warnings`` the values kept aside.
    ``decision`` is what a dry run would do. ``recorded`` says that the journal's row was written
    with the lead; where it was not, dispatch writes it. ``repeat_of`` is the request id of the post
    whose answer this is, where it is given again.
    """

    status: int
    status_message: str
    lead_id: int | None = None
    problems: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()
    decision: Mapping[str, Any] | None = None
    recorded: bool = False
    repeat_of: str = ""


@dataclass(frozen=True, slots=True)
class Done:
    """What became of a call, by whom it was made, and what is answered."""

    reply: Reply
    outcome: str
    caller: Caller | None


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back over HTTP: the rendered reply, or a page."""

    body: bytes
    content_type: str
    headers: Mapping[str, str] = field(default_factory=dict)
    http_status: int = 200


@dataclass(frozen=True, slots=True)
class Rejected:
    """A sent value that cannot be taken, as it was sent, and why.

    ``keepable`` is false where the whole post must be refused whatever the policy (contract,
    "Never kept, always refused").
    """

    problem: Problem
    sent: str = field(repr=False)
    keepable: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Parsed:
    """A form as the schema read it: typed values of what was sent, and what could not be read.

    ``changes`` is keyed by documented or custom name, aliases resolved; ``None`` clears the field.
    ``uploads`` have their final file names. ``flags`` are the flags that are on. ``unknown`` are
    the sent names that no field claims. ``defaults`` are values of fields that were not sent, for a
    lead that the post makes.
    """

    mode: str
    changes: Mapping[str, Any]
    flags: frozenset[str] = frozenset()
    uploads: tuple[Upload, ...] = ()
    rejected: tuple[Rejected, ...] = ()
    unknown: tuple[str, ...] = ()
    defaults: Mapping[str, Any] = field(default_factory=dict)
