"""``flask match explain`` and ``duplicates``: why a post would match, and who is there twice."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from cli_runner import done, refused, shown, with_commands
from sqlalchemy import insert, select
from stored_rows import add, count

from gateway.models import Lead, MatchKey, Submission
from gateway.testing import Gateway

NAMES = ("match_name_and_address", "match_name_and_phone", "match_email", "match_phone")


@pytest.fixture
def gateway(make_gateway: Callable[..., Gateway]) -> Gateway:
    return with_commands(
        make_gateway("plugins.example", setup={"users": [{"id": 7, "label": "z"}]})
    )


def explain(gateway: Gateway, body: str, *words: str) -> Any:
    return shown(gateway, "match", "explain", *words, stdin=body.encode())


def test_explain_tells_rules_candidates_winner_and_changes(gateway: Gateway) -> None:
    junior = add(gateway, full_name="Ann Lee Jr", phone="555-010-0001")
    winner = add(gateway, full_name="Ann Lee Sr", phone="555-010-0001", govt_id="123-45-6789")
    other = add(gateway, full_name="Ann Lee", phone="555 010 0001")
    journal, keys = count(gateway, Submission), count(gateway, MatchKey)
    body = (
        "command=lead_set&mode=insert&match_update=1&match_name_and_phone=1&match_email=1"
        "&full_name=ANN+LEE+SR&phone=5550100001&city=Reno&govt_id=987-65-4321&tags=a,b&note=x"
    )
    trace = explain(gateway, body)
    assert (trace["action"], trace["lead_id"], trace["rule"]) == (
        "update",
        winner,
        "match_name_and_phone",
    )
    assert (trace["asked"], trace["present"], trace["missing"]) == (
        ["match_name_and_phone", "match_email"],
        ["match_name_and_phone"],
        ["match_email"],
    )
    assert trace["others"] == [other]
    assert trace["candidates"] == [
        {"lead_id": junior, "rules": ["match_name_and_phone"], "verdict": "rejected"},
        {"lead_id": winner, "rules": ["match_name_and_phone"], "verdict": "wins"},
        {"lead_id": other, "rules": ["match_name_and_phone"], "verdict": "matches"},
    ]
    assert {row["field"]: (row["old"], row["new"]) for row in trace["fields"]} == {
        "city": (None, "Reno"),
        "govt_id": ("*******6789", "*******4321"),
        "tags": ([], ["a", "b"]),
    }
    text = done(gateway, "match", "explain", stdin=body.encode())
    for line in (
        f"update lead {winner}",
        "match_email: a part is missing",
        f"lead {junior} rejected (match_name_and_phone)",
        "nothing → Reno",
        "nothing → a, b",
        "appended",
    ):
        assert line in text
    assert "987-65" not in text
    assert (count(gateway, Submission), count(gateway, MatchKey)) == (journal, keys)
    assert gateway.lead(winner)["city"] is None  # type: ignore[index]


def test_explain_takes_json_and_multipart_and_needs_no_password(gateway: Gateway) -> None:
    add(gateway, external_id="A", company="x")
    post = {"mode": "update", "external_id": "A", "company": "Y", "ownerID": "z", "vin": "AAA1"}
    trace = explain(gateway, json.dumps(post | {"ai_login_id": "web", "ai_login_password": "no"}))
    assert (trace["found_by"], trace["candidates"]) == ("external_id", [])
    assert {row["field"]: row["new"] for row in trace["fields"]} == {
        "company": "Y",
        "ownerID": "z",
        "vin": "AAA1",
    }
    part = '--b\r\nContent-Disposition: form-data; name="{}"\r\n\r\n{}\r\n'
    body = part.format("mode", "insert") + part.format("city", "Reno") + "--b--\r\n"
    trace = explain(gateway, body, "--content-type", "multipart/form-data; boundary=b")
    assert (trace["action"], [row["new"] for row in trace["fields"]]) == ("create", ["Reno"])


def test_explain_decides_as_for_the_login_that_is_named(
    make_gateway: Callable[..., Gateway],
) -> None:
    logins = [
        {"name": "web", "password": "secret"},
        {"name": "strict", "password": "secret", "on_invalid": "refuse"},
    ]
    gateway = with_commands(make_gateway(logins=logins, GATEWAY_CREATE_POOLS=True))
    body = "mode=insert&email=nonsense&pool=New"
    trace = explain(gateway, body)
    (warning,) = trace["warnings"]
    assert warning.startswith("email: ")
    assert {"field": "pool", "old": None, "new": "New"} in trace["fields"]
    assert explain(gateway, f"{body}&ai_login_id=nobody")["action"] == "create"
    body = f"{body}&ai_login_id=strict"
    said = refused(gateway, "match", "explain", stdin=body.encode())
    assert said.startswith("Error: The post would be refused. email: ")


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("", "mode: "),
        ("mode=update", "lead_id: an update needs lead_id or external_id"),
        ("mode=update&lead_id=5", "lead_id: there is no such lead to update"),
        ("mode=insert&external_id=A", "external_id: lead 1001 has it"),
        ("mode=insert&match_update=perhaps", "match_update: "),
        ("command=lead_get&mode=insert", "command: only lead_set can be explained"),
        ("<lead/>", "not supported"),
        ('{"mode": ', "JSON"),
    ],
)
def test_explain_says_why_a_post_would_be_refused(gateway: Gateway, body: str, why: str) -> None:
    add(gateway, external_id="A")
    said = refused(gateway, "match", "explain", stdin=body.encode())
    assert said.startswith("Error: The post would be refused. ")
    assert why in said


@pytest.mark.parametrize("command", ["rekey", "duplicates"])
def test_unknown_rule_is_refused_with_those_that_are_known(gateway: Gateway, command: str) -> None:
    said = refused(gateway, "match", command, "--rule", "match_shoe")
    assert said.startswith("Error: There is no rule match_shoe. The rules are ")
    assert all(name in said for name in NAMES)


def test_duplicates_are_groups_that_a_rule_confirms(gateway: Gateway) -> None:
    same = [
        add(gateway, full_name=name, phone="555-010-0001", cell="555-010-0002", email=email)
        for name, email in (("Ann Lee", "a@a.org"), ("ANN LEE", "b@b.org"), ("Ann Lee Jr", ""))
    ]
    senior = add(gateway, full_name="Ann Lee Sr", phone="555-010-0001")
    alone = add(gateway, full_name="Bob Ray", phone="555-010-0009", email="bob@a.org")
    mail = add(gateway, email="bob@A.ORG", city="Reno")
    found = shown(gateway, "match", "duplicates")
    assert sorted((row["rule"], row["lead_ids"]) for row in found) == [
        ("match_email", [alone, mail]),
        ("match_name_and_phone", same),
        ("match_phone", [*same, senior]),
    ]
    (group,) = shown(gateway, "match", "duplicates", "--rule", "match_name_and_phone")
    assert group == {
        "rule": "match_name_and_phone",
        "lead_ids": same,
        "sharing": 4,
        "full_name": "Ann Lee",
    }
    assert len(shown(gateway, "match", "duplicates", "--limit", "1")) == 1
    text = done(gateway, "match", "duplicates")
    assert ", ".join(map(str, same)) in text
    done(gateway, "lead", "merge", *map(str, same))
    left = shown(gateway, "match", "duplicates", "--rule", "match_name_and_phone")
    assert [row["lead_ids"] for row in left] == [[same[0], senior]]


def test_duplicates_beyond_a_page_are_all_found(gateway: Gateway) -> None:
    """More shared keys than are looked for together, and one shared by more than are compared."""
    lead_id = add(gateway, full_name="Ann Lee")
    with gateway.system.engine.begin() as connection:
        row = connection.execute(select(Lead.__table__)).mappings().one()
        leads = [{**row, "lead_id": lead_id + number} for number in range(1, 900)]
        connection.execute(insert(Lead), leads)
        keys = [
            {
                "digest": (7 + number // 2 if number < 500 else 1).to_bytes(16, "big"),
                "lead_id": lead_id + number,
                "rule": "match_phone",
                "version": 1,
            }
            for number in range(900)
        ]
        connection.execute(insert(MatchKey), keys)
    found = shown(gateway, "match", "duplicates", "--limit", "1000")
    crowd = [row for row in found if row["sharing"] == 400]
    assert [len(row["lead_ids"]) for row in crowd] == [100]
    pairs = sorted(row["lead_ids"] for row in found if row["sharing"] == 2)
    assert pairs == [[lead_id + number, lead_id + number + 1] for number in range(0, 500, 2)]
    assert "and 90 more" in done(gateway, "match", "duplicates")


def test_explain_asks_plugins_and_names_one_that_fails(
    make_gateway: Callable[..., Gateway], monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway = with_commands(make_gateway("tests.plugins.territory"))
    body = "mode=insert&full_name=Ann+Lee&state=or"
    fields = {each["field"]: each["new"] for each in explain(gateway, body)["fields"]}
    assert (fields["state"], fields["priority"]) == ("OR", "Warm")
    said = refused(gateway, "match", "explain", stdin=f"{body}&country=Atlantis".encode())
    assert "The post would be refused. country: not one that we serve" in said
    # The same plugin with a mistake in it: it calls what is no class.
    monkeypatch.setattr("tests.plugins.territory.Refused", None)
    said = refused(gateway, "match", "explain", stdin=f"{body}&country=Atlantis".encode())
    assert "plugin tests.plugins.territory: gateway_before_store raised TypeError" in said
    assert gateway.count() == 0
