"""What each format of a value takes, refuses and shows."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from marshmallow import fields

from gateway.errors import CODES
from gateway.formats import (
    BIGGEST,
    FileContents,
    LocalDateTime,
)
from tests.field_formats import (
    birth_date,
    email,
    file_name,
    flag,
    gmt_offset,
    id_or_label,
    identifier,
    ip,
    label,
    latitude,
    lead_id,
    local_moment,
    message,
    mode,
    moment,
    notes,
    shown,
    tags,
    text,
    whole,
    yes_no,
)


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
    (birth_date, "2999-12-31", "invalid"),
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
    tomorrow = datetime.now(UTC) + timedelta(days=2)  # in every zone
    assert message(birth_date, f"{tomorrow:%Y-%m-%d}").startswith("in the future")
