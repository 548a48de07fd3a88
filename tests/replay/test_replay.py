"""``flask journal replay``: a post that was refused is mended and done again, once."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import insert, update

from gateway.models import Login
from gateway.testing import Gateway
from tests.cli_runner import done, refused, run, shown, with_commands
from tests.replay.replays import change, refuse, replayed, row_of, why


def test_refused_post_is_corrected_and_replayed(gateway: Gateway) -> None:
    old = refuse(gateway, tags=["a", "b"], phone="503-555-0100", govt_id="1-2")
    (result,) = replayed(gateway, old, "--set", "mode=insert", "--set", "city=Oslo")
    assert (result["outcome"], result["lead_id"]) == ("accepted", 1001)
    lead = gateway.lead(1001)
    assert lead is not None
    assert (lead["full_name"], lead["city"], lead["tags"]) == ("Ann Lee", "Oslo", ["a", "b"])
    first, new = row_of(gateway, old), row_of(gateway, result["replay"])
    assert (first["outcome"], first["superseded_by"]) == ("superseded", result["replay"])
    assert (new["outcome"], new["replay_of"], new["caller"]) == ("accepted", old, "web")
    assert new["received_at"] == first["received_at"]
    assert new["recorded_at"] > first["recorded_at"]
    assert new["decision"]["corrected"] == ["city", "mode"]
    assert b"city=Oslo" in new["body"]
    assert datetime.fromisoformat(lead["created_at"]) == first["received_at"]


def test_replay_without_correction_keeps_the_bytes(gateway: Gateway) -> None:
    answer = gateway.send(ownerID="jane", mode="update", external_id="x", full_name="Zoë")
    old = answer.headers["X-Request-Id"]
    made = gateway.send(external_id="x", full_name="Ann Lee")
    gateway.send(external_id="other")
    done(gateway, "user", "add", "jane")
    (result,) = replayed(gateway, old)
    assert (result["outcome"], result["lead_id"]) == ("accepted", made.lead_id)
    assert row_of(gateway, result["replay"])["body"] == row_of(gateway, old)["body"]


def test_replay_dates_notes_and_files_by_the_post(gateway: Gateway) -> None:
    old = refuse(gateway, note="Call me")
    then = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    change(gateway, old, received_at=then)
    replayed(gateway, old, "--set", "mode=insert")
    lead = gateway.lead(1001)
    assert lead is not None
    assert lead["notes"][0]["at"] == lead["created_at"] == then.isoformat()
    assert lead["updated_at"] > lead["created_at"]


def test_uploads_go_through_a_correction_byte_for_byte(gateway: Gateway) -> None:
    content = bytes(range(256)) + b"\r\n--gateway\r\n"
    body = (
        b'--B\r\nContent-Disposition: form-data; name="command"\r\n\r\nlead_set\r\n'
        b'--B\r\nContent-Disposition: form-data; name="full_name"\r\n\r\nZ\xfcrich\r\n'
        b'--B\r\nContent-Disposition: form-data; name="notes[0][Notes]"\r\n\r\nHi\r\n'
        b'--B\r\nContent-Disposition: form-data; name="f"; filename="a.bin"\r\n'
        b"Content-Type: image/png\r\n\r\n" + content + b"\r\n--B--\r\n"
    )
    answer = gateway.post(body, content_type="multipart/form-data; boundary=B")
    old = answer.headers["X-Request-Id"]
    replayed(gateway, old, "--set", "mode=insert")
    lead = gateway.lead(1001)
    assert lead is not None
    (file,) = lead["files"]
    assert gateway.system.files.get(file["sha256"]) == content
    assert (file["name"], file["content_type"]) == ("a.bin", "image/png")
    assert (lead["full_name"], lead["notes"][0]["text"]) == ("Zürich", "Hi")


def test_set_takes_several_values_and_replaces_aliases_and_keeps_a_plus(gateway: Gateway) -> None:
    old = refuse(gateway, tags="x", admin_notes="old", phone="1")
    replayed(
        gateway, old, "--set", "mode=insert", "--set", "tags=a", "--set", "tags=b=c",
        "--set", "phone=+1 132 123 1234", "--unset", "admin_notes",
    )  # fmt: skip
    lead = gateway.lead(1001)
    assert lead is not None
    assert (lead["tags"], lead["phone"]) == (["a", "b=c"], "+1 132 123 1234")
    assert lead["admin_notes"] is None


def test_command_is_corrected(gateway: Gateway) -> None:
    answer = gateway.send(command="leadset", full_name="Ann Lee")
    (result,) = replayed(gateway, answer.headers["X-Request-Id"], "--set", "command=lead_set")
    assert result["lead_id"] == 1001


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--set", "citi=x"), "--set citi: no field of this system; did you mean city?"),
        (("--unset", "tagz"), "--unset tagz: no field of this system; did you mean tags?"),
        (("--set", "city"), "city: write field=value"),
        (("--set", "city=a", "--unset", "city"), "city: both set and taken out; do one of them"),
        (("--code", "invalid"), "Name posts by their id, or choose them by --outcome, --code …"),
    ],
)
def test_bad_words_are_refused(gateway: Gateway, words: tuple[str, ...], message: str) -> None:
    old = refuse(gateway)
    assert message in refused(gateway, "journal", "replay", old, *words, exit_code=2)
    assert gateway.count() == 0


def test_accepted_post_is_not_doubled(gateway: Gateway) -> None:
    answer = gateway.send(full_name="Ann Lee")
    accepted = answer.headers["X-Request-Id"]
    assert why(gateway, accepted) == "it was already accepted as lead 1001"
    old = refuse(gateway)
    (result,) = replayed(gateway, old, "--set", "mode=insert", "--set", "city=Oslo")
    assert why(gateway, old) == f"{result['replay']} stands in its place"
    assert why(gateway, "no-such-post") == "there is no such post"


def test_post_that_its_caller_sent_again_is_closed_by_that(gateway: Gateway) -> None:
    old = refuse(gateway, mode="insert", ownerID="jane", notes="bad")
    twice = refuse(gateway, mode="insert", ownerID="jane", notes="bad")
    done(gateway, "user", "add", "jane")
    first, second = replayed(gateway, old, twice, "--set", "notes=[]")
    assert (first["outcome"], second["outcome"]) == ("accepted", "superseded")
    assert gateway.count() == 1
    assert row_of(gateway, twice)["superseded_by"] == first["replay"]
    assert second["messages"] == [f"the same fields were accepted since as {first['replay']}"]


def test_replay_that_is_refused_again_leaves_the_post_open(gateway: Gateway) -> None:
    old = refuse(gateway)
    (result,) = replayed(gateway, old, "--set", "city=Oslo", exit_code=1)
    assert result["outcome"] == "refused"
    assert result["messages"][0].startswith("mode: ")
    assert row_of(gateway, old)["superseded_by"] is None
    # The new entry is no second post to be replayed: that would make two leads of one.
    new = row_of(gateway, result["replay"])
    assert (new["outcome"], new["replay_of"]) == ("refused", old)
    assert why(gateway, result["replay"]) == f"it is a replay itself; replay {old}"
    assert [each["request_id"] for each in shown(gateway, "journal", "list", "--replayable")] == [
        old
    ]
    (again,) = replayed(gateway, "--outcome", "refused", "--set", "mode=insert", "--yes")
    assert (again["request_id"], again["lead_id"]) == (old, 1001)


def test_many_are_chosen_tried_asked_for_and_replayed_oldest_first(gateway: Gateway) -> None:
    olds = [
        refuse(gateway, full_name=f"Ann Lee{'xyz'[n]}", mode="insert", notes="no") for n in range(3)
    ]
    other = gateway.post(b"command=lead_set&mode=insert", anonymous=True).headers["X-Request-Id"]
    choose = ("--outcome", "refused", "--code", "invalid", "--caller", "web", "--since", "1h")
    mend = ("--set", "notes=[]")
    tried = replayed(gateway, *choose, *mend, "--dry-run")
    assert [(each["request_id"], each["outcome"]) for each in tried] == [
        (old, "dry_run") for old in olds
    ]
    assert (len(gateway.journal()), gateway.count()) == (4, 0)
    refusing = run(gateway, "journal", "replay", *choose, *mend, stdin=b"n\n")
    assert refusing.exit_code == 1
    assert "Replay 3 posts?" in refusing.stderr
    assert gateway.count() == 0
    result = run(gateway, "journal", "replay", *choose, *mend, stdin=b"y\n")
    assert result.exit_code == 0, result.output
    assert "3 posts: 3 accepted." in result.stderr
    assert [row_of(gateway, old)["outcome"] for old in olds] == ["superseded"] * 3
    accepted = [row for row in gateway.journal() if row["outcome"] == "accepted"]
    assert [row["lead_id"] for row in accepted] == [1001, 1002, 1003]
    assert row_of(gateway, other)["outcome"] == "refused"
    assert done(gateway, "journal", "replay", *choose, "--yes") == ""


def test_stranger_is_replayed_as_the_login_that_it_claimed(gateway: Gateway) -> None:
    body = b"command=lead_set&mode=insert&full_name=Ann&ai_login_id=shop&ai_login_password=old"
    old = gateway.post(body, anonymous=True).headers["X-Request-Id"]
    assert why(gateway, old) == "there is no login shop; add it, or name another with --as"
    with gateway.system.engine.begin() as connection:
        connection.execute(
            insert(Login), {"name": "shop", "kind": "api", "created_at": datetime.now(UTC)}
        )
    (result,) = replayed(gateway, old)
    assert row_of(gateway, result["replay"])["caller"] == "shop"
    nameless = gateway.post(b"command=lead_set&mode=insert", anonymous=True)
    nobody = nameless.headers["X-Request-Id"]
    assert why(gateway, nobody) == "it named no login; say with --as whose post it is"
    (result,) = replayed(gateway, nobody, "--as", "web")
    assert row_of(gateway, result["replay"])["caller"] == "web"


@pytest.mark.parametrize("end", ["disabled", "retired"])
def test_login_that_ended_is_not_used(gateway: Gateway, end: str) -> None:
    old = refuse(gateway)
    values = {f"{end}_at": datetime.now(UTC)}
    with gateway.system.engine.begin() as connection:
        connection.execute(update(Login).values(values))
        connection.execute(
            insert(Login), {"name": "next", "kind": "api", "created_at": datetime.now(UTC)}
        )
    mend = ("--set", "mode=insert")
    assert why(gateway, old, *mend) == f"the login web is {end}; name another with --as"
    (result,) = replayed(gateway, old, *mend, "--as", "next")
    assert row_of(gateway, result["replay"])["caller"] == "next"


def test_try_is_done_in_earnest_only_when_asked(gateway: Gateway) -> None:
    old = gateway.send(full_name="Ann Lee", dry_run="1").headers["X-Request-Id"]
    assert row_of(gateway, old)["outcome"] == "dry_run"
    assert why(gateway, old) == "it was only a try; --unset dry_run does it in earnest"
    (result,) = replayed(gateway, old, "--unset", "dry_run")
    assert (result["outcome"], gateway.count()) == ("accepted", 1)


def test_erased_post_is_never_replayed(gateway: Gateway) -> None:
    old = refuse(gateway, email="ann@example.com")
    gateway.send(full_name="Ann Lee", email="ann@example.com")
    done(gateway, "lead", "erase", "1001", "--yes")
    assert why(gateway, old, "--set", "mode=insert") == "the person was erased"


def test_posts_that_cannot_be_read_are_named_and_the_rest_goes_on(
    make_gateway: Callable[..., Gateway],
) -> None:
    gateway = with_commands(make_gateway(GATEWAY_MAX_BODY=2000))
    large = gateway.post(b"command=lead_set&mode=insert&note=" + b"x" * 3000)
    broken, good, gone = (refuse(gateway, full_name=name) for name in ("A B", "C D", "E F"))
    change(gateway, broken, body=b'{"command": ', content_type="application/json")
    change(gateway, gone, body=None, stored_sha256="0" * 64)
    ids = (large.headers["X-Request-Id"], broken, gone, good)
    results = replayed(gateway, *ids, "--set", "mode=insert", exit_code=1)
    assert [each["outcome"] for each in results] == ["left", "left", "left", "accepted"]
    first, second, third = (each["messages"][0] for each in results[:3])
    assert first == "of its body only length and hash were kept; its sender must send it"
    assert second.startswith("it cannot be read: The body")
    assert third.startswith("it cannot be read: the body's file 000")


def test_fields_of_a_plugin_that_is_gone_are_named(gateway: Gateway) -> None:
    old = refuse(gateway, vin="ABC1")
    result = run(gateway, "journal", "replay", old, "--set", "mode=insert")
    assert result.exit_code == 0
    assert "vin: no field of this system now, in 1 post." in result.stderr
    assert row_of(gateway, gateway.journal()[-1]["request_id"])["unknown"] == ["vin"]


def test_replay_overwrites_nothing_newer_and_says_so(gateway: Gateway) -> None:
    gateway.send(external_id="x", full_name="Ann Lee", city="Oslo", company="Acme")
    old = refuse(gateway, mode="updat", external_id="x", city="Bergen", company="Late", note="hi")
    gateway.send(mode="update", external_id="x", city="Rome")
    (tried,) = replayed(gateway, old, "--set", "mode=update", "--dry-run")
    (result,) = replayed(gateway, old, "--set", "mode=update")
    for each in (tried, result):
        assert each["decision"]["held_back"] == ["city"]
        assert each["decision"]["changes"] == ["company", "notes"]
    lead = gateway.lead(1001)
    assert lead is not None
    assert (lead["city"], lead["company"], lead["notes"][0]["text"]) == ("Rome", "Late", "hi")


def test_age_of_a_replay_is_that_of_the_post(gateway: Gateway) -> None:
    old = refuse(gateway)
    change(gateway, old, received_at=datetime.now(UTC) - timedelta(days=5))
    replayed(gateway, old, "--set", "mode=insert")
    assert shown(gateway, "journal", "list", "--since", "1d") == []
