"""The short ways of making values and rows give what the plain ways give; without a database."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import create_engine, insert

from gateway.models import Lead, MatchKey, PendingKeys
from gateway.store.bulk_rows import in_parts
from gateway.store.fast.columns import as_utc
from gateway.store.fast.rows import Rows, together
from gateway.store.keys import values_of
from gateway.store.planning import WIRE_NAMES, Stored
from tests.test_planning import planned

ZONES = st.sampled_from(
    [UTC, timezone(timedelta(hours=5, minutes=45)), timezone(-timedelta(hours=9))]
)
TIMES = st.datetimes(datetime(2, 1, 1), datetime(9998, 1, 1), timezones=ZONES)
VALUES = st.fixed_dictionaries(
    {},
    optional={
        "company": st.sampled_from([None, "Acme"]),
        "ownerID": st.sampled_from([None, 0, 7]),
        "pool": st.integers(1, 3),
        "custom_status": st.integers(1, 3),
        "followup_date": TIMES,
        "age": st.sampled_from([None, 5]),
        "external_id": st.just("E-1"),
        "tags": st.sampled_from([None, ("a", "b")]),
        "note": st.sampled_from(["", "n"]),
        "admin_notes_append": st.just("more"),
    },
)


@given(time=TIMES | TIMES.map(lambda time: time.replace(microsecond=0)))
def test_time_is_what_datetime_writes_of_it(time: datetime) -> None:
    plain = time.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds")
    assert as_utc(time) == plain


def test_time_that_the_clocks_show_twice_is_two() -> None:
    once = datetime(2026, 11, 1, 1, 30, tzinfo=ZoneInfo("America/New_York"))
    assert [as_utc(each)[11:16] for each in (once, once.replace(fold=1))] == ["05:30", "06:30"]
    odd = datetime(2026, 1, 1, tzinfo=timezone(timedelta(microseconds=5)))
    assert as_utc(odd) == "2025-12-31 23:59:59.999995"


@given(changes=VALUES)
def test_new_lead_is_planned_like_one_that_has_nothing(changes: dict[str, Any]) -> None:
    assert planned(changes) == planned(changes, Stored())._replace(same=())


@given(changes=VALUES)
def test_rules_see_the_same_values_whatever_holds_them(changes: dict[str, Any]) -> None:
    row = dict(planned(changes).values)
    seen = values_of(row)
    custom = row.pop("custom", None) or {}
    assert seen == custom | {WIRE_NAMES.get(column, column): row[column] for column in row}
    seen["company"] = "changed by a rule"
    assert row.get("company") != "changed by a rule"


@given(rows=st.lists(st.integers(), max_size=40), most=st.integers(1, 16))
def test_parts_are_all_rows_in_powers_of_two(rows: list[int], most: int) -> None:
    parts = in_parts(rows, most=most)
    assert [each for part in parts for each in part] == rows
    assert all(len(part) <= most and len(part).bit_count() == 1 for part in parts)


def test_rows_get_the_ids_of_the_transaction_that_writes_them() -> None:
    posts = [Rows(create_engine("sqlite://")) for _ in range(2)]
    for digest, post in zip((b"b", b"a"), posts, strict=True):
        post.execute(insert(Lead.__table__), {"company": digest})
        post.execute(insert(MatchKey.__table__), [{"digest": digest}, {"digest": digest * 2}])
        post.execute(insert(PendingKeys.__table__), {"digests": digest})
    for ids in ((1, 2), (7, 8)):
        first, second = ids
        assert together(posts, ids) == {
            Lead.__table__: [
                {"company": b"b", "lead_id": first},
                {"company": b"a", "lead_id": second},
            ],
            MatchKey.__table__: [
                {"digest": b"a", "lead_id": second},
                {"digest": b"aa", "lead_id": second},
                {"digest": b"b", "lead_id": first},
                {"digest": b"bb", "lead_id": first},
            ],
            PendingKeys.__table__: [{"digests": b"b"}, {"digests": b"a"}],
        }
