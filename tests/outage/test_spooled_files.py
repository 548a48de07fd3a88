"""The files in which posts wait: no credentials in them, and broken ones stop nobody."""

import os
import time
from collections.abc import Callable

import pytest
from cli_runner import done, with_commands

from gateway.spool import BrokenFile
from tests.outage.outages import Outage, assert_nothing_of, assert_saved


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (
            b"command=lead_set&mode=insert&ai_login_id=web&ai_login_password=s3cr3t-x&city=X",
            "application/x-www-form-urlencoded",
        ),
        (
            b'{"command":"lead_set","mode":"insert","ai_login_id":"web",'
            b'"ai_login_password":"s3cr3t-x","city":"X"}',
            "application/json",
        ),
        (
            b'--b\r\nContent-Disposition: form-data; name="command"\r\n\r\nlead_set\r\n'
            b'--b\r\nContent-Disposition: form-data; name="mode"\r\n\r\ninsert\r\n'
            b'--b\r\nContent-Disposition: form-data; name="city"\r\n\r\nX\r\n'
            b'--b\r\nContent-Disposition: form-data; name="ai_login_id"\r\n\r\nweb\r\n'
            b'--b\r\nContent-Disposition: form-data; name="ai_login_password"\r\n\r\n'
            b's3cr3t-x\r\n--b\r\nContent-Disposition: form-data; name="f"; filename="a.bin"\r\n'
            b"\r\n\x00\xff\r\n--b--\r\n",
            "multipart/form-data; boundary=b",
        ),
    ],
)
def test_no_credentials_lie_in_the_spool_and_every_form_comes_back(
    make_outage: Callable[..., Outage], body: bytes, content_type: str
) -> None:
    out = make_outage(logins=[{"name": "web", "password": "s3cr3t-x"}])
    query = "ai_login_password=s3cr3t-x"
    with out.away():
        assert_saved(out.gateway.post(body, content_type=content_type, query=query, anonymous=True))
        assert_nothing_of(b"s3cr3t", out.gateway.system.spool.folder)
    assert out.drain().accepted == 1
    lead = out.gateway.lead(1001)
    assert lead is not None
    assert (lead["city"], len(lead["files"])) == ("X", 1 if b"a.bin" in body else 0)


def test_body_in_which_a_secret_may_be_anywhere_comes_back_as_it_was_read(out: Outage) -> None:
    body = b"command=lead_set&mode=insert&note=ai_token&city=X&tags[]=a&tags[]=b"
    with out.away():
        assert_saved(out.gateway.post(body))
    assert out.drain().accepted == 1
    lead = out.gateway.lead(1001)
    assert lead is not None
    assert (lead["city"], lead["tags"], lead["notes"][0]["text"]) == ("X", ["a", "b"], "ai_token")
    (row,) = out.gateway.journal()
    assert row["body"] is None


def test_broken_file_is_set_aside_and_stops_nobody(
    out: Outage, caplog: pytest.LogCaptureFixture
) -> None:
    with out.away():
        for city in "ABCD":
            assert_saved(out.gateway.send(city=city))
    cut, empty, changed, _ = out.files
    cut.write_bytes(cut.read_bytes()[:-3])
    empty.write_bytes(b"")
    changed.write_bytes(changed.read_bytes()[:-1] + b"!")
    drained = out.drain()
    assert (drained.accepted, drained.broken, drained.waiting) == (1, 3, 0)
    aside = sorted(path.name for path in (out.gateway.system.spool.folder / "broken").iterdir())
    assert aside == [cut.name, empty.name, changed.name]
    assert caplog.text.count("is broken") == 3


def test_erasing_takes_the_posts_of_one_person(out: Outage) -> None:
    first = out.gateway.send(full_name="Ann Lee", phone="132-123-1234")
    with out.away():
        assert_saved(out.gateway.send(full_name="ann lee", phone="(132) 123 1234"))
        assert out.gateway.send(full_name="Ann Lee", phone="1321231234", lead_id="x").status == 1
        assert_saved(out.gateway.send(full_name="Bob Ray", phone="132-123-9999"))
    said = done(with_commands(out.gateway), "lead", "erase", str(first.lead_id), "--yes")
    assert "Erased 2 posts that waited in the spool" in said
    assert out.drain().accepted == 1


def test_what_is_no_file_of_ours_stops_no_drain(out: Outage) -> None:
    with out.away():
        assert_saved(out.gateway.send(city="X"))
    folder = out.gateway.system.spool.folder
    (folder / "0.post").mkdir()
    (folder / "1.post").symlink_to(folder / "nowhere")
    (folder / "2.post").write_text("something else")
    drained = out.drain()
    assert (drained.accepted, drained.broken, drained.waiting) == (1, 1, 0)
    assert out.gateway.system.spool.is_empty()


def test_file_cut_short_anywhere_is_broken(out: Outage) -> None:
    with out.away():
        assert_saved(out.gateway.send(city="X"))
    (path,) = out.files
    content = path.read_bytes()
    for length in range(len(content)):
        path.write_bytes(content[:length])
        with pytest.raises(BrokenFile):
            out.gateway.system.spool.read(path)


def test_draft_of_a_process_that_was_killed_is_swept(out: Outage) -> None:
    folder = out.gateway.system.spool.folder
    folder.mkdir(parents=True, exist_ok=True)
    old, young = folder / "a.post.0.part", folder / "b.post.0.part"
    for path in (old, young):
        path.write_text("city=X")
    os.utime(old, (time.time() - 7200,) * 2)
    out.drain()
    assert (old.exists(), young.exists()) == (False, True)


def test_address_in_which_a_secret_may_be_anywhere_comes_back_as_it_was_read(out: Outage) -> None:
    with out.away():
        answer = out.gateway.post(b"command=lead_set&mode=insert", query="note=ai_token&city=X")
        assert_saved(answer)
        assert_nothing_of(b"city", out.gateway.system.spool.folder)
    assert out.drain().accepted == 1
    lead = out.gateway.lead(1001)
    assert lead is not None
    assert (lead["city"], lead["notes"][0]["text"]) == ("X", "ai_token")


def test_key_of_the_node_that_is_damaged_is_said_and_stops_nobody(
    out: Outage, caplog: pytest.LogCaptureFixture
) -> None:
    system = out.gateway.system
    seen = system.snapshot._rows
    system.snapshot._rows = None
    with out.away():
        assert_saved(out.gateway.send(city="Before"))
        (system.spool.folder / ".node-key").write_text("damaged")
        answer = out.gateway.send(city="X")
        assert answer.headers["X-Gateway-Error"] == "spool_full"
        system.snapshot._rows = seen
        assert_saved(out.gateway.send(city="Y"))
    drained = out.drain()
    assert (drained.unreadable, drained.accepted, drained.waiting) == (1, 1, 1)
    assert "no key any more" in caplog.text
