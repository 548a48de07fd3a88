"""Each format: what it takes and as what, what it refuses and with which code."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marshmallow import ValidationError, fields

from gateway.errors import CODES
from gateway.formats import (
    BIGGEST,
    BirthDate,
    Degrees,
    EmailAddress,
    FileContents,
    FileName,
    Flag,
    GmtOffset,
    Identifier,
    IdOrLabel,
    IpAddress,
    Label,
    LocalDateTime,
    Message,
    Mode,
    Note,
    Notes,
    Tags,
    Text,
    WholeNumber,
    YesNo,
)

NEW_YORK = ZoneInfo("America/New_York")
TOMORROW = datetime.now(UTC) + timedelta(days=2)  # tomorrow in every zone

text = Text(5)
mode = Mode()
identifier = Identifier(5)
label = Label(100, folded=300)
whole = WholeNumber(rule="no number")
lead_id = WholeNumber(least=0, rule="no id")
latitude = Degrees(most=90)
yes_no = YesNo()
flag = Flag()
ip = IpAddress()
moment = LocalDateTime(ZoneInfo("UTC"))
local_moment = LocalDateTime(NEW_YORK)
birth_date = BirthDate(NEW_YORK)
gmt_offset = GmtOffset()
email = EmailAddress(254)
id_or_label = IdOrLabel(100)
file_name = FileName(255)
tags = Tags(100, folded=300)
notes = Notes(length=1000, status_length=100)


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type, misc]


ACCEPTED: list[tuple[fields.Field, Any, Any]] = [
    (text, "12345", "12345"),
    (text, "日本太郎山", "日本太郎山"),
    (mode, "insert", "insert"),
    (mode, "UPDATE", "update"),
    (identifier, "Ab-1", "Ab-1"),
    (label, "Hot Leads", "Hot Leads"),
    (whole, "0", 0),
    (whole, "007", 7),
    (whole, "-12", -12),
    (whole, "+12", 12),
    (whole, "9223372036854775807", BIGGEST),
    (whole, "-9223372036854775808", -BIGGEST - 1),
    (whole, "0" * 5000 + "5", 5),
    (lead_id, "1001", 1001),
    (latitude, "45.5231", 45.5231),
    (latitude, "45,5231", 45.5231),
    (latitude, "-.5", -0.5),
    (latitude, "5.", 5.0),
    (latitude, "+90", 90.0),
    (latitude, "1.23456789", 1.234568),
    (latitude, "-0.0000001", 0.0),
    *((yes_no, word, True) for word in ("Yes", "y", "1", "TRUE", "on")),
    *((yes_no, word, False) for word in ("No", "N", "0", "false", "Off")),
    *((flag, word, True) for word in ("1", "yes", "Y", "true", "ON")),
    *((flag, word, False) for word in ("0", "no", "n", "False", "off")),
    (ip, "192.0.2.10", "192.0.2.10"),
    (ip, "192.0.2.10, 10.0.0.1", "192.0.2.10"),
    (ip, "192.0.2.10:8080", "192.0.2.10"),
    (ip, "2001:0DB8:0:0::1", "2001:db8::1"),
    (ip, "[2001:db8::1]:443", "2001:db8::1"),
    (ip, "[::1]", "::1"),
    (ip, "fe80::1%eth0", "fe80::1"),
    (moment, "2030-05-06 07:08:09", utc(2030, 5, 6, 7, 8, 9)),
    (moment, "2030-05-06 07:08", utc(2030, 5, 6, 7, 8)),
    (moment, "2030-05-06T07:08:09", utc(2030, 5, 6, 7, 8, 9)),
    # What JavaScript's toISOString and PHP's DATE_ATOM make.
    (local_moment, "2030-05-06T07:08:09.123Z", utc(2030, 5, 6, 7, 8, 9)),
    (local_moment, "2030-05-06T07:08:09+02:00", utc(2030, 5, 6, 5, 8, 9)),
    (local_moment, "2030-05-06 07:08 -0500", utc(2030, 5, 6, 12, 8)),
    (moment, "2030-05-06", utc(2030, 5, 6)),
    (moment, "5/6/2030", utc(2030, 5, 6)),
    (moment, "05/06/2030 7:08", utc(2030, 5, 6, 7, 8)),
    (moment, "6.5.2030", utc(2030, 5, 6)),
    (moment, "06.05.2030 07:08:09", utc(2030, 5, 6, 7, 8, 9)),
    (moment, "9999-12-31 23:59:59", utc(9999, 12, 31, 23, 59, 59)),
    (moment, "1000-01-01", utc(1000, 1, 1)),
    (local_moment, "2030-01-06 07:00", utc(2030, 1, 6, 12)),
    (local_moment, "2030-07-06 07:00", utc(2030, 7, 6, 11)),
    # Twice on that night, and never on the other one.
    (local_moment, "2025-11-02 01:30", utc(2025, 11, 2, 5, 30)),
    (local_moment, "2025-03-09 02:30", utc(2025, 3, 9, 7, 30)),
    (birth_date, "1980-02-29", "1980-02-29"),
    (birth_date, "02-29", "02-29"),
    (birth_date, "2-9", "02-09"),
    (birth_date, "2/9/1980", "1980-02-09"),
    (birth_date, "9.2.1980", "1980-02-09"),
    (birth_date, "1980-02-09 00:00:00", "1980-02-09"),
    (birth_date, "2/9/1980 00:00:00", "1980-02-09"),
    (gmt_offset, "-1000", "-1000"),
    (gmt_offset, "+0530", "+0530"),
    (gmt_offset, "0530", "+0530"),
    (gmt_offset, "530", "+0530"),
    (gmt_offset, "-330", "-0330"),
    (gmt_offset, "-10:00", "-1000"),
    (gmt_offset, "5:30", "+0530"),
    (gmt_offset, "-5", "-0500"),
    (gmt_offset, "12", "+1200"),
    (gmt_offset, "-0", "+0000"),
    (gmt_offset, "-1200", "-1200"),
    (gmt_offset, "+1400", "+1400"),
    (email, "John.Smith+site@Example.COM", "John.Smith+site@Example.COM"),
    (email, "josé@exämple.de", "josé@exämple.de"),
    (email, "printer@office.local", "printer@office.local"),
    (email, "a@b.TEST", "a@b.TEST"),
    (id_or_label, "7", 7),
    (id_or_label, "007", "007"),
    (id_or_label, "Hot Lead", "Hot Lead"),
    (id_or_label, "-7", "-7"),
    (id_or_label, "٧", "٧"),
    (id_or_label, "9223372036854775808", "9223372036854775808"),
    (file_name, "contract.pdf", "contract.pdf"),
    (file_name, r"C:\Users\me\contract.pdf", "contract.pdf"),
    (file_name, "../../etc/passwd", "passwd"),
    (file_name, "dir/ a.txt", "a.txt"),
    (file_name, ".profile", ".profile"),
    (file_name, "d/" * 300 + "n" * 255, "n" * 255),
    (tags, ["buyer, spring ,,", "Buyer", "fall & winter"], ["buyer", "spring", "fall & winter"]),
    (tags, ["Straße,STRASSE"], ["Straße"]),
    (tags, [",", " , "], []),
    (tags, ["t" * 100], ["t" * 100]),
]

REFUSED: list[tuple[fields.Field, Any, str]] = [
    (text, "123456", "too_long"),
    (identifier, "123456", "too_long"),
    (label, "x" * 101, "too_long"),
    (label, "\ufdfa" * 100, "too_long"),
    *((mode, word, "invalid") for word in ("delete", "insert update", "1")),
    *((whole, word, "invalid") for word in ("1.0", "1_000", "１", "", "+", "0x1", "1 2", "one")),
    (whole, "9223372036854775808", "invalid"),
    (whole, "-9223372036854775809", "invalid"),
    (whole, "9" * 5000, "invalid"),
    *((lead_id, word, "invalid") for word in ("-1", "+1", "-0", "1001a")),
    *((latitude, word, "invalid") for word in ("90.0000001", "-91", "1e1", "nan", "inf", ".", "١")),
    *((latitude, word, "invalid") for word in ("1,234.5", "45 N", "9" * 5000)),
    *((yes_no, word, "invalid") for word in ("maybe", "2", "yes no", "ja")),
    *((flag, word, "invalid") for word in ("2", "x", "-1")),
    *((ip, word, "invalid") for word in ("1.2.3", "1.2.3.4:port", "1.2.3.256", "01.2.3.4", "host")),
    *((ip, word, "invalid") for word in ("[1.2.3.4", "::1::", ", 1.2.3.4", "1234567", "::1]:80")),
    *((moment, word, "invalid") for word in ("tomorrow", "2030-02-30", "2030-05-06 24:00", "1")),
    *((moment, word, "invalid") for word in ("13/1/2030", "1.13.2030", "30-05-06", "2030-05-06 7")),
    *((moment, word, "invalid") for word in ("0999-12-31", "0000-00-00 00:00:00", "٢٠٣٠-05-06")),
    (local_moment, "9999-12-31 23:00", "invalid"),
    (LocalDateTime(ZoneInfo("Asia/Tokyo")), "1000-01-01", "invalid"),
    *((birth_date, word, "invalid") for word in ("1980-02-30", "1981-02-29", "13-01", "02-30")),
    *((birth_date, word, "invalid") for word in ("1980", "1980-02-09 07:00:00", "0000-00-00")),
    (birth_date, f"{TOMORROW:%Y-%m-%d}", "invalid"),
    *((gmt_offset, word, "invalid") for word in ("-1201", "+1401", "+0560", "10000", "UTC", "-")),
    *((gmt_offset, word, "invalid") for word in ("١٠", "1:2", "5.5")),
    *((email, word, "invalid") for word in ("john", "a@b", "a@localhost", "@b.com", "a b@c.com")),
    *((email, word, "invalid") for word in ("John <a@b.com>", "a@b..com", "a@b.com, c@d.com")),
    *((email, word, "invalid") for word in ("\ud83d@b.com", "a@\u200b.com", "test", "x.local")),
    (email, "a" * 250 + "@b.com", "too_long"),
    (id_or_label, "x" * 101, "too_long"),
    *((file_name, word, "invalid") for word in (".", "..", "dir/", "C:\\", "a/..")),
    (file_name, "n" * 256, "too_long"),
    (tags, ["a," + "t" * 101], "too_long"),
    (tags, ["\ufdfa" * 100], "too_long"),
    (FileContents(), "bytes", "invalid"),
]


def message(field: fields.Field, sent: Any) -> Message:
    """Return the one message with which the field refuses the value."""
    with pytest.raises(ValidationError) as refusal:
        field.deserialize(sent)
    (found,) = refusal.value.messages
    assert isinstance(found, Message)
    return found


@pytest.mark.parametrize(("field", "sent", "value"), ACCEPTED)
def test_format_accepts(field: fields.Field, sent: Any, value: Any) -> None:
    found = field.deserialize(sent)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(("field", "sent", "code"), REFUSED)
def test_format_refuses(field: fields.Field, sent: Any, code: str) -> None:
    found = message(field, sent)
    assert found.code == code
    assert code in CODES
    assert found.keepable
    assert found.isascii()
    assert not found.endswith(".")


@pytest.mark.parametrize(("field", "sent", "value"), ACCEPTED)
def test_format_reads_back_what_it_shows(field: fields.Field, sent: Any, value: Any) -> None:
    if field is not flag:  # a flag is never shown
        assert field.deserialize(shown(field, value)) == value


def shown(field: fields.Field, value: Any) -> Any:
    """Return the value as the field shows it, numbers in digits."""
    found = field.serialize("it", {"it": value})
    return str(found) if isinstance(found, int) else found


@pytest.mark.parametrize("field", [latitude, yes_no, moment, id_or_label, tags, notes, text])
def test_nothing_is_shown_as_nothing(field: fields.Field) -> None:
    assert shown(field, None) is None


def test_values_are_shown_as_on_the_page() -> None:
    assert shown(latitude, 45.5) == "45.5"
    assert shown(latitude, -122.0) == "-122"
    assert shown(yes_no, True) == "Yes"
    assert shown(yes_no, False) == "No"
    assert shown(local_moment, utc(2030, 1, 6, 12)) == "2030-01-06 07:00:00"


def test_too_long_says_by_how_much() -> None:
    assert message(text, "123456") == "longer than 5 characters (this one has 6)"


def test_future_birth_says_so() -> None:
    assert message(birth_date, f"{TOMORROW:%Y-%m-%d}").startswith("in the future")


NOTES: list[tuple[Any, list[Note]]] = [
    ("[]", []),
    ("  ", []),
    ({}, []),
    ('[{"Status":"Message","Notes":"hi"}]', [Note("Message", "hi")]),
    ('[{"status":"a","notes":"b"},{"Note":"c"}]', [Note("a", "b"), Note("Note", "c")]),
    ('[{"note":"d","Status":""}]', [Note("Note", "d")]),
    ('[{"Status":null,"Notes":5.50}]', [Note("Note", "5.50")]),
    ('[{"Notes":"","notes":"b"}]', [Note("Note", "b")]),
    ('[{"Notes":"Gr\\u00fc\\u00dfe \\"x\\""}]', [Note("Note", 'Grüße "x"')]),
    ('[{"Notes":" a\\u0000b\\r\\nc\\td "}]', [Note("Note", "ab\r\nc\td")]),
    ('[{"Notes":"a\nb"}]', [Note("Note", "a\nb")]),
    (r"[{\"Status\":\"Message\",\"Notes\":\"it\'s\"}]", [Note("Message", "it's")]),
    (r"[{\"Notes\":\"a\\nb \\\"q\\\"\"}]", [Note("Note", 'a\nb "q"')]),
    ('[{"Notes":"\\ud83d\\ude00"}]', [Note("Note", "😀")]),
    ({"0": {"Status": "Message", "Notes": "h\u00e9"}}, [Note("Message", "hé")]),
    ({"0": {"Notes": "a"}, "x": {"Note": "b"}}, [Note("Note", "a"), Note("Note", "b")]),
    ({"0": {"Notes": ("a", "b")}}, [Note("Note", "b")]),
    ({"0": {"Status": "", "Notes": " "}, "1": {"Notes": ("", "")}}, []),
    ({"0": '[{"Notes":"a"}]'}, [Note("Note", "a")]),
    ({"0": ("[]", '[{"Notes":"a"}]')}, [Note("Note", "a")]),
    (("[]", '[{"Notes":"last"}]'), [Note("Note", "last")]),
]


@pytest.mark.parametrize(("sent", "value"), NOTES)
def test_notes_accept(sent: Any, value: list[Note]) -> None:
    assert notes.deserialize(sent) == value


NOT_NOTES: list[tuple[Any, str]] = [
    ("call back", "not a JSON array"),
    ('{"Notes":"a"}', "not a JSON array"),
    ('"[]"', "not a JSON array"),
    ("null", "not a JSON array"),
    ('[{"Notes":"a"', "not a JSON array"),
    ('[{"Notes":NaN}]', "not a JSON array"),
    ("[" * 100_000, "not a JSON array"),
    ('["a"]', "entry 1 is not an object"),
    ('[{"Notes":"a"},[]]', "entry 2 is not an object"),
    ('[{"Notes":"a"},{"Status":"Message"}]', "entry 2 has no text (Notes)"),
    ('[{"Notes":" \\u0000 "}]', "entry 1 has no text (Notes)"),
    ('[{"Notes":["a"]}]', "entry 1 has no text (Notes)"),
    ('[{"Notes":true}]', "entry 1 has no text (Notes)"),
    ('[{"NOTES":"a"}]', "entry 1 has no text (Notes)"),
    ({"0": {"Notes": "a"}, "1": {"Status": "b"}}, "entry 2 has no text (Notes)"),
    ({"Status": "a", "Notes": "b"}, "entry 1 is not an object"),
    ({"0": {"Notes": {"0": "a"}}}, "entry 1 has no text (Notes)"),
]


@pytest.mark.parametrize(("sent", "rule"), NOT_NOTES)
def test_notes_refuse_what_is_not_their_form(sent: Any, rule: str) -> None:
    found = message(notes, sent)
    assert found.startswith(rule)
    assert found.code == "invalid"
    assert not found.keepable


@pytest.mark.parametrize(
    ("sent", "code", "rule"),
    [
        ('[{"Notes":"a"},{"Notes":"\\ud83d"}]', "invalid", "entry 2 holds half a character"),
        ('[{"Notes":"a","Status":"\\ude00"}]', "invalid", "entry 1 holds half a character"),
        (json.dumps([{"Notes": "x" * 1001}]), "too_long", "entry 1 has a text longer than 1000"),
        (
            json.dumps([{"Notes": "x", "Status": "x" * 101}]),
            "too_long",
            "entry 1 has a status longer than 100",
        ),
    ],
)
def test_notes_that_may_be_kept_aside(sent: str, code: str, rule: str) -> None:
    found = message(notes, sent)
    assert found.startswith(rule)
    assert found.code == code
    assert found.keepable


@pytest.mark.parametrize("value", [value for _, value in NOTES if value])
def test_notes_read_back_what_they_show(value: list[Note]) -> None:
    assert notes.deserialize(shown(notes, value)) == value


ONE_TEXT = [
    text, mode, identifier, label, whole, lead_id, latitude, yes_no, flag, ip, moment, local_moment,
    birth_date, gmt_offset, email, id_or_label, file_name, notes,
]  # fmt: skip
ANY_TEXT = st.text(st.characters(codec=None, exclude_categories=()), min_size=1)
ALMOST = st.text("0123456789-+/.:, TtZeE%[]@xabcYNn", min_size=1)


def read(field: fields.Field, sent: Any) -> Any:
    """Return the value, or None where the field refuses in its own words."""
    try:
        return field.deserialize(sent)
    except ValidationError as error:
        refusal = error.messages
    assert all(isinstance(each, Message) for each in refusal)
    return None


@pytest.mark.parametrize("field", ONE_TEXT)
@given(sent=ANY_TEXT | ALMOST)
def test_any_text_is_read_or_refused(field: fields.Field, sent: str) -> None:
    value = read(field, sent)
    if value is not None and field is not flag:
        assert read(field, shown(field, value)) == value


@given(st.lists(ANY_TEXT))
def test_any_tags_are_read_or_refused(sent: list[str]) -> None:
    value = read(tags, sent)
    assert value is None or read(tags, value) == value


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | ANY_TEXT,
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.sampled_from(["Status", "Notes", "note", "x"]), inner)
    ),
)


@given(st.lists(st.dictionaries(st.sampled_from(["Status", "Notes", "note"]), JSON)) | JSON)
def test_any_json_is_read_or_refused_as_notes(sent: Any) -> None:
    value = read(notes, json.dumps(sent))
    assert value is None or all(isinstance(note, Note) and note.text for note in value)


@given(st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1)))
def test_every_moment_can_be_shown_and_read(sent: datetime) -> None:
    value = local_moment.deserialize(f"{sent:%Y-%m-%d %H:%M:%S}")
    assert local_moment.deserialize(shown(local_moment, value)) == value
