"""The rows of an import are the same whether they are made before their transaction or in it."""

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from enum import IntEnum
from pathlib import Path
from typing import Any

import pytest
from cli_runner import with_commands
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select
from stored_rows import add, keys_are_right, rows

from gateway.importing import reading
from gateway.matching import rules
from gateway.models import Lead, LeadEvent, LeadExternalId, LeadNote, LeadTag, MatchKey
from gateway.normal import phone_key
from gateway.schema import together
from gateway.store import bulk
from gateway.store.bulk_rows import sheet_of, write
from gateway.testing import Gateway
from tests.importing.imported_files import errors, imported, written

SETUP = {"pools": ["Main"]}
FILE = (
    "full_name,phone,tags,note,followup_date,external_id,pool,lat,vin\n"
    'Ann Lee,503 555 0100,"a,B","n\\t1",2030-01-01,A,Main,1.5,x\n'
    "Bob Ray,503 555 0101,,,,B,New,,\n"
    '"J""o\\N",,,,,,,,y\n'
    "Ann Lee,503 555 0100,a,n,,A,,,\n"  # its external id is that of the first line
    "Eve Kay,x,,,2030-01-01,,New,not a number,\n"
)


ITS_OWN = ("created_at", "updated_at", "request_id", "match", "note_id", "event_id", "pool_id")
"""Columns that differ from run to run: the ids among them are those of other tables' counters."""


def stored(gateway: Gateway) -> list[list[str]]:
    """Return every row that the imports left, but for what differs from run to run."""
    found = []
    for model in (Lead, LeadExternalId, LeadTag, LeadNote, LeadEvent, MatchKey):
        each = [
            {
                name: json.dumps(value, default=str)
                for name, value in row.items()
                if name not in ITS_OWN
            }
            for row in rows(gateway, model)
        ]
        found.append(sorted(map(str, each)))
    return found


@pytest.mark.parametrize("way", ["drafts", "decisions", "values"])
@pytest.mark.parametrize("batch", ["1", "2", "1000"])
def test_rows_are_the_same_as_those_made_in_the_transaction(
    make_gateway: Callable[..., Gateway],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    way: str,
    batch: str,
) -> None:
    early, late = (
        with_commands(make_gateway("plugins.example", setup=SETUP, GATEWAY_CREATE_POOLS=True))
        for _ in range(2)
    )
    path = written(tmp_path, FILE)
    monkeypatch.setattr(together, "FEWEST", 1)
    told = imported(early, path, "--batch", batch, exit_code=1)
    found = errors(path)
    if way == "drafts":
        monkeypatch.setattr(reading, "draft_early", lambda *args, **options: None)
    elif way == "values":
        monkeypatch.setattr(together, "FEWEST", 1000)
    else:
        monkeypatch.setattr(reading, "decide_early", lambda leads, system: None)
    told_late = imported(late, path, "--batch", batch, exit_code=1)
    for name in ("created", "refused", "kept"):
        assert told[name] == told_late[name]
    assert (told["created"], told["refused"]) == (4, 1)
    assert errors(path) == found
    assert stored(early) == stored(late)
    assert keys_are_right(early)


def test_rows_of_a_batch_are_made_once_unless_a_line_is_refused_late(
    gateway: Gateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[int] = []
    real = bulk.draft_of

    def draft_of(leads: Sequence[Any], *args: Any, **options: Any) -> Any:
        made.append(len(leads))
        return real(leads, *args, **options)

    monkeypatch.setattr(bulk, "draft_of", draft_of)
    path = written(tmp_path, "phone,external_id\n1,A\n2,B\n3,\n")
    assert imported(gateway, path)["created"] == 3
    assert made == []
    assert imported(gateway, path, exit_code=1)["created"] == 1
    assert made == [1]


def test_rule_that_fails_costs_its_line_alone(
    make_gateway: Callable[..., Gateway], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    early, late = with_commands(make_gateway()), with_commands(make_gateway())

    def failing(text: str, region: str) -> str | None:
        if text == "5035550113":
            raise ValueError
        return phone_key(text, region)

    monkeypatch.setattr(rules, "phone_key", failing)
    path = written(tmp_path, "phone\n" + "".join(f"50355501{n:02}\n" for n in range(40)))
    for gateway in (early, late):
        done = imported(gateway, path, exit_code=1)
        assert (done["created"], done["refused"]) == (39, 1)
        assert errors(path)[0][:3] == ("15", "", "internal")
        monkeypatch.setattr(reading, "decide_early", lambda leads, system: None)
    assert stored(early) == stored(late)


class Text(str):
    """A text of a plugin's own kind."""


class Number(IntEnum):
    """A number of a plugin's own kind."""

    SEVEN = 7


TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=30)
VALUES = st.fixed_dictionaries(
    {
        "company": st.none() | TEXTS | TEXTS.map(Text) | st.sampled_from(["\\N", "\\.", "'", '"']),
        "admin_notes": st.none() | st.text("\\\t\r\nNab'\"\x1a%?,)", max_size=20),
        "lat": st.none() | st.floats(-180, 180) | st.integers(-9, 9),
        "ok_to_text": st.none() | st.booleans(),
        "status": st.none() | st.integers(-(2**63), 2**63 - 1) | st.just(Number.SEVEN),
        "custom": st.none() | st.dictionaries(TEXTS, TEXTS | st.integers(0, 9), max_size=3),
        "created_at": st.datetimes(datetime(1900, 1, 1), datetime(2900, 1, 1)).map(
            lambda at: at.replace(tzinfo=UTC)
        ),
    }
)


def test_sheet_reaches_the_table_as_its_values_are(gateway: Gateway) -> None:
    engine, table = gateway.system.engine, Lead.__table__
    first = add(gateway, phone="1") + 1

    @settings(max_examples=60)
    # Several times each: equal values of a column are written once.
    @given(st.lists(VALUES, min_size=1, max_size=5), st.sampled_from([1, 3]))
    def law(different: list[dict[str, Any]], times: int) -> None:
        leads = different * times
        names = [*leads[0], "updated_at"]
        columns = [[lead.get(name, lead["created_at"]) for lead in leads] for name in names]
        lead_ids = list(range(first, first + len(leads)))
        with engine.begin() as connection:
            write(connection, sheet_of(engine.dialect, table, names, columns), lead_ids)
            found = connection.execute(
                select(table).where(table.c.lead_id >= first).order_by(table.c.lead_id)
            ).mappings()
            for row, lead in zip(found, leads, strict=True):
                assert {name: row[name] for name in lead} == lead
            connection.execute(delete(table).where(table.c.lead_id >= first))

    law()
