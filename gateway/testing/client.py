"""A client on one running system: sends posts through the real app, reads what became of them."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlencode

from flask import Flask
from sqlalchemy import func, select
from werkzeug.datastructures import Headers

from gateway.contract import System
from gateway.models import Lead, Submission
from gateway.store.reading import show_lead

FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True)
class Response:
    """What came back: ``values`` are the pairs or the JSON object of the answer."""

    http_status: int
    headers: Headers
    body: bytes
    values: Mapping[str, Any] = field(default_factory=dict)

    @property
    def status(self) -> int | None:
        return self.values.get("status")

    @property
    def status_message(self) -> str | None:
        return self.values.get("status_message")

    @property
    def lead_id(self) -> int | None:
        return self.values.get("lead_id")


def read_answer(body: bytes, content_type: str) -> dict[str, Any]:
    """Return the pairs or the JSON object in ``body``, numbers as such; nothing of a page."""
    kind = content_type.partition(";")[0]
    if kind == "application/json":
        return dict(json.loads(body))
    if kind != "text/plain" or not body.startswith(b"status="):
        return {}
    pairs: dict[str, Any] = dict(
        parse_qsl(body.decode(), keep_blank_values=True, strict_parsing=True)
    )
    return pairs | {name: int(pairs[name]) for name in ("status", "lead_id") if name in pairs}


class Gateway:
    """A fresh system; every post is sent by ``login`` (name, password) unless it says otherwise."""

    def __init__(self, app: Flask, login: tuple[str, str] | None) -> None:
        self.app = app
        self.login = login
        self.system: System = app.extensions["gateway"]

    def send(
        self, *, command: str = "lead_set", mode: str = "insert", **fields: object
    ) -> Response:
        """Post one form; a list sends its name several times."""
        form = {"command": command, "mode": mode, **fields}
        return self.post(urlencode(form, doseq=True).encode())

    def post(
        self,
        body: bytes,
        *,
        content_type: str = FORM,
        headers: Mapping[str, str] | None = None,
        query: str = "",
        method: str = "POST",
        path: str = "/service",
        anonymous: bool = False,
    ) -> Response:
        """Post exactly these bytes."""
        sent = Headers(dict(headers or {}))
        if self.login and not anonymous:
            sent.setdefault("Authorization", basic(*self.login))
        answer = self.app.test_client(use_cookies=False).open(
            path,
            method=method,
            data=body,
            query_string=query,
            content_type=content_type or None,
            headers=sent,
        )
        return Response(
            http_status=answer.status_code,
            headers=answer.headers,
            body=answer.data,
            values=read_answer(answer.data, answer.headers.get("Content-Type", "")),
        )

    def lead(self, lead_id: int) -> dict[str, Any] | None:
        """Return the lead as ``flask lead show --json`` prints it, or None."""
        return show_lead(self.system.engine, lead_id, self.system.schema)

    def count(self) -> int:
        """Return how many leads there are."""
        with self.system.engine.connect() as connection:
            return connection.scalar(select(func.count()).select_from(Lead)) or 0

    def journal(self) -> list[dict[str, Any]]:
        """Return the rows of the journal, oldest first."""
        rows = select(Submission.__table__).order_by(Submission.received_at, Submission.request_id)
        with self.system.engine.connect() as connection:
            return [dict(row) for row in connection.execute(rows).mappings()]


def basic(name: str, password: str) -> str:
    """Return the header with which ``name`` logs in."""
    return "Basic " + b64encode(f"{name}:{password}".encode()).decode()
