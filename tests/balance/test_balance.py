"""``flask journal balance``: a day of all kinds balances, also after purges and imports."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update
from stored_rows import FORGET_KEYS, add, change, everything

from gateway.commands import lead_set
from gateway.journal import balance
from gateway.models import ImportRun, Lead, Submission
from gateway.testing import Gateway
from gateway.transport.identity import new_request_id
from tests.balance.balances import (
    add_lead,
    balanced,
    delete_lead,
    delete_row,
    leads,
    make_import,
    request_id,
    set_row,
    spooled,
    unbalanced,
)
from tests.cli_runner import done, run, shown, with_commands

_lead = Lead.__table__
_submission = Submission.__table__


def test_day_with_posts_of_every_kind_balances(
    make_gateway: Callable[..., Gateway], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway = with_commands(make_gateway(GATEWAY_REPEAT_WINDOW=600))
    assert leads(balanced(gateway)) == (0, 0, 0, 0, 0)
    kept, merged, erased = (add(gateway, external_id=each, phone="503-555-0100") for each in "abc")
    also_erased = add(gateway, external_id="d")
    gateway.send(external_id="a", mode="update", city="Oslo")
    assert gateway.send(external_id="a", phone="503-555-0100").headers["X-Gateway-Repeat"]
    gateway.send(city="Tried", dry_run="1")
    gateway.post(b"city=Stranger", anonymous=True)
    wrong = request_id(gateway.send(mode="insrt", city="Wrong"))
    gateway.send(mode="insrt", city="Stays wrong")
    with monkeypatch.context() as patched:
        patched.setattr(lead_set, "store", lambda *_, **__: 1 / 0)
        gateway.send(city="Failed")
    (again,) = shown(gateway, "journal", "replay", wrong, "--set", "mode=insert")
    spooled(gateway, city="Drained")
    spooled(gateway, city="Drained, too")
    done(gateway, "journal", "drain")
    spooled(gateway, city="Waits")
    make_import(gateway, tmp_path, "i1", "i2", "i3")
    gateway.send(external_id="i1", mode="update", city="Rome")
    done(gateway, "lead", "merge", str(kept), str(merged))
    done(gateway, "lead", "merge", str(erased), str(also_erased))
    done(gateway, "lead", "erase", str(erased), "--yes")
    before = gateway.journal(), everything(gateway)
    found = balanced(gateway)
    assert found["posts"] == {
        "received": 16,
        "accepted": 9,
        "refused": 2,
        "quarantined": 0,
        "failed": 1,
        "dry_run": 1,
        "superseded": 2,
        "spooled": 1,
        "holds": True,
    }
    assert again["outcome"] == "accepted"
    assert leads(found) == (7, 4, 1, 2, 3)
    assert found["leads"]["presumed"] == 1
    assert (gateway.journal(), everything(gateway)) == before
    assert balanced(gateway, "--since", "1h")["posts"] == found["posts"]
    assert leads(balanced(gateway, "--since", "2999-01-01")) == (0, 0, 0, 0, 0)


def test_table_has_both_equations_one_number_a_line(gateway: Gateway) -> None:
    add(gateway, city="X")
    lines = [line.rstrip() for line in done(gateway, "journal", "balance").splitlines()]
    compact = [" ".join(line.split()) for line in lines]
    for line in ("received 1", "= accepted 1", "+ dry run 0", "+ spooled, on this node 0",
                 "leads made by accepted posts 1", "= present 1", "+ merged away 0"):  # fmt: skip
        assert line in compact
    assert compact.count("holds yes") == 2
    delete_lead(gateway, 1001)
    result = run(gateway, "journal", "balance")
    assert result.exit_code == 1
    assert "holds NO" in " ".join(result.stdout.split())
    assert "says it made lead 1001, which is neither there" in result.stdout
    assert "received = accepted" in done(gateway, "journal", "balance", "--help")


def test_imports_hide_no_more_leads_than_they_made(gateway: Gateway, tmp_path: Path) -> None:
    add(gateway, city="X")
    make_import(gateway, tmp_path, "a", "b")
    for each in "ab":
        gateway.send(mode="update", external_id=each, city="Y")
    found = balanced(gateway)
    assert (leads(found), found["leads"]["presumed"]) == ((1, 1, 0, 0, 2), 2)
    change(gateway, update(ImportRun.__table__).values(created=1))
    result = run(gateway, "journal", "balance", "--json")
    found = json.loads(result.stdout)
    assert (result.exit_code, found["wrong"], leads(found)) == (1, 1, (1, 2, 0, 0, 1))
    assert {each["lead_id"] for each in found["offenders"]} == {1002, 1003}
    assert "more do not fit" not in run(gateway, "journal", "balance").stderr


def test_imports_with_match_are_posts(gateway: Gateway, tmp_path: Path) -> None:
    path = tmp_path / "leads.csv"
    path.write_text("first_name,last_name,phone\nAnn,Lee,503-555-0100\nAnn,Lee,503-555-0100\n")
    done(gateway, "lead", "import", str(path), "--match")
    found = balanced(gateway)
    assert (found["posts"]["accepted"], leads(found)) == (2, (1, 1, 0, 0, 0))


@pytest.mark.parametrize("is_purged", [False, True])
def test_imports_with_match_hide_no_lead_that_has_lost_its_post(
    gateway: Gateway, tmp_path: Path, is_purged: bool
) -> None:
    path = tmp_path / "leads.csv"
    path.write_text("first_name,last_name,phone\nAnn,Lee,503-555-0100\nBo,Kay,503-555-0101\n")
    done(gateway, "lead", "import", str(path), "--match")
    if is_purged:
        long_ago = datetime.now(UTC) - timedelta(days=100)
        is_import = _submission.c.method == "IMPORT"
        change(
            gateway,
            update(ImportRun.__table__).values(started_at=long_ago, finished_at=long_ago),
            update(_lead).values(created_at=long_ago),
            update(_submission).where(is_import).values(received_at=long_ago, recorded_at=long_ago),
        )
        done(gateway, "journal", "purge")
    add(gateway, city="X")
    answer = gateway.send(city="Y", external_id="y")
    gateway.send(external_id="y", mode="update", city="Z")
    assert balanced(gateway)["leads"]["presumed"] == 0
    delete_row(gateway, request_id(answer))
    change(gateway, *FORGET_KEYS)
    (offender,) = unbalanced(gateway, which="leads")
    assert offender["lead_id"] == answer.lead_id


def make_old(gateway: Gateway, post: str, days: float) -> None:
    """Make a post and its lead that old."""
    at = datetime.now(UTC) - timedelta(days=days)
    set_row(gateway, post, received_at=at, recorded_at=at)
    made = select(_submission.c.lead_id).where(_submission.c.request_id == post).scalar_subquery()
    change(gateway, update(_lead).where(_lead.c.lead_id == made).values(created_at=at))


def test_purge_is_no_loss_also_with_late_posts_from_before_it(
    make_gateway: Callable[..., Gateway],
) -> None:
    gateway = with_commands(make_gateway(GATEWAY_JOURNAL_DAYS=10))
    wrong = request_id(gateway.send(mode="insrt", phone="503-555-0101"))
    make_old(gateway, wrong, 30)
    for days in (29, 20, 10.01, 9.99, 5):
        make_old(gateway, request_id(gateway.send(phone="503-555-0100")), days)
    assert leads(balanced(gateway)) == (5, 5, 0, 0, 0)
    done(gateway, "journal", "purge")
    assert leads(balanced(gateway)) == (2, 2, 0, 0, 0)
    # Its row is older than those that went, and so is its lead.
    done(gateway, "journal", "replay", wrong, "--set", "mode=insert")
    assert leads(balanced(gateway)) == (3, 3, 0, 0, 0)
    begins = datetime.fromisoformat(balanced(gateway)["leads"]["since"])
    assert timedelta(days=9) < datetime.now(UTC) - begins < timedelta(days=10)
    # The next purge takes the new row although it was written just now.
    done(gateway, "journal", "purge")
    assert leads(balanced(gateway)) == (2, 2, 0, 0, 0)
    assert leads(balanced(gateway, "--since", "52w")) == (2, 2, 0, 0, 0)
    add_lead(gateway, created_at=datetime.now(UTC) - timedelta(days=7))
    assert len(unbalanced(gateway, which="leads")) == 1


def test_post_that_took_long_at_the_edge_of_a_purge_is_no_loss(gateway: Gateway) -> None:
    slow, quick = (request_id(gateway.send(city=each)) for each in "ab")
    make_old(gateway, quick, 50)
    now = datetime.now(UTC)
    # It came before and was stored after the one whose row is left.
    change(
        gateway,
        update(_lead)
        .where(_lead.c.lead_id == 1001)
        .values(created_at=now - timedelta(days=50) + timedelta(minutes=1)),
        *FORGET_KEYS,
    )
    delete_row(gateway, slow)
    balanced(gateway)


def test_journal_without_accepted_posts_says_nothing_of_leads(gateway: Gateway) -> None:
    add_lead(gateway)
    assert balanced(gateway)["leads"]["since"] is None
    assert "never: no accepted post" in done(gateway, "journal", "balance")


def test_drained_post_is_counted_once_while_its_file_is_there(gateway: Gateway) -> None:
    add(gateway, city="X")
    post = spooled(gateway, city="Y")
    assert balanced(gateway)["posts"]["spooled"] == 1
    assert balanced(gateway, "--since", "2999-01-01")["posts"]["received"] == 0
    (path,) = gateway.system.spool.paths()
    content = path.read_bytes()
    done(gateway, "journal", "drain")
    path.write_bytes(content)
    found = balanced(gateway)["posts"]
    assert (found["received"], found["accepted"], found["spooled"]) == (2, 2, 0)
    delete_row(gateway, post)
    change(gateway, *FORGET_KEYS)
    assert unbalanced(gateway, which="leads")


def test_file_of_the_spool_that_is_broken_is_named(gateway: Gateway) -> None:
    folder = gateway.system.spool.folder / "broken"
    folder.mkdir(parents=True)
    post = new_request_id()
    (folder / f"{post}.post").write_bytes(b"cut")
    (offender,) = unbalanced(gateway, which="posts")
    assert offender["request_id"] == post
    done_before = request_id(gateway.send(city="X"))
    (folder / f"{done_before}.post").write_bytes(b"cut when it was done already")
    (offender,) = unbalanced(gateway, which="posts")
    assert offender["request_id"] == post


def test_post_in_progress_is_in_both_equations_or_in_none(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lead is committed between the two: the snapshot sees nothing of it."""
    add(gateway, city="X")
    first = balance.balance_leads

    def late(*given: Any) -> Any:
        add(gateway, city="Meanwhile")
        return first(*given)

    monkeypatch.setattr(balance, "balance_leads", late)
    found = balanced(gateway)
    assert (found["posts"]["received"], leads(found)) == (1, (1, 1, 0, 0, 0))
