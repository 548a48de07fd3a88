"""The short way to the rows of stored leads gives what SQLAlchemy reads."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from stored_rows import add, rows

from gateway.database import reading
from gateway.models import Lead, LeadTag
from gateway.store.lead_rows import Lock, read_leads
from gateway.store.planning import Stored
from gateway.store.vault import vault_of
from gateway.store.wanted import Wanted
from gateway.testing import Gateway
from tests.test_first_look import looking
from tests.test_sealing import KEYS

TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)
VALUES: dict[str, Any] = {
    "company": TEXT,
    "lat": st.sampled_from(["45.523064", "-1", "0.1"]),
    "ok_to_text": st.sampled_from(["yes", "no"]),
    "followup_date": st.just("2031-05-17 10:00"),
    "govt_id": st.just("123-45-6789"),
    "admin_notes": TEXT | st.sampled_from(["\"\\\\\t%s\n'", "\u2028😀"]),
    "status": st.sampled_from(["0", str(2**63 - 1), str(-(2**63))]),
    "gmt_offset": st.just("-0800"),
    "tags": st.sampled_from(["web", "web,spring", "Ä,b,a"]),
}


@pytest.fixture(params=[(), KEYS[:1]], ids=["without keys", "sealed"])
def gateway(request: pytest.FixtureRequest, make_gateway: Callable[..., Gateway]) -> Gateway:
    return make_gateway(GATEWAY_SECRET_KEYS=request.param)


@settings(max_examples=15)
@given(form=st.fixed_dictionaries({"full_name": st.just("Ann Lee")}, optional=VALUES))
def test_both_ways_read_the_same_rows(gateway: Gateway, form: dict[str, str]) -> None:
    ids = [add(gateway, full_name="Bob Ray"), add(gateway, **form)]
    table = Lead.__table__
    columns = [column for column in table.c if column.name != "match"]
    with reading(gateway.system.engine) as connection:
        open_row = vault_of(connection).open_row
        statement = select(*columns).where(table.c.lead_id.in_(ids)).order_by(table.c.lead_id)
        plainly = [dict(open_row(row)) for row in connection.execute(statement).mappings()]
        for lock in Lock:
            wanted = [*ids, 10**9]
            leads = read_leads(connection, wanted, with_tags=wanted, lock=lock)
            untagged = read_leads(connection, wanted, with_tags=(), lock=lock)
            assert [lead.row for lead in leads.values()] == [e.row for e in untagged.values()]
            assert not any(lead.tags for lead in untagged.values())
            found = [leads[lead_id].row for lead_id in ids]
            assert found == plainly
            assert [{k: type(v) for k, v in row.items()} for row in found] == [
                {k: type(v) for k, v in row.items()} for row in plainly
            ]
    labels = [
        [row["label"] for row in sorted(rows(gateway, LeadTag), key=lambda row: row["position"])
         if row["lead_id"] == lead_id]
        for lead_id in ids
    ]  # fmt: skip
    assert [list(leads[lead_id].tags) for lead_id in ids] == labels


@settings(max_examples=15)
@given(form=st.fixed_dictionaries({"full_name": st.just("Ann Lee")}, optional=VALUES))
def test_batch_reads_the_same_rows(gateway: Gateway, form: dict[str, str]) -> None:
    ids = [add(gateway, full_name="Bob Ray"), add(gateway, **form)]
    with reading(gateway.system.engine) as connection:
        plainly = read_leads(connection, ids, with_tags=ids, lock=Lock.NONE)
    nothing: frozenset[bytes] = frozenset()
    batch = [Wanted(nothing, nothing, lead_id, None, has_tags=True) for lead_id in ids]
    with looking(gateway, batch) as (_, leads, _):
        assert leads == plainly
        assert [as_read(leads[lead_id]) for lead_id in ids] == [
            as_read(plainly[lead_id]) for lead_id in ids
        ]


def as_read(lead: Stored) -> list[tuple[str, Any, type]]:
    return [(name, value, type(value)) for name, value in lead.row.items()]


def test_no_lead_has_no_row(gateway: Gateway) -> None:
    with reading(gateway.system.engine) as connection:
        assert read_leads(connection, [10**9], with_tags=[10**9], lock=Lock.WAIT) == {}
