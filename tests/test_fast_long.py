"""Posts whose rows are more, or longer, than one statement takes, and whose ids have gaps."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from batch_sizes import batch_sizes
from held_batches import hold_first_batch
from sqlalchemy import event
from stored_rows import rows

from gateway import draining
from gateway.journal import bodies
from gateway.models import Lead, LeadNote, Submission
from gateway.store import merging
from gateway.store.fast import in_json
from gateway.testing import Gateway
from tests.outage.outages import assert_saved
from tests.plugins.letters import NAMES

MakeGateway = Callable[..., Gateway]
FORM = b"command=lead_set&mode=insert&full_name=Ann+Long&"


def test_notes_that_fill_more_than_one_packet_are_stored(make_gateway: MakeGateway) -> None:
    gateway = make_gateway()
    # A quote takes two characters in a statement: 12 MB become 24, and a packet holds 16.
    text = "'" * 990_000
    notes = json.dumps([{"Status": str(number), "Notes": text} for number in range(12)])
    answer = gateway.post(FORM + b"notes=" + notes.encode())
    assert answer.status == 0
    assert not gateway.system.breaker.is_open
    kept = rows(gateway, LeadNote)
    assert [row["status"] for row in kept] == [str(number) for number in range(12)]
    assert all(row["text"] == text and row["lead_id"] == answer.lead_id for row in kept)


# As JSON a double quote takes two bytes, and in a statement of MariaDB four.
LETTER = '"' * 990_000


TOO_LONG = "the custom values together would be longer than 4000000 bytes (send less)"


@pytest.mark.parametrize("more", ["", "match_update=1&phone=5035550142&"])
def test_custom_values_too_long_together_are_kept_aside(
    make_gateway: MakeGateway, more: str
) -> None:
    gateway = make_gateway("tests.plugins.letters")
    letters = "&".join(f"{name}={LETTER}" for name in NAMES)
    answer = gateway.post(FORM + f"{more}{letters}".encode())
    assert answer.status == 0
    assert not gateway.system.breaker.is_open
    stored = set(gateway.lead(answer.lead_id)["custom"])
    assert len(stored) == 2
    warned = answer.headers["X-Gateway-Warning"]
    assert all((f"{name}: {TOO_LONG}" in warned) is (name not in stored) for name in NAMES)
    notes = [row["text"] for row in rows(gateway, LeadNote)]
    assert sum(note.count('"') for note in notes) == len(LETTER) * (len(NAMES) - 2)


def test_custom_values_too_long_together_are_refused_by_name(make_gateway: MakeGateway) -> None:
    gateway = make_gateway("tests.plugins.letters", GATEWAY_ON_INVALID="refuse")
    answer = gateway.send(**dict.fromkeys(NAMES[:3], LETTER))
    assert answer.status_message == f"{NAMES[0]}: {TOO_LONG}"
    assert answer.headers["X-Gateway-Error"] == "too_long"
    assert (gateway.count(), len(gateway.journal())) == (0, 1)


def test_custom_values_that_a_lead_has_count_as_well(make_gateway: MakeGateway) -> None:
    gateway = make_gateway("tests.plugins.letters")
    first, second, third, *_ = NAMES
    letters = {first: LETTER, second: LETTER}
    lead_id = gateway.send(**letters).lead_id
    answer = gateway.send(mode="update", lead_id=lead_id, city="Salem", **{third: LETTER})
    assert answer.status_message == f"{third}: {TOO_LONG}"
    lead = gateway.lead(lead_id)
    assert (lead["custom"], lead["city"]) == (letters, None)
    assert gateway.send(mode="update", lead_id=lead_id, **{first: "", third: LETTER}).status == 0


def test_custom_values_that_are_too_long_already_can_be_made_shorter(
    make_gateway: MakeGateway,
) -> None:
    gateway = make_gateway("tests.plugins.letters")
    first, second, third, fourth, fifth, *_ = NAMES
    kept = gateway.send(full_name="Ann Long", **{first: LETTER, second: LETTER}).lead_id
    other = gateway.send(full_name="Ann Long", **{third: LETTER, fourth: LETTER}).lead_id
    merging.merge(gateway.system, kept, [other])
    assert len(gateway.lead(kept)["custom"]) == 4

    def update(**values: str) -> int:
        return gateway.send(mode="update", lead_id=kept, **values).status

    assert update(**{fifth: "x"}) == 1
    assert update(city="Salem") == update(**{first: ""}) == update(**{second: "short"}) == 0
    assert update(**{fifth: "x"}) == 0


def test_rows_that_fill_more_than_one_statement_are_stored_in_order(
    make_gateway: MakeGateway,
) -> None:
    gateway = make_gateway()
    notes = json.dumps([{"Status": str(number), "Notes": "x"} for number in range(150)])
    assert gateway.post(FORM + b"notes=" + notes.encode()).status == 0
    kept = rows(gateway, LeadNote)
    assert [row["status"] for row in kept] == [str(number) for number in range(150)]


def test_body_without_a_file_store_is_kept_in_its_row_or_waits_for_one(
    make_gateway: MakeGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway = make_gateway()

    def fail(*_: Any) -> str:
        raise OSError("no room")

    start = FORM + b"unknown="
    body = start + b"x" * (bodies.MOST_INLINE - len(start))
    with monkeypatch.context() as patched:
        patched.setattr(type(gateway.system.files), "put", fail)
        assert gateway.post(body).status == 0
        longer = gateway.post(body + b"x")
    (row,) = rows(gateway, Submission)
    assert bytes(row["body"]) == body
    assert_saved(longer)
    drained = draining.drain(gateway.system)
    assert drained is not None
    assert (drained.accepted, drained.waiting) == (1, 0)
    last = rows(gateway, Submission)[-1]
    assert gateway.system.files.get(last["stored_sha256"]) == body + b"x"


@pytest.mark.parametrize(
    "odd",
    [b"\\", b"\\x41", b"\\000", b"\0", b"\x7f", b"\xff", b"'", b'"', b"\r\n\t\x01", b"\xc3\xa9"],
)
@pytest.mark.parametrize("place", [0, 1])
def test_body_is_kept_byte_for_byte_whatever_is_in_it(
    make_gateway: MakeGateway, odd: bytes, place: int
) -> None:
    gateway = make_gateway()
    # The first connection finds out what the server can do.
    gateway.post(FORM)
    body = odd + b"=x&" + FORM if place == 0 else FORM + b"unknown=" + odd
    assert gateway.post(body).status == 0
    row = rows(gateway, Submission)[-1]
    assert bytes(row["body"]) == body


def test_each_post_of_a_batch_gets_its_rows_where_ids_have_gaps(
    make_gateway: MakeGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a cluster of MariaDB, each node of which counts in steps of its own."""
    gateway = make_gateway()
    engine = gateway.system.engine
    if engine.dialect.name in ("mysql", "mariadb"):
        engine.dispose()

        def widen(connection: Any, _: Any) -> None:
            connection.cursor().execute("SET auto_increment_increment = 3")

        event.listen(engine, "connect", widen)
    hold_first_batch(monkeypatch, gateway, 6)
    sizes = batch_sizes(monkeypatch)
    companies = [f"@lead_{number}" for number in range(6)]
    with ThreadPoolExecutor(6) as threads:
        sent = threads.map(
            lambda each: gateway.send(full_name="Ann", company=each, note=each), companies
        )
        ids = [answer.lead_id for answer in sent]
    assert max(sizes) == 6
    assert {row["lead_id"]: row["company"] for row in rows(gateway, Lead)} == dict(
        zip(ids, companies, strict=True)
    )
    for model in (LeadNote, Submission):
        assert sorted(row["lead_id"] for row in rows(gateway, model)) == sorted(filter(None, ids))
    assert {row["lead_id"]: row["text"] for row in rows(gateway, LeadNote)} == dict(
        zip(ids, companies, strict=True)
    )


def test_leads_that_change_are_looked_up_among_many(make_gateway: MakeGateway) -> None:
    engine = make_gateway().system.engine
    if engine.dialect.name != "postgresql":
        pytest.skip("the others are told each lead by a statement of its own")
    statement = in_json._addition((), (("company", "lead_id"),)).decode()
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "INSERT INTO lead (created_at, updated_at) SELECT now(), now() "
            "FROM generate_series(1, 3000)"
        )
        connection.exec_driver_sql("ANALYZE lead")
        asked = statement.replace("$1", "'[]'")
        plan = connection.exec_driver_sql(f"EXPLAIN {asked}").scalars().all()
    assert any("pk_lead" in line for line in plan), plan
