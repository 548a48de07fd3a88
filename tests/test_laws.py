"""What holds for every post, tried with many: on each engine, against the whole application."""

import json
from collections.abc import Callable
from datetime import date, datetime
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import config
from gateway.schema import build, parse
from gateway.testing import Gateway, Response

DOCUMENTED = build((), (), config.settings())

NAMES = [*sorted(DOCUMENTED.fields.keys() - {"mode"}), "tags[]", "notes[0][Notes]", "no.such", ""]

# Lone surrogates too: JSON can say them, and no driver stores them.
ANY_TEXT = st.text(st.characters(), max_size=40)

ONE_LINE = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=50).filter(
    str.strip
)
# No engine's calendar begins later than this (fields/followup_date/year_before_1000_…).
FIRST_DAY = date(1000, 1, 2)
TIMES = st.datetimes(min_value=datetime(1000, 1, 2)).map(lambda at: f"{at:%Y-%m-%d %H:%M:%S}")
DEGREES = st.decimals(-90, 90, places=6).map(str)

GOOD_VALUES: dict[str, st.SearchStrategy[str]] = {
    **dict.fromkeys(
        ("first_name", "last_name", "full_name", "company", "address", "city", "phone", "source"),
        ONE_LINE,
    ),
    "lat": DEGREES,
    "lng": DEGREES,
    "ok_to_text": st.sampled_from(["Yes", "no", "1", "OFF", "true"]),
    "ip": st.ip_addresses().map(str),
    "followup_date": TIMES,
    "status": st.integers(1, 2**63 - 1).map(str),
    "gmt_offset": st.integers(-12, 14).map(lambda hours: f"{hours:+03}00"),
    "email": st.from_regex(r"[a-z]{1,9}\+?[a-z]{1,9}@[a-z]{2,9}\.com", fullmatch=True),
    "birth_date": st.dates(FIRST_DAY, date(2020, 1, 1)).map(str),
    "admin_notes": ONE_LINE,
    "tags": st.lists(st.from_regex(r"[a-zé日]{1,9}", fullmatch=True), min_size=1).map(",".join),
}
GOOD_FORMS = st.fixed_dictionaries({}, optional=GOOD_VALUES)

CONTENT_TYPES = st.sampled_from(
    [
        "",
        "application/x-www-form-urlencoded",
        "application/x-www-form-urlencoded; charset=iso-8859-2",
        "application/json",
        "multipart/form-data",
        "multipart/form-data; boundary=b",
        "text/plain; charset=utf-7",
        "application/octet-stream",
    ]
)
ANY_VALUE = st.one_of(
    st.binary(max_size=40),
    ANY_TEXT.map(lambda text: text.encode("utf-8", "surrogatepass")),
    st.sampled_from([b"1", b"0", b"-1", b"9" * 25, b"[]", b"[{}]", b'[{"Notes":1}]', b"NaN", b""]),
)


def urlencoded(pairs: list[tuple[str, bytes]]) -> bytes:
    return urlencode([("command", "lead_set"), *pairs]).encode()


def multipart(pairs: list[tuple[str, bytes]]) -> bytes:
    parts = [
        b'--b\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n' % (name.encode(), value)
        for name, value in [("command", b"lead_set"), *pairs]
    ]
    return b"".join([*parts, b"--b--\r\n"])


# Mostly with a mode, and now and then for a lead that is there: most posts must get past the gate.
MODES = st.lists(st.tuples(st.just("mode"), st.sampled_from([b"insert", b"update"])), max_size=1)
IDS = st.lists(st.tuples(st.just("lead_id"), st.sampled_from([b"1001", b"0"])), max_size=1)
ANY_PAIRS = st.tuples(
    st.lists(st.tuples(st.sampled_from(["mode", *NAMES]), ANY_VALUE), max_size=6), MODES, IDS
).map(lambda lists: [pair for pairs in lists for pair in pairs])
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | ANY_TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(ANY_TEXT, inner, max_size=4),
    max_leaves=8,
)
ANY_OBJECT = st.dictionaries(st.sampled_from(["mode", *NAMES]), JSON_VALUES, max_size=6)
ANY_POST = st.one_of(
    st.tuples(st.binary(max_size=200), CONTENT_TYPES),
    st.tuples(ANY_PAIRS.map(urlencoded), CONTENT_TYPES),
    st.tuples(ANY_PAIRS.map(multipart), st.just("multipart/form-data; boundary=b")),
    st.tuples(
        ANY_OBJECT.map(
            lambda fields: json.dumps({"command": "lead_set", "mode": "insert"} | fields).encode()
        ),
        st.just("application/json"),
    ),
)


