"""What need not be kept goes, in batches, while posts keep coming; what must be kept stays."""

import os
import shutil
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, insert, select, update

from gateway import journal
from gateway.journal import purging, strangers, sweeping
from gateway.models import PendingKeys, StrangerHour, Submission, SubmissionKey
from gateway.testing import Gateway
from tests.cli_runner import done, shown, with_commands
from tests.stored_rows import search_keys

_submission = Submission.__table__
_key = SubmissionKey.__table__


@pytest.fixture
def gateway(make_gateway: Callable[..., Gateway]) -> Gateway:
    return with_commands(make_gateway())


def age(gateway: Gateway, days: float, **values: Any) -> str:
    """Make the last post that old; return its id."""
    request_id = str(gateway.journal()[-1]["request_id"])
    at = datetime.now(UTC) - timedelta(days=days)
    with gateway.system.engine.begin() as connection:
        connection.execute(
            update(_submission)
            .where(_submission.c.request_id == request_id)
            .values(received_at=at, **values)
        )
    return request_id


def ids(gateway: Gateway) -> set[str]:
    return {str(row["request_id"]) for row in gateway.journal()}


def key_ids(gateway: Gateway) -> set[str]:
    return {request_id for request_id, _ in search_keys(gateway)}


def test_each_kind_is_kept_as_long_as_it_must(make_gateway: Callable[..., Gateway]) -> None:
    gateway = with_commands(make_gateway(GATEWAY_JOURNAL_DAYS=10))
    stays, goes = set(), set()

    def post(days: float, *, kept: bool, **values: Any) -> None:
        # Sorts behind all others, so that it is the one which is made old.
        (stays if kept else goes).add(age(gateway, days, **values))

    gateway.send(phone="503-555-0100")
    post(9.9, kept=True)
    gateway.send(phone="503-555-0100")
    post(10.1, kept=False)
    gateway.send(phone="503-555-0100", dry_run="1")
    post(10.1, kept=False)
    gateway.send(phone="503-555-0100", mode="upsert")
    post(399, kept=True)
    gateway.send(phone="503-555-0100", mode="upsert")
    post(401, kept=False)
    gateway.send(phone="503-555-0100", mode="upsert")
    post(11, kept=False, handled_at=datetime.now(UTC))
    gateway.send(phone="503-555-0100", mode="upsert")
    post(11, kept=False, superseded_by="x")
    gateway.post(b"phone=503-555-0100", anonymous=True)
    post(29, kept=True)
    gateway.post(b"phone=503-555-0100", anonymous=True)
    post(31, kept=False)
    assert "Would delete 6 posts: 4 settled, 1 unhandled, 1 strangers." in done(
        gateway, "journal", "purge", "--dry-run"
    )
    assert ids(gateway) == key_ids(gateway) == stays | goes
    assert "Deleted 6 posts" in done(gateway, "journal", "purge")
    assert ids(gateway) == key_ids(gateway) == stays
    assert gateway.count() == 2


def test_body_in_the_file_store_goes_with_its_row_unless_another_names_it(
    gateway: Gateway,
) -> None:
    note = "x" * 70_000
    for _ in range(2):
        gateway.send(note=note)
        age(gateway, 100)
    gateway.send(note=note + "y")
    age(gateway, 100)
    gateway.send(note=note)
    stored = [row["stored_sha256"] for row in gateway.journal()]
    shared = gateway.journal()[-1]["stored_sha256"]
    (own,) = set(stored) - {shared}
    for name in (own, shared):
        make_old(gateway, name, timedelta(days=99))
    done(gateway, "journal", "purge")
    assert not gateway.system.files.exists(own)
    assert gateway.system.files.get(shared).endswith(b"x")


def make_old(gateway: Gateway, name: str, by: timedelta) -> None:
    at = (datetime.now(UTC) - by).timestamp()
    (path,) = Path(gateway.system.files.root).rglob(name)
    os.utime(path, (at, at))


