"""The documentation page: what this system takes and answers, made from what it runs on.

``GET /service`` lists the commands, ``?show=lead_set`` is the page of one, in the old layout with
this system's own fields in it. A browser gets HTML, everything else plain text.
"""

import base64
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from sqlalchemy.exc import SQLAlchemyError

from gateway.auth import identify
from gateway.contract import Answer, Credentials, System
from gateway.errors import CODES, AuthenticationFailed
from gateway.page.content import command_page
from gateway.page.rows import named_rows

TEMPLATES = Path(__file__).parent / "templates"

_environment = Environment(
    loader=FileSystemLoader(TEMPLATES),
    autoescape=select_autoescape(["html"]),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)

STYLE = (TEMPLATES / "style.css").read_text(encoding="utf-8")
_STYLE_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()

HTML_HEADERS = {
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
}
"""Nothing but our own style sheet: no script, no picture, no form, no frame around it."""

CHALLENGE = {"WWW-Authenticate": 'Basic realm="Lead Gateway", charset="UTF-8"'}


def answer(
    system: System, *, show: str | None, accept: str, authorization: str, ask_login: bool
) -> Answer:
    """Return the list of commands, or the page of the command ``show``; 404 for an unknown one.

    ``GATEWAY_DOCS`` says who may read it: ``off`` is 404, ``login`` asks for one by 401, and so
    does ``ask_login`` on a public page, for the statuses and pools that only a login may see.
    """
    docs = system.settings.GATEWAY_DOCS
    if docs == "off":
        return _sentence("This system has no documentation page.", 404)
    logged_in = _is_known(authorization, system)
    if not logged_in and (docs == "login" or ask_login):
        return _sentence("This page needs a login: its id and password.", 401, CHALLENGE)
    wanted = (show or "").strip()
    facts: dict[str, Any] = {
        "commands": tuple(system.commands.values()),
        "codes": CODES,
        "url": system.settings.GATEWAY_DOCS_URL,
        "logged_in": logged_in,
        "named_rows": named_rows(system.engine) if logged_in else (),
        "style": STYLE,
        "missing": bool(wanted) and wanted not in system.commands,
        "show": "",
    }
    if wanted in system.commands:
        facts |= {"show": wanted, "page": command_page(system, system.commands[wanted])}
    return _page(facts, as_html=_takes_html(accept))


def _is_known(authorization: str, system: System) -> bool:
    # Without this an open system (GATEWAY_ALLOW_ANONYMOUS) would know everybody.
    if not authorization.strip():
        return False
    try:
        caller = identify(Credentials(authorization=authorization), system)
    except (AuthenticationFailed, SQLAlchemyError):  # the page is there without the database too
        return False
    return caller.login_id is not None


def _page(facts: Mapping[str, Any], *, as_html: bool) -> Answer:
    name = "command" if facts["show"] else "index"
    template = _environment.get_template(f"{name}.html" if as_html else f"{name}.txt")
    # A page for a login must not be kept for others, nor HTML be given to curl.
    headers = {
        "Vary": "Accept, Authorization",
        "Cache-Control": "no-store" if facts["logged_in"] else "no-cache",
    }
    return Answer(
        body=template.render(facts).encode(),
        content_type="text/html; charset=utf-8" if as_html else "text/plain; charset=utf-8",
        headers=headers | HTML_HEADERS if as_html else headers,
        http_status=404 if facts["missing"] else 200,
    )


def _sentence(text: str, http_status: int, headers: Mapping[str, str] | None = None) -> Answer:
    return Answer(
        body=f"{text}\n".encode(),
        content_type="text/plain; charset=utf-8",
        headers={"Cache-Control": "no-store", **(headers or {})},
        http_status=http_status,
    )


def _takes_html(accept: str) -> bool:
    """Whether ``accept`` names HTML: browsers do, ``*/*`` of curl and of libraries does not."""
    for part in accept.lower().split(","):
        kind, *parameters = (word.strip() for word in part.split(";"))
        if kind in ("text/html", "application/xhtml+xml"):
            return not any(word.startswith("q=0") and not word.strip("q=0.") for word in parameters)
    return False
