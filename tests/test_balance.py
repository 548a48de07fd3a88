"""``flask journal balance``: a day of all kinds balances; what is lost or made up is named."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, insert, select, update
from stored_rows import add, change, everything

from gateway.commands import lead_set
from gateway.journal import balance
from gateway.models import Erasure, ImportRun, Lead, LeadMerge, MatchKey, Submission, SubmissionKey
from gateway.store.writing import inserted_key
from gateway.testing import Gateway, Response
from gateway.transport.identity import new_request_id
from tests.cli_runner import done, run, shown, with_commands

_lead = Lead.__table__
_submission = Submission.__table__
_key = SubmissionKey.__table__


@pytest.fixture
def gateway(make_gateway: Callable[..., Gateway]) -> Gateway:
    return with_commands(make_gateway())


def balanced(gateway: Gateway, *words: str) -> dict[str, Any]:
    found = shown(gateway, "journal", "balance", *words)
    assert (found["posts"]["holds"], found["leads"]["holds"]) == (True, True)
    assert (found["wrong"], found["offenders"]) == (0, [])
    return dict(found)


def unbalanced(gateway: Gateway, *words: str, which: str) -> list[dict[str, Any]]:
    """Return the offenders; only the equation ``which`` does not hold."""
    result = run(gateway, "journal", "balance", *words, "--json")
    assert result.exit_code == 1, result.output
    found = json.loads(result.stdout)
    held = {name: found[name]["holds"] for name in ("posts", "leads")}
    assert held == {"posts": which != "posts", "leads": which != "leads"}
    assert found["wrong"] == len(found["offenders"])
    return list(found["offenders"])


def leads(found: dict[str, Any]) -> tuple[int, ...]:
    names = ("made", "present", "merged_away", "erased", "imported")
    return tuple(found["leads"][name] for name in names)


def request_id(answer: Response) -> str:
    return str(answer.headers["X-Request-Id"])


def set_row(gateway: Gateway, post: str, **values: Any) -> None:
    change(gateway, update(_submission).where(_submission.c.request_id == post).values(values))


def delete_row(gateway: Gateway, post: str) -> None:
    change(gateway, delete(_submission).where(_submission.c.request_id == post))


def delete_lead(gateway: Gateway, lead_id: int) -> None:
    keys = MatchKey.__table__
    change(
        gateway,
        delete(keys).where(keys.c.lead_id == lead_id),
        delete(_lead).where(_lead.c.lead_id == lead_id),
    )


def add_lead(gateway: Gateway, **values: Any) -> int:
    now = datetime.now(UTC)
    row = {"created_at": now, "updated_at": now, "city": "Nowhere", **values}
    with gateway.system.engine.begin() as connection:
        return inserted_key(connection.execute(insert(_lead).values(row)))


def make_import(gateway: Gateway, folder: Path, *names: str) -> None:
    path = folder / f"{names[0]}.csv"
    path.write_text("\n".join(["external_id", *names, ""]))
    done(gateway, "lead", "import", str(path))


@contextmanager
def away(gateway: Gateway) -> Iterator[None]:
    """Have posts spooled until the block ends."""
    gateway.system.snapshot.refresh(gateway.system.engine)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(gateway.system.breaker, "may_try", lambda: False)
        yield


def spooled(gateway: Gateway, **fields: Any) -> str:
    with away(gateway):
        answer = gateway.send(**fields)
    assert answer.headers["X-Gateway-Error"] == "spooled"
    return request_id(answer)


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


def test_lead_that_is_lost_is_named_with_its_post(gateway: Gateway) -> None:
    answer = gateway.send(phone="503-555-0100")
    add(gateway, city="Other")
    assert answer.lead_id is not None
    delete_lead(gateway, answer.lead_id)
    (offender,) = unbalanced(gateway, which="leads")
    assert (offender["request_id"], offender["lead_id"]) == (request_id(answer), 1001)
    assert "neither there, merged away nor erased" in offender["wrong"]
    assert "restore the lead" in offender["remedy"]


def test_lead_without_a_post_is_named(gateway: Gateway) -> None:
    add(gateway, city="X")
    lead_id = add_lead(gateway)
    (offender,) = unbalanced(gateway, which="leads")
    assert (offender["request_id"], offender["lead_id"]) == (None, lead_id)
    assert "no accepted post and no import made it" in offender["wrong"]
    assert balanced(gateway, "--since", "2999-01-01")


def test_more_than_twenty_are_counted(gateway: Gateway) -> None:
    add(gateway, city="X")
    for _ in range(23):
        add_lead(gateway)
    result = run(gateway, "journal", "balance", "--json")
    found = json.loads(result.stdout)
    assert (result.exit_code, found["wrong"], len(found["offenders"])) == (1, 23, 20)
    assert "3 more do not fit" in run(gateway, "journal", "balance").stderr


def test_outcome_of_which_there_is_none_is_named(gateway: Gateway) -> None:
    post = request_id(gateway.send(mode="insrt"))
    set_row(gateway, post, outcome="lost")
    (offender,) = unbalanced(gateway, which="posts")
    assert offender["request_id"] == post
    assert "has the outcome 'lost'" in offender["wrong"]


def test_outcome_of_an_accepted_post_that_was_changed_is_named(gateway: Gateway) -> None:
    add(gateway, external_id="a")
    post = request_id(gateway.send(external_id="a", mode="update", city="X"))
    set_row(gateway, post, outcome="refused")
    (offender,) = unbalanced(gateway, which="posts")
    assert offender["request_id"] == post
    assert "was accepted, and its outcome is 'refused' now" in offender["wrong"]


def test_refused_post_that_is_called_accepted_is_named(gateway: Gateway) -> None:
    post = request_id(gateway.send(mode="insrt"))
    tried = request_id(gateway.send(dry_run="1"))
    for each in (post, tried):
        set_row(gateway, each, outcome="accepted")
    offenders = unbalanced(gateway, which="leads")
    assert [each["request_id"] for each in offenders] == [post, tried]
    assert "names no lead" in offenders[0]["wrong"]


def test_superseded_post_without_another_in_its_place_is_named(gateway: Gateway) -> None:
    post = request_id(gateway.send(mode="insrt"))
    set_row(gateway, post, outcome="superseded")
    (offender,) = unbalanced(gateway, which="posts")
    assert offender["request_id"] == post
    assert "no post stands in its place" in offender["wrong"]


def test_post_that_was_deleted_is_named_by_its_keys(gateway: Gateway) -> None:
    post = request_id(gateway.send(mode="insrt", phone="503-555-0100", email="a@example.com"))
    delete_row(gateway, post)
    for words in ((), ("--since", "1h")):
        (offender,) = unbalanced(gateway, *words, which="posts")
        assert offender["request_id"] == post
    assert balanced(gateway, "--since", "2999-01-01")


def test_post_that_was_deleted_is_named_by_its_lead(gateway: Gateway) -> None:
    add(gateway, city="X")
    answer = gateway.send(city="Y", external_id="y")
    change(gateway, delete(_key))
    gateway.send(external_id="y", mode="update", city="Z")
    delete_row(gateway, request_id(answer))
    change(gateway, delete(_key))
    # An update since does not hide it: no import has made leads.
    (offender,) = unbalanced(gateway, which="leads")
    assert offender["lead_id"] == answer.lead_id


def test_two_posts_cannot_make_one_lead(gateway: Gateway) -> None:
    first, second = gateway.send(city="X"), gateway.send(city="Y")
    set_row(gateway, request_id(second), lead_id=first.lead_id)
    doubled, nobodys = unbalanced(gateway, which="leads")
    assert "2 accepted posts say they made lead 1001" in doubled["wrong"]
    assert nobodys["lead_id"] == second.lead_id


def test_lead_is_in_one_place_only(gateway: Gateway) -> None:
    answer = gateway.send(city="X")
    now = datetime.now(UTC)
    row = {"lead_id": answer.lead_id, "begun_at": now, "posts": 0}
    change(gateway, insert(Erasure.__table__).values(row))
    # One that was begun and interrupted.
    assert leads(balanced(gateway)) == (1, 1, 0, 0, 0)
    change(gateway, update(Erasure.__table__).values(erased_at=now))
    (offender,) = unbalanced(gateway, which="leads")
    assert offender["wrong"].endswith("is present and erased")
    change(gateway, delete(Erasure.__table__))
    merge = {"lead_id": 1001, "survivor_id": 1001, "merged_at": now}
    change(gateway, insert(LeadMerge.__table__).values(merge))
    (offender,) = unbalanced(gateway, which="leads")
    assert offender["wrong"].endswith("is present and merged away")


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


def test_imports_with_match_are_posts(gateway: Gateway, tmp_path: Path) -> None:
    path = tmp_path / "leads.csv"
    path.write_text("first_name,last_name,phone\nAnn,Lee,503-555-0100\nAnn,Lee,503-555-0100\n")
    done(gateway, "lead", "import", str(path), "--match")
    found = balanced(gateway)
    assert (found["posts"]["accepted"], leads(found)) == (2, (1, 1, 0, 0, 0))


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
        delete(_key),
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
    change(gateway, delete(_key))
    assert unbalanced(gateway, which="leads")


def test_file_of_the_spool_that_is_broken_is_named(gateway: Gateway) -> None:
    folder = gateway.system.spool.folder / "broken"
    folder.mkdir(parents=True)
    post = new_request_id()
    (folder / f"{post}.post").write_bytes(b"cut")
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