def test_posts_keep_coming_while_a_long_journal_is_purged(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(purging, "AT_ONCE", 50)
    gateway.send(phone="503-555-0100")
    old = age(gateway, 100)
    (row,) = (dict(row) for row in gateway.journal())
    copies = [{**row, "request_id": f"{old[:30]}{number:06}"} for number in range(2000)]
    with gateway.system.engine.begin() as connection:
        connection.execute(insert(_submission), copies)
        keys = [{"digest": bytes(16), "request_id": each["request_id"]} for each in copies]
        connection.execute(insert(_key), keys[::2])
        connection.execute(
            insert(PendingKeys.__table__),
            [{"digests": each["digest"], "request_id": each["request_id"]} for each in keys[1::2]],
        )
    ended = threading.Event()
    answers: list[Any] = []
    begun = threading.Barrier(4)

    def send() -> None:
        begun.wait()
        while not ended.is_set():
            answers.append(gateway.send(phone="503-555-0111", last_name="Lee"))

    threads = [threading.Thread(target=send) for _ in range(3)]
    for thread in threads:
        thread.start()
    begun.wait()
    gone = sum(purging.purge(gateway.system, purging.due(gateway.system)))
    ended.set()
    for thread in threads:
        thread.join()
    assert gone == 2001
    assert answers
    assert {answer.status for answer in answers} == {0}
    assert len(ids(gateway)) == len(answers) == gateway.count() - 1
    assert key_ids(gateway) == ids(gateway)


def test_purge_that_is_interrupted_goes_on(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(purging, "AT_ONCE", 2)
    for _ in range(5):
        gateway.send(last_name="Lee")
        age(gateway, 100)
    run = purging.purge(gateway.system, purging.due(gateway.system))
    assert next(run) == 2
    run.close()
    assert len(gateway.journal()) == 3
    done(gateway, "journal", "purge")
    assert gateway.journal() == []


def test_purge_on_sqlite_takes_small_turns_and_leaves_no_writing_back_to_posts(
    gateway: Gateway, tmp_path: Path
) -> None:
    engine = gateway.system.engine
    if engine.dialect.name != "sqlite":
        pytest.skip("only SQLite has one writer and writes its log back in a commit")
    gateway.send(last_name="Lee")
    age(gateway, 100)
    (row,) = (dict(row) for row in gateway.journal())
    number = purging.AT_ONCE_ALONE + 20
    copies = [{**row, "request_id": f"{row['request_id'][:30]}{n:06}"} for n in range(number - 1)]
    with engine.begin() as connection:
        connection.execute(insert(_submission), copies)
    run = purging.purge(gateway.system, purging.due(gateway.system))
    assert next(run) == purging.AT_ONCE_ALONE
    # The file without its log beside it has what was written back, and no more.
    alone = shutil.copy(str(engine.url.database), tmp_path / "alone.db")
    with closing(sqlite3.connect(alone)) as connection:
        assert connection.execute("SELECT count(*) FROM submission").fetchone() == (20,)
    assert next(run) == 20
    run.close()


def test_old_hours_of_strangers_no_longer_count(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(strangers, "COUNTED_POSTS", 1)
    gateway.post(b"mode=insert", anonymous=True)
    old = datetime.now(UTC) - timedelta(days=31)
    with gateway.system.engine.begin() as connection:
        connection.execute(update(StrangerHour).values(hour=old, dropped=7))
    age(gateway, 31)
    done(gateway, "journal", "purge")
    found = shown(gateway, "journal", "status")["strangers"]
    assert (found["posts"], found["bytes"], found["dropped"]) == (0, 0, 7)


def test_sweep_takes_only_old_files_that_no_row_names(gateway: Gateway) -> None:
    files = gateway.system.files
    gateway.send(upload_file_name="a.txt", upload_file_contents="named", note="x" * 70_000)
    orphan, young = files.put(b"orphan"), files.put(b"young")
    named = [gateway.journal()[-1]["stored_sha256"]]
    lead = gateway.lead(1001)
    named += [each["sha256"] for each in (lead or {})["files"]]
    for name in (orphan, *named):
        make_old(gateway, name, timedelta(days=2))
    (path,) = Path(files.root).rglob(orphan)
    draft = path.with_name(f"{orphan}.{'0' * 16}.part")
    draft.write_bytes(b"half")
    make_old(gateway, draft.name, timedelta(days=2))
    strange = path.with_name("README")
    strange.write_bytes(b"not ours")
    make_old(gateway, "README", timedelta(days=2))
    assert done(gateway, "files", "sweep", "--dry-run") == "Would remove 2 of 5 files.\n"
    assert files.exists(orphan)
    assert done(gateway, "files", "sweep") == "Removed 2 of 5 files.\n"
    assert not draft.exists()
    assert strange.exists()
    assert [files.exists(name) for name in (orphan, young, *named)] == [False, True, True, True]


def test_upload_in_progress_keeps_its_file_from_the_sweep(gateway: Gateway) -> None:
    # Its content was put long ago by a post that is gone; the row of this post is not there yet.
    name = gateway.system.files.put(b"content")
    make_old(gateway, name, timedelta(days=2))
    assert gateway.system.files.put(b"content") == name
    assert done(gateway, "files", "sweep") == "Removed 0 of 1 files.\n"
    assert gateway.system.files.get(name) == b"content"


def test_sweep_between_finding_a_file_and_making_it_young_loses_nothing(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The system itself does these three one after another: nothing else can hold it between them.
    files, before = gateway.system.files, datetime.now(UTC) - sweeping.SWEPT_AFTER
    name = files.put(b"content")
    make_old(gateway, name, timedelta(days=2))
    make_young = os.utime

    def find_then_make_young(path: str) -> None:
        found = os.open(path, os.O_RDONLY)
        assert files.remove(name, before)
        make_young(found)
        os.close(found)

    monkeypatch.setattr(os, "utime", find_then_make_young)
    assert files.put(b"content") == name
    assert files.get(name) == b"content"


def test_sweep_and_uploads_at_once_never_lose_a_file(gateway: Gateway) -> None:
    # Each round the sweep and a put of the same old content meet at some other point.
    files, before = gateway.system.files, datetime.now(UTC) - sweeping.SWEPT_AFTER
    for number in range(200):
        content = b"%d" % number
        name = files.put(content)
        make_old(gateway, name, timedelta(days=2))
        begun = threading.Barrier(2)

        def remove(name: str = name, begun: threading.Barrier = begun) -> None:
            begun.wait()
            files.remove(name, before)

        thread = threading.Thread(target=remove)
        thread.start()
        begun.wait()
        files.put(content)
        thread.join()
        assert files.get(name) == content


def test_request_ids_sort_by_time(gateway: Gateway) -> None:
    for _ in range(20):
        gateway.send(last_name="Lee")
    rows = gateway.journal()
    assert [row["request_id"] for row in rows] == sorted(row["request_id"] for row in rows)
    assert rows[0]["outcome"] == journal.ACCEPTED
    with gateway.system.engine.connect() as connection:
        assert connection.execute(select(func.count()).select_from(_submission)).scalar_one() == 20
