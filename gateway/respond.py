"""Step 6: a reply as pairs, JSON or XML, with the headers that go with it."""

import json
from collections.abc import Iterable
from functools import lru_cache
from urllib.parse import quote_plus, urlencode
from xml.sax.saxutils import escape, quoteattr

from config import Settings
from gateway.contract import Answer, Call, Caller, Reply

CONTENT_TYPES = {"json": "application/json", "xml": "application/xml; charset=utf-8"}
HEADER_LIMIT = 4000
"""Bytes of one of our headers; proxies drop answers whose headers are longer than 8 kB in all."""

_FOR_PAIRS = {"text/plain", "text/*", "*/*", "text/html"}
_BY_ACCEPT = {"application/json": "json", "application/xml": "xml", "text/xml": "xml"}
_CACHED_LENGTH = 64
_HTTP_ERRORS = {"too_large": 413, "spooled": 503, "spool_full": 503, "unavailable": 503}


def render(reply: Reply, call: Call, caller: Caller | None, settings: Settings) -> Answer:
    """Return ``reply`` as the caller wants it: by Accept, else by its login, else by setting.

    HTTP status is 200 also for a refusal, because old clients drop the body otherwise (contract,
    "The answer"), unless ``GATEWAY_HTTP_ERRORS`` is on.
    """
    wanted = (
        (_known if len(call.accept) <= _CACHED_LENGTH else _accepted)(call.accept)
        or (caller.format if caller else "")
        or settings.GATEWAY_RESPONSE_FORMAT
    )
    write = as_json if wanted == "json" else as_xml if wanted == "xml" else as_pairs
    codes = list(dict.fromkeys(problem.code for problem in reply.problems))
    http_status = 200
    if settings.GATEWAY_HTTP_ERRORS:
        http_status = next((_HTTP_ERRORS[code] for code in codes if code in _HTTP_ERRORS), 200)
    return Answer(
        body=write(reply).encode("utf-8", "backslashreplace"),
        content_type=CONTENT_TYPES.get(wanted, settings.GATEWAY_PAIRS_CONTENT_TYPE),
        headers=_headers(reply, call, codes),
        http_status=http_status,
    )


def as_pairs(reply: Reply) -> str:
    """Return URL-encoded pairs; several errors are ``status_message[0]``, ``[1]`` … as in PHP."""
    if not reply.problems:
        lead = "" if reply.lead_id is None else f"&lead_id={reply.lead_id}"
        return f"status={reply.status}&status_message={_quoted(reply.status_message)}{lead}"
    pairs: list[tuple[str, object]] = [("status", reply.status)]
    if len(reply.problems) > 1:
        pairs.extend(
            (f"status_message[{index}]", problem.message)
            for index, problem in enumerate(reply.problems)
        )
    else:
        pairs.append(("status_message", reply.status_message))
    if reply.lead_id is not None:
        pairs.append(("lead_id", reply.lead_id))
    return urlencode(pairs, errors="backslashreplace")


# Of the replies without a problem nearly all say the same.
@lru_cache(maxsize=256)
def _quoted(message: str) -> str:
    return quote_plus(message, errors="backslashreplace")


def as_json(reply: Reply) -> str:
    """Return a JSON object; a refusal has ``errors``, a dry run its ``decision``."""
    shown: dict[str, object] = {"status": reply.status, "status_message": _one_text(reply)}
    if reply.lead_id is not None:
        shown["lead_id"] = reply.lead_id
    if reply.problems:
        shown["errors"] = [
            {"field": problem.field, "code": problem.code, "message": problem.message}
            for problem in reply.problems
        ]
    if reply.decision is not None:
        shown["decision"] = dict(reply.decision)
    return json.dumps(shown, ensure_ascii=False, separators=(",", ":"))


def as_xml(reply: Reply) -> str:
    """Return ``<response>`` with the same; each error is ``<error field= code=>``."""
    parts = [
        f"<status>{reply.status}</status>",
        f"<status_message>{escape(_printable(_one_text(reply)))}</status_message>",
    ]
    if reply.lead_id is not None:
        parts.append(f"<lead_id>{reply.lead_id}</lead_id>")
    parts.extend(
        f"<error field={quoteattr(problem.field)} code={quoteattr(problem.code)}>"
        f"{escape(_printable(problem.message))}</error>"
        for problem in reply.problems
    )
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<response>{"".join(parts)}</response>'


def _one_text(reply: Reply) -> str:
    if len(reply.problems) > 1:
        return "; ".join(problem.message for problem in reply.problems)
    return reply.status_message


def _printable(text: str) -> str:
    """Return ``text`` without the characters that no XML document may hold."""
    return "".join(
        c
        for c in text
        if c in "\t\n\r" or " " <= c < "\ud800" or "\ue000" <= c < "\ufffe" or c > "\uffff"
    )


def _headers(reply: Reply, call: Call, codes: Iterable[str]) -> dict[str, str]:
    headers = {"X-Request-Id": call.request_id}
    if reply.problems:
        headers["X-Gateway-Error"] = _header(",".join(codes))
    if reply.warnings:
        headers["X-Gateway-Warning"] = _header("; ".join(each.message for each in reply.warnings))
    if reply.repeat_of:
        headers["X-Gateway-Repeat"] = reply.repeat_of
    if reply.decision is not None:
        headers["X-Gateway-Decision"] = _header(
            json.dumps(dict(reply.decision), separators=(",", ":"))
        )
    return headers


def _header(text: str) -> str:
    """Return ``text`` as one line of ASCII that fits into a header."""
    ascii_only = text.encode("ascii", "backslashreplace").decode("ascii")
    line = "".join(c if c.isprintable() else " " for c in ascii_only)
    return line if len(line) <= HEADER_LIMIT else f"{line[: HEADER_LIMIT - 4]} ..."


def _accepted(accept: str) -> str:
    """Return ``json`` or ``xml`` where ``accept`` asks for it and for nothing that pairs satisfy.

    axios and Angular send ``application/json, text/plain, */*`` by default and parse pairs today.
    """
    if not accept:
        return ""
    asked: dict[str, float] = {}
    for part in accept.lower().split(","):
        kind, *parameters = (word.strip() for word in part.split(";"))
        quality = next((_quality(word) for word in parameters if word.startswith("q=")), 1.0)
        if quality > 0:
            asked[kind] = quality
    if not _FOR_PAIRS.isdisjoint(asked):
        return ""
    ours = [kind for kind in asked if kind in _BY_ACCEPT]
    return _BY_ACCEPT[max(ours, key=asked.__getitem__)] if ours else ""


# A program sends the same with each post.
_known = lru_cache(maxsize=256)(_accepted)


def _quality(word: str) -> float:
    try:
        return float(word[2:])
    except ValueError:
        return 1.0
