"""The bytes of a request as a Call; pure, and without an exception for any bytes whatever."""

import logging
import re
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple

from config import Settings
from gateway import normal
from gateway.contract import CONTROLS, CREDENTIALS, Call, Credentials
from gateway.errors import BrokenBody, Refused, UnknownCommand
from gateway.transport import bodies, fields, forms, names, redact
from gateway.transport.bodies import Content
from gateway.transport.fields import Fields
from gateway.transport.identity import header_text
from gateway.transport.pairs import Pair, check_count
from gateway.transport.reading import EMPTY, Body

log = logging.getLogger("gateway.transport")

_TAKEN_OUT = CREDENTIALS | CONTROLS
_CONTROL_LENGTH = 255
_KEPT_HEADERS = ("accept", "content-encoding", "idempotency-key", "x-dry-run", "user-agent")
"""What the journal needs to make the call again, and to tell which program sent it."""
HEADERS = (*_KEPT_HEADERS, "authorization", "origin", "x-request-id")
"""Those that a call is made of, beside its Content-Type."""

_CACHED_LENGTH = 64
_COMMAND = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_NO_COMMAND = "?"
"""Stands for a command that is no name: whatever was sent, a password too, reaches no log."""


class Request(NamedTuple):
    """One HTTP request as it came: ``headers`` by lower-case name, ``query`` without its ``?``."""

    request_id: str
    received_at: datetime
    headers: Mapping[str, str]
    method: str = "POST"
    path: str = "/service"
    address: str = ""
    query: bytes = b""
    body: Body = EMPTY


def build(request: Request, settings: Settings) -> Call:
    """Return the call that ``request`` makes; ``Call.problem`` says why it cannot be taken.

    Never raises: every post gets an answer and its row in the journal.
    """
    started = time.perf_counter_ns()
    fallback = settings.GATEWAY_FALLBACK_CHARSET
    header = request.headers.get
    sent = Fields({})
    kept: bytes | None = None
    in_address = False
    problem: Refused | None = None
    try:
        content, problem = _content(
            _plain_body(request), header("content-type", ""), fallback=fallback
        )
        kept = content.kept
        address = forms.parse(request.query) if request.query else ()
        sent, in_address = _fields(content, address, fallback=fallback)
        problem = problem or _refusal(sent, request.method, settings)
    except Refused as refusal:
        problem = refusal
    except Exception:
        log.exception("%s could not be read", request.request_id)
        problem = Refused(f"Internal error, reference {request.request_id}", code="internal")
    query = redact.form(request.query)
    form = sent.form
    said = {name: names.single(form.pop(name)) for name in _TAKEN_OUT.intersection(form)}
    if not sent.has_only_words:
        form = {name: value for name, value in form.items() if _is_field(name)}
    return Call(
        request_id=request.request_id,
        received_at=request.received_at,
        method=request.method,
        path=request.path,
        address=request.address,
        command=_command(said),
        form=form,
        uploads=sent.uploads,
        leading_plus=sent.leading_plus,
        credentials=Credentials(
            login_id=said.get("ai_login_id", ""),
            password=said.get("ai_login_password", ""),
            site_token=said.get("ai_sitecom_token", ""),
            token=said.get("ai_token", ""),
            form_key=said.get("form_key", ""),
            authorization=header("authorization", ""),
            in_address=in_address,
        ),
        dry_run=_given(said, "dry_run") or header_text(header("x-dry-run", "")),
        idempotency_key=(
            _key(said.get("idempotency_key", "")) or _key(header("idempotency-key", ""))
        ),
        accept=header("accept", ""),
        origin=_kept_header(request.headers, "origin"),
        content_type=_kept_header(request.headers, "content-type"),
        caller_request_id=_kept_header(request.headers, "x-request-id"),
        headers=_kept_headers(request.headers),
        query=query,
        body=kept,
        unread_query=request.query if query is None else None,
        unread=(request.body.content or None) if kept is None else None,
        body_size=request.body.size,
        body_sha256=request.body.sha256,
        fallback_charset_used=sent.fallback_charset_used,
        started=started,
        problem=problem,
    )


