"""Writes files, imports them, and reads what was stored and refused."""

import csv
import json
from pathlib import Path
from typing import Any

from cli_runner import run
from stored_rows import rows

from gateway.models import Lead
from gateway.testing import Gateway


def written(folder: Path, content: str | bytes, name: str = "leads.csv") -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def imported(gateway: Gateway, path: Path, *words: str, exit_code: int = 0) -> dict[str, Any]:
    result = run(gateway, "lead", "import", str(path), *words, "--json")
    assert result.exit_code == exit_code, result.output
    return dict(json.loads(result.stdout))


def leads(gateway: Gateway) -> list[dict[str, Any]]:
    return sorted(rows(gateway, Lead), key=lambda row: row["lead_id"])


def errors(path: Path) -> list[tuple[str, ...]]:
    with Path(f"{path}.errors.csv").open(encoding="utf-8", newline="") as file:
        return [tuple(row) for row in csv.reader(file)][1:]