@pytest.fixture
def gateway(make_gateway: Callable[..., Gateway]) -> Gateway:
    made = make_gateway()
    assert made.send(last_name="There").lead_id == 1001
    return made


def check_answer(answer: Response) -> None:
    """Fail unless the answer is one that an old caller can read."""
    assert answer.http_status == 200
    assert answer.status in (0, 1)
    messages = [text for name, text in answer.values.items() if name.startswith("status_message")]
    assert messages
    assert all(messages)
    assert isinstance(answer.lead_id, int) or answer.status == 1
    assert "internal" not in answer.headers.get("X-Gateway-Error", "")


def facts(gateway: Gateway, lead_id: int | None) -> dict[str, Any]:
    """Return the lead without what differs between any two posts."""
    assert lead_id is not None
    lead = gateway.lead(lead_id)
    assert lead is not None
    notes = [(note["status"], note["text"]) for note in lead["notes"]]
    own = {"lead_id", "created_at", "updated_at", "match", "notes"}
    return {name: value for name, value in lead.items() if name not in own} | {"notes": notes}


@settings(max_examples=120)
@given(post=ANY_POST)
def test_any_body_gets_an_answer_and_a_row_in_the_journal(
    gateway: Gateway, post: tuple[bytes, str]
) -> None:
    body, content_type = post
    rows = len(gateway.journal())
    check_answer(gateway.post(body, content_type=content_type))
    assert len(gateway.journal()) == rows + 1


@settings(max_examples=60)
@given(post=ANY_POST)
def test_a_refused_post_leaves_no_lead(gateway: Gateway, post: tuple[bytes, str]) -> None:
    body, content_type = post
    leads = gateway.count()
    answer = gateway.post(body, content_type=content_type)
    made = answer.values.get("status_message") == "Lead Creation Successful"
    assert gateway.count() == leads + made


@settings(max_examples=40)
@given(form=GOOD_FORMS, data=st.data())
def test_the_order_of_different_names_does_not_matter(
    gateway: Gateway, form: dict[str, str], data: st.DataObject
) -> None:
    shuffled = dict(data.draw(st.permutations(list(form.items()))))
    first, second = gateway.send(**form), gateway.send(**shuffled)
    assert facts(gateway, first.lead_id) == facts(gateway, second.lead_id)


@settings(max_examples=40)
@given(form=GOOD_FORMS)
def test_an_update_with_what_the_lead_holds_changes_nothing(
    gateway: Gateway, form: dict[str, str]
) -> None:
    lead_id = gateway.send(**form).lead_id
    assert lead_id is not None
    before = gateway.lead(lead_id)
    assert gateway.send(mode="update", lead_id=lead_id, **form).status == 0
    assert gateway.lead(lead_id) == before


@settings(max_examples=40)
@given(form=GOOD_FORMS)
def test_a_dry_run_answers_as_the_post_does_and_stores_nothing(
    gateway: Gateway, form: dict[str, str]
) -> None:
    leads = gateway.count()
    tried = gateway.send(dry_run=1, **form)
    assert gateway.count() == leads
    done = gateway.send(**form)
    assert (tried.status, tried.status_message) == (done.status, done.status_message)


@settings(max_examples=40)
@given(form=GOOD_FORMS)
def test_what_is_shown_can_be_posted_again(gateway: Gateway, form: dict[str, str]) -> None:
    shown = facts(gateway, gateway.send(**form).lead_id)
    again = {name: shown[name] for name in form}
    if "tags" in again:
        again["tags"] = ",".join(again["tags"])
    assert facts(gateway, gateway.send(**again).lead_id) == shown


@settings(max_examples=200)
@given(form=GOOD_FORMS)
def test_every_format_reads_back_what_it_writes(form: dict[str, str]) -> None:
    changes = parse({"mode": "insert", **form}, DOCUMENTED).changes
    sent = {name: value for name, value in changes.items() if name in form}
    written = {name: write(name, value) for name, value in sent.items()}
    read = parse({"mode": "insert", **written}, DOCUMENTED)
    assert read.rejected == ()
    assert {name: read.changes[name] for name in sent} == sent


def write(name: str, value: Any) -> str:
    """Return the value as a caller would send it."""
    written = DOCUMENTED.fields[name].field.serialize(name, {name: value})
    return ",".join(written) if isinstance(written, list) else str(written)
