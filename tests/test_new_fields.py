"""Names that no field claims: counted per caller, shown by the shape of a value, never by it."""

import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gateway import new_fields as module
from gateway.new_fields import new_fields
from gateway.normal import shape
from gateway.testing import Gateway
from tests.cli_runner import done, shown, with_commands

LOGINS = [
    {"name": "web", "password": "secret"},
    {"name": "shop", "password": "secret"},
]
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


@pytest.fixture
def gateway(make_gateway: Callable[..., Gateway]) -> Gateway:
    return with_commands(make_gateway("plugins.example", logins=LOGINS))


def listed(gateway: Gateway, *words: str) -> dict[tuple[str, str], dict[str, Any]]:
    return {(row["caller"], row["name"]): row for row in shown(gateway, "field", "new", *words)}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2024-02-29", "9999-99-99"),
        ("John Doe", "Aaaa Aaa"),
        ("(503) 555-0100", "(999) 999-9999"),
        ("", ""),
        ("ünï 日本 ٣", "aaa aa 9"),
        ("a\x00\x1b[2J\tb", "a??[9A a"),
        ("x" * 5000, "a" * 10),
        ("ab1" * 200, "aa9" * 13 + "…"),
        ("😀", "?"),
    ],
)
def test_shape_says_the_kind_and_not_the_value(text: str, expected: str) -> None:
    assert shape(text) == expected


def test_names_are_counted_per_caller_with_the_shape_of_the_latest(gateway: Gateway) -> None:
    before = datetime.now(UTC)
    gateway.send(roof_age="12", full_name="Ann Lee")
    gateway.send(roof_age="2024-02-29", favourite="John Doe")
    gateway.login = ("shop", "secret")
    gateway.send(roof_age="7")
    rows = listed(gateway)
    assert list(rows) == [("shop", "roof_age"), ("web", "roof_age"), ("web", "favourite")]
    row = rows["web", "roof_age"]
    assert (row["count"], row["shape"], row["known"]) == (2, "9999-99-99", None)
    first, last = (datetime.fromisoformat(row[key]) for key in ("first_seen", "last_seen"))
    assert before <= first < last <= datetime.now(UTC)
    assert rows["web", "favourite"]["shape"] == "Aaaa Aaa"
    assert list(listed(gateway, "--caller", "shop")) == [("shop", "roof_age")]
    assert "John" not in done(gateway, "field", "new") + done(gateway, "field", "new", "--json")


def test_names_of_refused_posts_and_dry_runs_count_too(gateway: Gateway) -> None:
    assert gateway.send(mode="update", roof_age="1").status == 1
    assert gateway.send(mode="none", roof_age="1").status == 1
    assert gateway.send(dry_run=1, roof_age="1").status == 0
    assert listed(gateway)["web", "roof_age"]["count"] == 3


def test_names_of_strangers_and_other_commands_do_not_count(gateway: Gateway) -> None:
    assert gateway.post(b"command=lead_set&mode=insert&roof_age=1", anonymous=True).status == 1
    assert gateway.send(command="lead_get", roof_age="1").status == 1
    assert listed(gateway) == {}


def test_name_that_differs_in_case_only_is_told_apart(gateway: Gateway) -> None:
    gateway.send(Phone="1", VIN="A", Match_Update="1", other="x")
    rows = {name: row for (_, name), row in listed(gateway).items()}
    assert {name: row["known"] for name, row in rows.items()} == {
        "Phone": "phone", "VIN": "vin", "Match_Update": "match_update", "other": None,
    }  # fmt: skip
    assert rows["Phone"]["declare"] == 'Alias("Phone", "phone"),'
    assert rows["Match_Update"]["declare"] is None
    assert "differs from phone in case only" in done(gateway, "field", "new")


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("sold_on", "2024-02-29", 'CustomField("sold_on", fields.Date(), label="Sold on"'),
        ("roof_age", "12", 'CustomField("roof_age", fields.Integer(), label="Roof age"'),
        ("zip_of_work", "0212345678", 'CustomField("zip_of_work", fields.String(), '),
        ("rate", "12.50", 'CustomField("rate", fields.Decimal(), '),
        ("wants[]", "a", 'CustomField("wants", fields.List(fields.String()), '),
    ],
)
def test_line_that_declares_a_field_is_guessed_from_the_shape(
    gateway: Gateway, name: str, value: str, says: str
) -> None:
    gateway.send(**{name: value})
    (row,) = listed(gateway).values()
    assert row["declare"].startswith(says)
    assert says in done(gateway, "field", "new")


