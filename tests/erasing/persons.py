"""A person with all that can be held on one, a bystander, and what is left of them."""

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import select

from gateway.models import db
from gateway.testing import Gateway
from tests.cli_runner import done

MARK = "Zyxw"
"""Stands in everything that the erased person ever sent; nobody else has it."""


def person(**more: str) -> dict[str, str]:
    """Return a form that has the mark in every field that takes a text."""
    return {
        "external_id": f"{MARK}-1",
        "full_name": f"{MARK}anna {MARK}son",
        **{name: f"{MARK} {name}" for name in ("company", "address", "address_2", "city")},
        **{name: f"{MARK} {name}" for name in ("state", "country", "skype", "besttime")},
        **{name: f"{MARK} {name}" for name in ("priority", "source", "sub_id", "sub_id2")},
        "admin_notes": f"{MARK} admin",
        "govt_id": f"{MARK}-9",
        "zip": f"{MARK}1",
        "phone": "503-555-7711",
        "cell": "503-555-7712",
        "email": f"{MARK}@example.com",
        "note": f"{MARK} note",
        "notes": json.dumps([{"Status": MARK, "Notes": f"{MARK} notes"}]),
        "tags": f"{MARK},{MARK}2",
        "vin": f"{MARK}1234",
        "followup_date": "2031-02-03 04:05:06",
        "upload_file_name": f"{MARK}.txt",
        "upload_file_contents": f"{MARK} contents",
        "lat": f"{MARK} kept aside",
        f"{MARK}_unknown": f"{MARK} unknown",
        **more,
    }


def remains(gateway: Gateway) -> Iterator[str]:
    """Yield where the mark or a phone of the person still stands: in a table or in a file."""
    marks = [text.encode() for text in (MARK, MARK.lower(), "555771", "555-771", "555 771")]
    with gateway.system.engine.connect() as connection:
        for table in db.metadata.tables.values():
            for row in connection.execute(select(table)).mappings():
                for name, value in row.items():
                    if isinstance(value, datetime | int):
                        continue  # any digits may stand in a time or a duration
                    raw = value if isinstance(value, bytes) else str(value).encode()
                    if any(mark in raw for mark in marks):
                        yield f"{table.name}.{name}"
    for path in Path(gateway.system.files.root).rglob("*"):
        if path.is_file() and any(mark in path.read_bytes() for mark in marks):
            yield f"file {path}"


def rows(gateway: Gateway, table: Any) -> list[Any]:
    with gateway.system.engine.connect() as connection:
        return list(connection.execute(select(table).order_by(*table.primary_key)).mappings())


def plant(gateway: Gateway) -> int:
    """Return a lead of which there are traces of every kind; beside it somebody else's."""
    lead_id = gateway.send(**person()).lead_id
    assert lead_id
    gateway.send(mode="update", lead_id=str(lead_id), phone="503-555-7713", city=f"{MARK} Rome")
    gateway.send(mode="update", lead_id=str(lead_id), external_id=f"{MARK}-2")
    other = gateway.send(full_name=f"{MARK}bert {MARK}son", note=f"{MARK} other").lead_id
    done(gateway, "lead", "merge", str(lead_id), str(other))
    gateway.send(mode="update", lead_id=str(other), company=f"{MARK} & Co")
    gateway.send(**person(mode="upsert", external_id=""))
    gateway.send(mode="insert", external_id=f"{MARK}-1")
    gateway.send(mode="update", lead_id="77", phone="(503) 555 7713", note=f"{MARK} lost")
    gateway.send(**person(mode="insert", external_id=f"{MARK}-3", dry_run="1"))
    # Larger than a row: the body lies in the file store.
    gateway.send(mode="upsert", email=f"{MARK}@example.com", note=f"{MARK} " * 20_000)
    gateway.post(
        f"command=lead_set&mode=insert&phone=5035557712&note={MARK}&ai_login_id={MARK}".encode(),
        query=f"city={MARK}",
        headers={"Origin": f"https://{MARK}.example", "User-Agent": MARK, "X-Request-Id": MARK},
        anonymous=True,
    )
    # Only the name and the address tell who this is.
    gateway.send(
        mode="upsert",
        **{name: person()[name] for name in ("full_name", "address")}
        | {"address_2": person()["address_2"]},
    )
    return lead_id


def bystander(gateway: Gateway) -> tuple[int, str]:
    """Return a lead that shares a file and a phone with the person, and a refused namesake."""
    shared = {"upload_file_name": "a.txt", "upload_file_contents": "shared"}
    lead_id = gateway.send(full_name="Bob Roe", phone="503-555-0177", **shared).lead_id
    gateway.send(mode="upsert", full_name="Bob Roe", phone="503-555-0178")
    assert lead_id
    return lead_id, gateway.journal()[-1]["request_id"]
