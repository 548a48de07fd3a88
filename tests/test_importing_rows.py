"""Rows of an import reach the database as those of posts do, however many a statement has."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from cli_runner import done, with_commands
from stored_rows import keys_are_right, lead

from gateway.schema import together
from gateway.store import bulk_rows
from gateway.testing import Gateway

NASTY = ["'", '"', "\\", "\\'", "%s %", "a\nb\tc\rd", "\\N", "é😀", "NULL", "); --", "?", "{}"]


def form(number: int) -> dict[str, str]:
    """Return the fields of a lead; most of them are not in each."""
    nasty = NASTY[number % len(NASTY)]
    fields = {
        "phone": f"503555{number:04}",
        "company": f"{number} {nasty}",
        "notes": json.dumps([{"Status": nasty, "Notes": f"{number} {nasty}"}, {"Notes": nasty}]),
        "tags": f"tag {number},{nasty}",
        "admin_notes": nasty if number % 3 else "",
        "vin": f"{number}{nasty}" if number % 2 else "",
        "lat": f"-{number}.000001" if number % 7 else "-0",
        "ok_to_text": "yes" if number % 5 else "",
        "external_id": f"{number} {nasty}" if number % 4 else "",
        "followup_date": f"2030-01-{number % 28 + 1:02} 10:00" if number % 6 else "",
    }
    return {name: value for name, value in fields.items() if value}


@pytest.mark.parametrize("sizes", [(1000, 2_000_000), (7, 2_000_000), (1000, 900)])
def test_rows_are_those_of_posts(
    make_gateway: Callable[..., Gateway],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    sizes: tuple[int, int],
) -> None:
    monkeypatch.setattr(bulk_rows, "ROWS_AT_ONCE", sizes[0])
    monkeypatch.setattr(bulk_rows, "MOST_CHARACTERS", sizes[1])
    monkeypatch.setattr(together, "FEWEST", 1)
    posts, imports = (with_commands(make_gateway("plugins.example")) for _ in range(2))
    forms = [form(number) for number in range(40)]
    for each in forms:
        body = urlencode({"command": "lead_set", "mode": "insert", **each})
        assert posts.post(body.encode()).status == 0
    path = tmp_path / "leads.jsonl"
    path.write_text("".join(json.dumps(each) + "\n" for each in forms))
    done(imports, "lead", "import", str(path))
    for lead_id in range(1001, 1041):
        posted, imported = (_timeless(lead(each, lead_id)) for each in (posts, imports))
        assert posted == imported
    assert keys_are_right(imports)


def _timeless(shown: dict[str, Any]) -> str:
    for name in ("match", "created_at", "updated_at"):
        del shown[name]
    for each in (*shown["notes"], *shown["events"]):
        each.pop("at", None), each.pop("created_at", None)
    return json.dumps(shown, indent=1)
