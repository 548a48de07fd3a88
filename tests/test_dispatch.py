"""Step 2 and the journal: refusals become replies in one place, and every post is kept."""

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import text

from gateway import draining
from gateway.contract import Call, Credentials
from gateway.dispatch import dispatch
from gateway.errors import BrokenBody
from gateway.files import FileStore
from gateway.testing import Gateway

LOGIN = Credentials(login_id="web", password="secret")


def call(**values: Any) -> Call:
    defaults: dict[str, Any] = {
        "request_id": "r-1",
        "received_at": datetime.now(UTC),
        "command": "lead_set",
        "credentials": LOGIN,
    }
    return Call(**{**defaults, **values})


@pytest.fixture
def gateway(make_gateway: Callable[..., Gateway]) -> Gateway:
    return make_gateway()


def test_journey_runs_without_http(gateway: Gateway) -> None:
    answer = dispatch(call(form={"mode": "insert", "full_name": "Ann Lee"}), gateway.system)
    assert answer.body == b"status=0&status_message=Lead+Creation+Successful&lead_id=1001"
    assert answer.headers == {"X-Request-Id": "r-1"}
    (row,) = gateway.journal()
    assert (row["outcome"], row["lead_id"], row["caller"]) == ("accepted", 1001, "web")


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"credentials": Credentials()}, "authentication_failed"),
        ({"command": ""}, "unknown_command"),
        ({"command": "lead_get"}, "unknown_command"),
        ({"problem": BrokenBody("the body is broken")}, "broken_body"),
        ({"form": {}}, "required"),
        ({"form": {"mode": "update"}}, "required"),
        ({"form": {"mode": "update", "lead_id": "5"}}, "lead_not_found"),
        ({"form": {"mode": "update", "external_id": "x"}}, "lead_not_found"),
        ({"form": {"mode": "insert"}, "dry_run": "perhaps"}, "invalid"),
    ],
)
def test_refusal_is_answered_and_kept(gateway: Gateway, values: dict[str, Any], code: str) -> None:
    answer = dispatch(call(**values), gateway.system)
    assert answer.http_status == 200
    assert answer.body.startswith(b"status=1&status_message=")
    assert answer.headers["X-Gateway-Error"] == code
    (row,) = gateway.journal()
    assert (row["outcome"], row["codes"], row["lead_id"]) == ("refused", code, None)
    assert gateway.count() == 0


def test_fault_is_answered_with_a_reference_and_no_inner_text(
    gateway: Gateway, caplog: pytest.LogCaptureFixture
) -> None:
    with gateway.system.engine.begin() as connection:
        connection.execute(text("ALTER TABLE lead_note RENAME TO lead_note_gone"))
    try:
        answer = dispatch(call(form={"mode": "insert", "note": "x", "city": "X"}), gateway.system)
    finally:
        with gateway.system.engine.begin() as connection:
            connection.execute(text("ALTER TABLE lead_note_gone RENAME TO lead_note"))
    assert answer.body == b"status=1&status_message=Internal+error%2C+reference+r-1"
    assert gateway.count() == 0
    (row,) = gateway.journal()
    assert (row["outcome"], row["codes"]) == ("failed", "internal")
    assert "lead_note" in caplog.text


def test_post_that_the_journal_does_not_take_is_saved(
    gateway: Gateway, caplog: pytest.LogCaptureFixture
) -> None:
    with gateway.system.engine.begin() as connection:
        connection.execute(text("ALTER TABLE submission RENAME TO submission_gone"))
    try:
        refused = dispatch(call(form={"mode": "neither"}), gateway.system)
        body = b"command=lead_set&mode=insert&city=X"
        post = call(request_id="r-2", form={"mode": "insert", "city": "X"}, body=body)
        stored = dispatch(post, gateway.system)
    finally:
        with gateway.system.engine.begin() as connection:
            connection.execute(text("ALTER TABLE submission_gone RENAME TO submission"))
    assert refused.headers["X-Gateway-Error"] == "invalid"
    assert stored.headers["X-Gateway-Error"] == "spooled"
    assert "could not be written to the journal" in caplog.text
    assert gateway.count() == 0
    drained = draining.drain(gateway.system)
    assert drained is not None
    assert (drained.refused, drained.accepted, drained.waiting) == (1, 1, 0)
    assert [row["outcome"] for row in gateway.journal()] == ["refused", "accepted"]


def test_large_body_lies_in_the_file_store(gateway: Gateway) -> None:
    body = b"mode=insert&note=" + b"x" * 100_000
    dispatch(call(form={"mode": "insert"}, body=body, body_size=len(body)), gateway.system)
    (row,) = gateway.journal()
    assert row["body"] is None
    assert gateway.system.files.get(row["stored_sha256"]) == body


def test_file_store_that_fails_costs_no_row_of_the_journal(
    gateway: Gateway, tmp_path: Any, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "files").write_text("in its place")
    body = b"mode=insert&note=" + b"x" * 100_000
    answer = dispatch(call(form={"mode": "insert"}, body=body, body_size=len(body)), gateway.system)
    assert answer.body.startswith(b"status=0&")
    (row,) = gateway.journal()
    assert (row["body"], row["stored_sha256"]) == (body, None)
    assert "file store" in caplog.text


def test_command_that_no_database_holds_is_a_refusal(gateway: Gateway) -> None:
    answer = dispatch(call(command="\ud800"), gateway.system)
    assert answer.headers["X-Gateway-Error"] == "unknown_command"


def test_post_that_was_committed_already_is_answered_from_the_journal(gateway: Gateway) -> None:
    # As after a COMMIT whose answer got lost on the way: the same request is written again.
    form = {"mode": "insert", "city": "X"}
    first = dispatch(call(form=form), gateway.system)
    again = dispatch(call(form=form), gateway.system)
    assert again.body == first.body
    assert gateway.count() == 1
    assert len(gateway.journal()) == 1


def test_log_has_one_line_a_post_and_no_values(
    gateway: Gateway, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="gateway.post")
    form = {"mode": "insert", "govt_id": "123-45-6789", "lat": "bad-value"}
    dispatch(call(form=form, command="lead_set"), gateway.system)
    (line,) = [record.getMessage() for record in caplog.records]
    assert line.startswith("r-1 command=lead_set caller=web outcome=accepted status=0 lead=1001")
    assert "6789" not in line
    assert "bad-value" not in line


def test_files_are_whole_or_not_there(gateway: Gateway, tmp_path: Any) -> None:
    files: FileStore = gateway.system.files
    digest = files.put(b"\x00\xff")
    assert files.put(b"\x00\xff") == digest
    assert files.get(digest) == b"\x00\xff"
    names = [path.name for path in (tmp_path / "files").rglob("*") if path.is_file()]
    assert names == [digest]
    with pytest.raises(FileNotFoundError):
        files.get("0" * 64)
