"""Leads with sensitive values, and where those lie and how they are sealed."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import text

from gateway.models import db
from gateway.sealing import TEXT_MARK, Sealer
from gateway.testing import Gateway
from tests.cli_runner import done, shown
from tests.test_sealing import KEYS

PLAIN = "QzvQzv"
"""Stands in what is sensitive; four characters of it may be shown."""


ONE, TWO = (Sealer([key]).writes for key in KEYS[:2])


def cells(gateway: Gateway) -> Iterator[tuple[str, bytes]]:
    """Yield every value of every table as it lies there, with its table and column."""
    with gateway.system.engine.connect() as connection:
        for table in db.metadata.tables.values():
            name = connection.dialect.identifier_preparer.format_table(table)
            for row in connection.execute(text(f"SELECT * FROM {name}")).mappings():
                for column, value in row.items():
                    raw = bytes(value) if isinstance(value, bytes | memoryview) else None
                    yield f"{table.name}.{column}", raw or str(value).encode()


def remains(gateway: Gateway, mark: str = PLAIN) -> list[str]:
    """Return where the mark still stands in plain text: in a table or in a file."""
    found = [where for where, value in cells(gateway) if mark.encode() in value]
    found += [
        f"file {path}"
        for path in Path(gateway.system.files.root).rglob("*")
        if path.is_file() and mark.encode() in path.read_bytes()
    ]
    return sorted(set(found))


def plant(gateway: Gateway) -> int:
    """Return a lead with sensitive values that were set, changed, merged, refused and large."""
    lead_id = gateway.send(
        last_name="Lee",
        govt_id=f"{PLAIN}-1",
        passport=f"{PLAIN}-2",
        numbers="77001177",
        color=f"{TEXT_MARK}1.red",
        note="n",
    ).lead_id
    assert lead_id
    gateway.send(mode="update", lead_id=lead_id, govt_id=f"{PLAIN}-3", passport=f"{PLAIN}-4")
    gateway.post(
        f"command=lead_set&mode=update&lead_id={lead_id}".encode(), query=f"passport={PLAIN}-5"
    )
    other = gateway.send(last_name="Roe", govt_id=f"{PLAIN}-6", passport=f"{PLAIN}-7").lead_id
    done(gateway, "lead", "merge", str(lead_id), str(other))
    gateway.send(mode="update", lead_id="77", govt_id=f"{PLAIN}-8")
    gateway.send(mode="update", lead_id=lead_id, note=f"{PLAIN} " * 20_000, tags="x")
    gateway.send(mode="insert", last_name="Poe", govt_id=f"{PLAIN}-9", dry_run="1")
    return lead_id


def read_all(gateway: Gateway, lead_id: int) -> dict[str, Any]:
    """Return everything that can be read of the lead and of all posts, unmasked."""
    export: dict[str, Any] = json.loads(done(gateway, "lead", "export-person", str(lead_id)))
    bodies = [
        shown(gateway, "journal", "show", row["request_id"], "--body") for row in gateway.journal()
    ]
    return {
        "export": export,
        "bodies": [(row["body"], row["query"], row["unreadable"]) for row in bodies],
    }


def ids_of(gateway: Gateway) -> dict[str, set[str]]:
    found = shown(gateway, "secrets", "status")
    assert found["unreadable"] == 0
    return {name: set(each) for name, each in found["values"].items()}


def every(key_id: str) -> dict[str, set[str]]:
    kinds = {name: {key_id} for name in ("leads", "history", "posts", "files")}
    return kinds | {"spool": set()}
