"""``flask lead``: what it says of changes and merges."""

import json
from collections.abc import Callable

import pytest
from cli_runner import done, refused, run, shown, with_commands
from stored_rows import add

from gateway.testing import Gateway


@pytest.fixture
def gateway(make_gateway: Callable[..., Gateway]) -> Gateway:
    return with_commands(
        make_gateway("plugins.example", setup={"users": [{"id": 7, "label": "z"}]})
    )


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
