"""Step 1: an HTTP request as a call, an answer as an HTTP response; the only part that knows Flask.

The bytes are read here and not by the framework: its form loses what is not UTF-8, takes the first
of repeated names, and gives an empty form for a broken body.
"""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from flask import Flask, Response, redirect, request
from werkzeug import Response as AnyResponse

from gateway import page, readiness
from gateway.contract import Answer, Call, System
from gateway.dispatch import dispatch
from gateway.transport import call, direct, reading
from gateway.transport.identity import FORWARDED, client_address, new_request_id

_VARIABLES = (
    ("content-type", "CONTENT_TYPE"),
    *((name, f"HTTP_{name.upper().replace('-', '_')}") for name in (*call.HEADERS, FORWARDED)),
)
"""Where each header that is read stands in a WSGI environment."""

_HEADER_NAME = re.compile(r"[A-Za-z0-9-]{1,64}")
_MOST_HEADERS = 50

METHODS = ("GET", "HEAD", "POST", "OPTIONS")

NO_SNIFFING = {"X-Content-Type-Options": "nosniff"}
_CORS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": (
        "X-Request-Id, X-Gateway-Error, X-Gateway-Warning, X-Gateway-Decision, X-Gateway-Repeat"
    ),
}
_ALWAYS = _CORS | NO_SNIFFING
PREFLIGHT = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "GET, POST, OPTIONS",
    "Access-Control-Allow-Headers": (
        "content-type, authorization, accept, idempotency-key, x-dry-run, x-request-id"
    ),
    "Access-Control-Max-Age": "86400",
    "Vary": "Access-Control-Request-Headers",
}
"""What a browser asks before it posts across origins; there are no cookies to protect."""
_ASKED, _ALLOWED = "Access-Control-Request-Headers", "Access-Control-Allow-Headers"


def install(app: Flask, system: System) -> None:
    """Add the routes: each endpoint with and without a trailing slash, ``/`` and the two probes."""
    # A redirect would lose the post: an address with a doubled slash is another one instead.
    app.url_map.merge_slashes = False
    endpoints = system.settings.GATEWAY_ENDPOINTS
    receive = _receiver(system)
    plain = dict.fromkeys(endpoint.rstrip("/") for endpoint in endpoints)
    paths = [path for each in plain for path in (each, f"{each}/")]
    for path in paths:
        app.add_url_rule(path, "service", receive, methods=METHODS, provide_automatic_options=False)
    app.wsgi_app = direct.around(  # type: ignore[method-assign, assignment]
        app.wsgi_app, paths, lambda environ: _take(environ, system)
    )
    app.add_url_rule("/", "root", lambda: redirect(endpoints[0]))
    app.add_url_rule("/healthz", "healthz", lambda: _text(["ok"]))
    app.add_url_rule("/readyz", "readyz", lambda: _ready(system))
    app.after_request(_no_sniffing)


def _receiver(system: System) -> Callable[[], Response]:
    def receive() -> Response:
        if request.method == "OPTIONS":
            return Response(status=204, headers=_preflight(request.headers.get(_ASKED, "")))
        received = _request(request.environ, request.path, system)
        post = call.build(received, system.settings)
        if request.method != "POST" and not post.command and post.problem is None:
            return _response(_page(system), received.request_id)
        return _response(_answer(post, system), received.request_id)

    return receive


def _take(environ: Mapping[str, Any], system: System) -> Answer:
    """Return the answer to a post, with all its headers."""
    received = _request(environ, environ["PATH_INFO"], system)
    return _answer(call.build(received, system.settings), system)


def _answer(post: Call, system: System) -> Answer:
    answer = dispatch(post, system)
    headers = {"X-Request-Id": post.request_id, **answer.headers, **_ALWAYS}
    return Answer(answer.body, answer.content_type, headers, answer.http_status)


def _preflight(asked: str) -> dict[str, str]:
    """Return the answer to a preflight; a header that a script's library adds must not stop it."""
    named = _HEADER_NAME.findall(asked.lower())[:_MOST_HEADERS]
    ours = PREFLIGHT[_ALLOWED].split(", ")
    return PREFLIGHT | {_ALLOWED: ", ".join(dict.fromkeys(ours + named))}


def _request(environ: Mapping[str, Any], path: str, system: System) -> call.Request:
    headers = _headers(environ)
    method, settings = environ["REQUEST_METHOD"], system.settings
    body = reading.EMPTY
    if method == "POST":
        body = reading.read(environ, settings.GATEWAY_MAX_BODY)
    return call.Request(
        request_id=new_request_id(),
        received_at=datetime.now(UTC),
        method=method,
        path=path,
        address=client_address(
            headers,
            environ.get("REMOTE_ADDR") or "",
            proxies=settings.GATEWAY_TRUSTED_PROXIES,
        ),
        headers=headers,
        query=environ.get("QUERY_STRING", "").encode("latin-1"),
        body=body,
    )


def _headers(environ: Mapping[str, Any]) -> dict[str, str]:
    """Return the headers that a call is made of, by lower-case name."""
    return {name: environ[variable] for name, variable in _VARIABLES if variable in environ}


def _page(system: System) -> Answer:
    return page.answer(
        system,
        show=request.args.get("show"),
        accept=request.headers.get("Accept", ""),
        authorization=request.headers.get("Authorization", ""),
        ask_login="login" in request.args,
    )


def _response(answer: Answer, request_id: str) -> Response:
    response = Response(
        answer.body,
        status=answer.http_status,
        content_type=answer.content_type,
        headers=dict(answer.headers),
    )
    response.headers.setdefault("X-Request-Id", request_id)
    return response


def _ready(system: System) -> Response:
    found = readiness.check(system)
    return _text([*(found.missing or ("ready",)), *found.notes], 503 if found.missing else 200)


def _text(lines: list[str], status: int = 200) -> Response:
    return Response("\n".join(lines), status=status, mimetype="text/plain")


def _no_sniffing(response: AnyResponse) -> AnyResponse:
    response.headers.update(NO_SNIFFING)
    return response
