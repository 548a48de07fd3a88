"""Golden cases: one behaviour as a TOML file; tests/cases/README.md describes the format."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from gateway.testing.client import FORM, Gateway, Response, basic

STEP_KEYS = {
    "request", "request_latin1", "request_file", "fill", "content_type", "headers", "method",
    "path", "query", "login", "response", "body", "http_status", "response_headers", "stored",
    "leads", "absent", "journal",
}  # fmt: skip
CASE_KEYS = {"title", "source", "plugins", "settings", "setup", "logins", "step"}


def run_case(path: Path, make_gateway: Callable[..., Gateway]) -> None:
    """Run the case in the file; raises AssertionError that names the step and every difference."""
    case = tomllib.loads(path.read_text(encoding="utf-8"))
    check_keys(case, CASE_KEYS, "the case")
    gateway = make_gateway(
        *case.get("plugins", ()),
        logins=case.get("logins"),
        setup=case.get("setup"),
        **case.get("settings", {}),
    )
    passwords = {each["name"]: each.get("password", "") for each in case.get("logins", ())}
    for number, step in enumerate(case["step"], start=1):
        check_keys(step, STEP_KEYS, f"step {number}")
        answer = _post(gateway, step, path.parent, passwords)
        differences = _check(gateway, step, answer)
        if differences:
            raise AssertionError(
                f"{case['title']}: step {number}\n" + "\n".join(differences) + f"\n{_show(answer)}"
            )


def check_keys(table: Mapping[str, Any], known: set[str], where: str) -> None:
    """Raise ValueError on a key that the runner would silently pass over."""
    unknown = table.keys() - known
    if unknown:
        raise ValueError(f"{where} has unknown keys: {', '.join(sorted(unknown))}")


def _post(
    gateway: Gateway, step: Mapping[str, Any], folder: Path, passwords: Mapping[str, str]
) -> Response:
    login = step.get("login", True)
    headers = dict(step.get("headers", {}))
    if isinstance(login, str):
        headers["Authorization"] = basic(login, passwords[login])
    return gateway.post(
        _request(step, folder),
        content_type=step.get("content_type", FORM),
        headers=headers,
        query=step.get("query", ""),
        method=step.get("method", "POST"),
        path=step.get("path", "/service"),
        anonymous=login is False,
    )


def _request(step: Mapping[str, Any], folder: Path) -> bytes:
    if "request_file" in step:
        body = (folder / step["request_file"]).read_bytes()
    elif "request_latin1" in step:
        body = step["request_latin1"].encode("latin-1")
    else:
        body = step.get("request", "").encode()
    for name, (text, times) in step.get("fill", {}).items():
        body = body.replace(b"{{%s}}" % name.encode(), text.encode("latin-1") * times)
    return body


def _check(gateway: Gateway, step: Mapping[str, Any], answer: Response) -> list[str]:
    """Return one line for each thing that is not as the step says."""
    found = [
        *compare(step.get("http_status", 200), answer.http_status, "http_status"),
        *_compare_headers(step.get("response_headers", {}), answer),
    ]
    if "response" in step:
        found += compare(set(step["response"]), set(answer.values), "names of the answer")
        found += compare(step["response"], answer.values, "response")
    if "body" in step:
        found += compare(step["body"], answer.body.decode(), "body")
    stored = step.get("stored", [])
    for wanted in stored if isinstance(stored, list) else [stored]:
        lead_id = wanted["lead"]
        fields = {name: value for name, value in wanted.items() if name != "lead"}
        found += compare(fields, gateway.lead(lead_id), f"lead {lead_id}")
    if "leads" in step:
        found += compare(step["leads"], gateway.count(), "number of leads")
    if "absent" in step and gateway.lead(step["absent"]) is not None:
        found.append(f"lead {step['absent']}: it exists")
    if "journal" in step:
        found += compare(step["journal"], (gateway.journal() or [{}])[-1], "journal")
    return found


def _compare_headers(wanted: Mapping[str, str], answer: Response) -> list[str]:
    found = []
    for name, value in wanted.items():
        found += compare(value, answer.headers.get(name, ""), f"header {name}")
    return found


def compare(wanted: Any, got: Any, where: str) -> list[str]:
    """Return the differences: a table is a subset, a list is whole, ``~…`` is a regex.

    A text stands for the ``text`` of a table (a note), for bytes, and ``""`` for what is not there.
    """
    if isinstance(wanted, dict) and isinstance(got, Mapping):
        return [
            line
            for name, value in wanted.items()
            for line in compare(value, got.get(name), f"{where}.{name}")
        ]
    if isinstance(wanted, list) and isinstance(got, list | tuple) and len(wanted) == len(got):
        return [
            line
            for position, (value, item) in enumerate(zip(wanted, got, strict=True))
            for line in compare(value, item, f"{where}[{position}]")
        ]
    if isinstance(wanted, str):
        if isinstance(got, Mapping):
            got = got.get("text")
        if isinstance(got, bytes):
            got = got.decode("latin-1")
        if wanted.startswith("~"):
            matches = isinstance(got, str) and re.search(wanted[1:], got)
            return [] if matches else [f"{where}: wanted /{wanted[1:]}/, got {got!r}"]
        if wanted == "" and got is None:
            return []
    same = type(wanted) is type(got) and wanted == got
    return [] if same else [f"{where}: wanted {wanted!r}, got {got!r}"]


def _show(answer: Response) -> str:
    headers = {name: value for name, value in answer.headers if name.startswith("X-Gateway")}
    return f"answer: {answer.body[:1000]!r} {headers}"