def _plain_body(request: Request) -> bytes:
    """Return the body, where it arrived whole and is not compressed."""
    if request.body.problem is not None:
        raise request.body.problem
    encoding = request.headers.get("content-encoding", "").strip().lower()
    if encoding not in ("", "identity"):
        raise BrokenBody(
            f"The Content-Encoding {header_text(encoding, 40)} is not supported; "
            "send the body as it is",
            code="unsupported_body",
        )
    return request.body.content or b""


def _content(body: bytes, content_type: str, *, fallback: str) -> tuple[Content, Refused | None]:
    """Return what ``body`` holds, or nothing but the bytes to keep, and why it cannot be read."""
    try:
        return bodies.read(body, content_type, fallback=fallback), None
    except BrokenBody as refusal:
        return Content(kept=redact.unread(body)), refusal


def _fields(content: Content, address: Sequence[Pair], *, fallback: str) -> tuple[Fields, bool]:
    """Return the fields of body and address together, and whether the address has credentials."""
    ready, declared = content.fields, content.declared
    if ready is not None:
        count = len(ready.form)
    else:
        count = len(content.pairs) + len(content.json_values or ())
    check_count(len(address) + count)
    if ready is not None:
        body = ready
    elif content.json_values is None:
        body = fields.from_pairs(content.pairs, declared=declared, fallback=fallback)
    else:
        body = fields.from_json(content.json_values)
    if not address:
        return body, False
    beside = fields.from_pairs(address, declared=declared, fallback=fallback)
    return fields.merge(beside, body), not CREDENTIALS.isdisjoint(beside.form)


def _refusal(sent: Fields, method: str, settings: Settings) -> Refused | None:
    """Return why the command that was sent cannot be taken, as far as its bytes tell."""
    one, other = sent.form.get("command", ""), sent.form.get("ai_command", "")
    if isinstance(one, dict) or isinstance(other, dict):
        return UnknownCommand("command: must be one name, not a list")
    one, other = _control(names.single(one)), _control(names.single(other))
    if one and other and one != other:
        return UnknownCommand("command: command and ai_command differ; send one of them")
    # What only asks for headers must never store anything.
    taken = method == "POST" or (method == "GET" and settings.GATEWAY_ALLOW_GET)
    if (one or other) and not taken:
        return Refused(
            f"command: not taken by {method}; send it by POST", code="method_not_allowed"
        )
    return None


def _command(said: Mapping[str, str]) -> str:
    command = _given(said, "command") or _given(said, "ai_command")
    return command if not command or _COMMAND.fullmatch(command) else _NO_COMMAND


def _kept_headers(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: kept for name in _KEPT_HEADERS if (kept := _kept_header(headers, name))}


def _kept_header(headers: Mapping[str, str], name: str) -> str:
    """Return the header as the journal may have it: not at all where a secret may stand in it."""
    sent = headers.get(name)
    if not sent:
        return ""
    return _known_header(sent) if len(sent) <= _CACHED_LENGTH else _without_secret(sent)


def _without_secret(sent: str) -> str:
    text = header_text(sent)
    return "" if redact.mentions(text.encode()) else text


def _given(said: Mapping[str, str], name: str) -> str:
    return _control(said.get(name, ""))


def _control(text: str) -> str:
    if not text:
        return ""
    # Cut first: NFC takes a time that grows with the square of a run of combining marks.
    return normal.storable(normal.clean(text[:_CONTROL_LENGTH]))[:_CONTROL_LENGTH]


def _key(text: str) -> str:
    """Return an idempotency key, or of one longer than any may be so much that it is refused.

    Two keys must never become one, so what is left of the long one stays too long.
    """
    if len(text) <= _CONTROL_LENGTH:
        return _control(text)
    return _control(text).ljust(_CONTROL_LENGTH, "?")


def _is_field(name: str) -> bool:
    """Return whether ``name`` may reach the journal as that of a field, known or not."""
    return _is_name(name) if len(name) <= _CACHED_LENGTH else _may_be_kept(name)


def _may_be_kept(name: str) -> bool:
    return not redact.holds_secret(name.encode("utf-8", "surrogatepass"))


# The same names come with every post, and the same headers from every form.
_is_name = lru_cache(maxsize=4096)(_may_be_kept)
_known_header = lru_cache(maxsize=1024)(_without_secret)