def test_name_that_no_plugin_may_have_has_no_line(gateway: Gateway) -> None:
    odd = {"1st": "a", "a-b": "b", "ai_x": "c", "Meta": "d", "e\u202ef": "f", "created_at": "g"}
    gateway.send(**odd)
    rows = listed(gateway)
    assert {row["declare"] for row in rows.values()} == {None}
    assert ("web", "e?f") in rows
    assert len(rows) == 6


def test_field_that_a_plugin_has_by_now_is_no_longer_new(
    gateway: Gateway, make_gateway: Callable[..., Gateway]
) -> None:
    old = make_gateway()
    old.send(vin="1", colour="red")
    system = old.system
    assert {each.name for each in new_fields(system, since=LONG_AGO)} == {"vin", "colour"}
    settled = with_commands(gateway).system
    assert "vin" in settled.schema.readers
    gateway.send(vin="1234", colour="red")
    assert {each.name for each in new_fields(settled, since=LONG_AGO)} == {"colour"}


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b'{"command": "lead_set", "mode": "insert", "roof_age": 12}', "application/json"),
        (
            b"--x\r\nContent-Disposition: form-data; name=command\r\n\r\nlead_set\r\n"
            b"--x\r\nContent-Disposition: form-data; name=mode\r\n\r\ninsert\r\n"
            b"--x\r\nContent-Disposition: form-data; name=roof_age\r\n\r\n12\r\n--x--\r\n",
            "multipart/form-data; boundary=x",
        ),
        (b"command=lead_set&mode=insert&roof_age=12&note=" + b"x" * 100_000, ""),
    ],
    ids=["json", "multipart", "in the file store"],
)
def test_shape_is_found_in_every_kind_of_body(
    gateway: Gateway, body: bytes, content_type: str
) -> None:
    assert gateway.post(body, content_type=content_type).status == 0
    assert listed(gateway)["web", "roof_age"]["shape"] == "99"


def test_count_stands_where_the_body_is_gone(
    gateway: Gateway, tmp_path: Any, caplog: pytest.LogCaptureFixture
) -> None:
    gateway.send(roof_age="12", note="x" * 100_000)
    for path in (tmp_path / "files").rglob("*"):
        if path.is_file():
            path.unlink()
    with caplog.at_level(logging.ERROR):
        row = listed(gateway)["web", "roof_age"]
    assert (row["count"], row["shape"]) == (1, "")


def test_flood_of_names_is_told_as_others_and_hides_no_frequent_one(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_NAMES", 3)
    monkeypatch.setattr(module, "MOST_HELD", 10)
    gateway.send(often="1")
    gateway.send(often="2", **{f"noise{number}": "x" for number in range(50)})
    rows = listed(gateway)
    assert len(rows) == 4
    assert rows["web", "often"]["count"] == 2
    assert sum(row["count"] for row in rows.values()) == 52
    assert list(rows)[-1] == ("web", "…others")
    assert rows["web", "…others"]["declare"] is None


def test_more_posts_than_a_page_count_once_each(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_PAGE", 2)
    for _ in range(5):
        gateway.send(roof_age="12")
    assert listed(gateway)["web", "roof_age"]["count"] == 5


def test_days_say_how_far_to_look_back(gateway: Gateway) -> None:
    gateway.send(roof_age="12")
    assert list(listed(gateway, "--days", "1")) == [("web", "roof_age")]
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    assert new_fields(gateway.system, since=tomorrow) == []
