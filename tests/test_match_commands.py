"""``flask match``, and what ``flask lead`` says of changes and merges."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cli_runner import done, refused, run, shown, with_commands
from sqlalchemy import delete, func, insert, select, update

from gateway.database import reading
from gateway.models import Lead, MatchKey, MatchRekey, Submission
from gateway.testing import Gateway

ROOT = Path(__file__).parents[1]
NAMES = ("match_name_and_address", "match_name_and_phone", "match_email", "match_phone")


@pytest.fixture
def gateway(make_gateway: Callable[..., Gateway]) -> Gateway:
    return with_commands(
        make_gateway("plugins.example", setup={"users": [{"id": 7, "label": "z"}]})
    )


def add(gateway: Gateway, **fields: Any) -> int:
    answer = gateway.send(**fields)
    assert answer.status == 0, answer.status_message
    assert answer.lead_id is not None
    return answer.lead_id


def change(gateway: Gateway, *statements: Any) -> None:
    with gateway.system.engine.begin() as connection:
        for statement in statements:
            connection.execute(statement)


def count(gateway: Gateway, table: Any) -> int:
    with reading(gateway.system.engine) as connection:
        return int(connection.execute(select(func.count()).select_from(table)).scalar_one())


def explain(gateway: Gateway, body: str, *words: str) -> Any:
    return shown(gateway, "match", "explain", *words, stdin=body.encode())


def test_rekey_says_what_it_did(gateway: Gateway) -> None:
    add(gateway, full_name="Ann Lee", email="a@a.org", phone="555-010-0001")
    change(gateway, delete(MatchKey))
    said = done(gateway, "match", "rekey")
    assert said.startswith(f"Rekeyed 1 leads by {', '.join(gateway.system.match_rules)}: ")
    assert count(gateway, MatchKey) == 3
    assert done(gateway, "match", "rekey", "--rule", "match_email").startswith(
        "Rekeyed 1 leads by match_email: "
    )


def test_rekey_goes_on_or_begins_anew(gateway: Gateway) -> None:
    for number in range(3):
        add(gateway, phone=f"555-010-000{number}")
    done(gateway, "match", "rekey", "--batch", "1")
    change(gateway, update(MatchRekey).values(through_id=1002, finished_at=None))
    result = run(gateway, "match", "rekey")
    assert result.stderr == "Going on after lead 1002.\n"
    assert result.stdout.startswith("Rekeyed 1 leads ")
    change(gateway, update(MatchRekey).values(through_id=1002, finished_at=None))
    assert done(gateway, "match", "rekey", "--restart").startswith("Rekeyed 3 leads ")


@pytest.mark.parametrize("command", ["rekey", "duplicates"])
def test_unknown_rule_is_refused_with_those_that_are_known(gateway: Gateway, command: str) -> None:
    said = refused(gateway, "match", command, "--rule", "match_shoe")
    assert said.startswith("Error: There is no rule match_shoe. The rules are ")
    assert all(name in said for name in NAMES)


def test_rule_that_fails_is_one_sentence(make_gateway: Callable[..., Gateway]) -> None:
    gateway = with_commands(make_gateway())
    add(gateway, city="Reno")

    def keys(lead: Any) -> list[Any]:
        return [5]

    rule = gateway.system.match_rules["match_email"]
    object.__setattr__(rule, "keys", keys)
    said = refused(gateway, "match", "rekey")
    assert said == (
        "Error: lead 1001: rule match_email gave int as a key, not text. "
        "Mend the rule and run this again: it goes on from here."
    )


def test_status_shows_stale_unknown_and_missing_keys(gateway: Gateway) -> None:
    add(gateway, full_name="Ann Lee", email="a@a.org", phone="555-010-0001", cell="555-010-0002")
    add(gateway, city="Reno")
    change(
        gateway,
        update(MatchKey).values(version=0).where(MatchKey.rule == "match_email"),
        insert(MatchKey).values(digest=b"x" * 16, lead_id=1001, rule="match_gone", version=3),
    )
    found = shown(gateway, "match", "status")
    by_rule = {row.pop("rule"): row for row in found["rules"]}
    assert found["leads"] == 2
    assert by_rule["match_phone"] == {
        "version": 1,
        "keys": 2,
        "keys_by_version": {"1": 2},
        "stale": 0,
        "with_keys": 1,
        "without_keys": 1,
        "rekey": None,
    }
    assert (by_rule["match_email"]["stale"], by_rule["match_email"]["keys"]) == (1, 1)
    assert by_rule["match_name_and_address"]["without_keys"] == 2
    assert found["unknown"] == [{"rule": "match_gone", "keys": 1, "keys_by_version": {"3": 1}}]
    result = run(gateway, "match", "status")
    assert "match_gone" in result.stdout
    assert result.stderr.startswith("Stale keys of match_email: ")
    done(gateway, "match", "rekey")
    result = run(gateway, "match", "status")
    assert ("match_gone" in result.stdout, result.stderr) == (False, "")
    assert "2 leads" in result.stdout
    assert all(
        row["rekey"]["leads_left"] == 0 for row in shown(gateway, "match", "status")["rules"]
    )


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


def test_history_shows_changes_newest_last_and_masks_what_is_sensitive(gateway: Gateway) -> None:
    lead_id = add(gateway, company="One", govt_id="123-45-6789", ok_to_text="No")
    assert shown(gateway, "lead", "show", str(lead_id), "--history")["history"] == []
    first = gateway.send(mode="update", lead_id=lead_id, company="Two", ownerID=7, vin="AAA1")
    second = gateway.send(
        mode="update",
        lead_id=lead_id,
        company="",
        govt_id="987-65-4321",
        ok_to_text="Yes",
        tags="a",
    )
    found = shown(gateway, "lead", "show", str(lead_id), "--history")["history"]
    by_post = [
        {each["field"]: (each["old"], each["new"]) for each in found if each["by"] == request_id}
        for request_id in (first.headers["X-Request-Id"], second.headers["X-Request-Id"])
    ]
    assert by_post == [
        {"company": ("One", "Two"), "ownerID": (None, "z"), "vin": (None, "AAA1")},
        {
            "company": ("Two", None),
            "govt_id": ("*******6789", "*******4321"),
            "ok_to_text": ("No", "Yes"),
            "tags": ([], ["a"]),
        },
    ]
    assert [each["by"] for each in found] == sorted(each["by"] for each in found)
    assert found[0].keys() == {"at", "field", "old", "new", "by"}
    text = done(gateway, "lead", "show", str(lead_id), "--history")
    assert first.headers["X-Request-Id"] in text
    assert "987-65" not in text
    assert "history" not in shown(gateway, "lead", "show", str(lead_id))


def test_merge_says_what_it_does(gateway: Gateway) -> None:
    keep = add(gateway, phone="1", govt_id="123-45-6789")
    other = add(gateway, phone="2", govt_id="987-65-4321", city="Reno", note="x", external_id="B")
    tried = shown(gateway, "lead", "merge", str(keep), str(other), "--dry-run")
    assert tried.pop("dry_run") is True
    assert gateway.count() == 2
    text = done(gateway, "lead", "merge", str(keep), str(other), "--dry-run")
    assert text.splitlines()[-1].startswith(f"Would merge {other} into {keep}; moved 1 notes, ")
    merged = shown(gateway, "lead", "merge", str(keep), str(other))
    assert merged == tried | {"dry_run": False}
    assert merged["changes"] == [
        {"from": other, "field": "city", "old": None, "new": "Reno"},
        {"from": other, "field": "external_id", "old": None, "new": "B"},
        {"from": other, "field": "govt_id", "old": "*******4321", "new": "*******6789"},
        {"from": other, "field": "phone", "old": "2", "new": "1"},
    ]
    assert (merged["lead_id"], merged["merged"]) == (keep, [other])


def test_merged_lead_is_shown_as_the_one_that_stayed(gateway: Gateway) -> None:
    keep, other = add(gateway, company="One"), add(gateway, city="Reno")
    done(gateway, "lead", "merge", str(keep), str(other))
    result = run(gateway, "lead", "show", str(other), "--json")
    assert json.loads(result.stdout)["lead_id"] == keep
    assert result.stderr == f"Lead {other} was merged into lead {keep}.\n"
    assert refused(gateway, "lead", "show", "1999") == "Error: There is no lead 1999."


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("1001", "1001"), "Lead 1001 cannot be merged with itself."),
        (("1001", "1999"), "There is no lead 1999."),
        (("1003", "1001"), "Lead 1003 was merged into lead 1002 already."),
    ],
)
def test_merge_of_what_cannot_be_merged_is_one_sentence(
    gateway: Gateway, words: tuple[str, ...], why: str
) -> None:
    for number in range(3):
        add(gateway, phone=f"555-010-000{number}")
    done(gateway, "lead", "merge", "1002", "1003")
    assert refused(gateway, "lead", "merge", *words) == f"Error: {why}"
    assert "Missing argument" in refused(gateway, "lead", "merge", "1001", exit_code=2)


def test_rekey_that_is_killed_goes_on(gateway: Gateway) -> None:
    """The program itself, killed as soon as it has noted a batch."""
    add(gateway, full_name="Ann Lee")
    with gateway.system.engine.begin() as connection:
        row = connection.execute(select(Lead.__table__)).mappings().one()
        leads = [
            {**row, "lead_id": 1001 + number, "phone": f"555-{number:07}"}
            for number in range(1, 3000)
        ]
        connection.execute(insert(Lead), leads)
    program = subprocess.Popen(
        [sys.executable, "-m", "flask", "match", "rekey", "--batch", "10"],
        cwd=ROOT,
        env={
            **os.environ,
            "DATABASE_URL": gateway.system.settings.DATABASE_URL,
            "GATEWAY_PLUGINS": ",".join(gateway.system.plugins),
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    through = select(func.min(MatchRekey.through_id))
    noted = None
    while not noted and program.poll() is None:
        with reading(gateway.system.engine) as connection:
            noted = connection.execute(through).scalar()
    program.send_signal(signal.SIGKILL)
    program.communicate()
    assert program.returncode == -signal.SIGKILL
    result = run(gateway, "match", "rekey")
    assert result.stderr.startswith("Going on after lead ")
    assert count(gateway, MatchKey) == 2 * 2999


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
