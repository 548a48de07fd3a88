"""``gateway_commands``: what a plugin's command gets, answers, stores and gets wrong."""

import logging
from dataclasses import replace
from typing import Any

import pytest

from gateway import Command, Refused, Reply
from gateway.errors import Problem
from tests.hooks.asked import JOHN, Start, command, is_fault


def test_commands_get_call_system_and_caller(start: Start) -> None:
    def run(call: Any, system: Any, caller: Any) -> Reply:
        assert system is gateway.system
        return Reply(status=0, status_message=f"{call.form['x']} {caller.name}")

    gateway = start(command(run))
    assert gateway.send(command="lead.count-1", x="é").status_message == "é web"


def test_commands_may_hand_on_to_ours(start: Start) -> None:
    def run(call: Any, system: Any, caller: Any) -> Reply:
        reply: Reply = system.commands["lead_set"].run(call, system, caller)
        return reply

    gateway = start(command(run))
    assert gateway.send(command="lead.count-1", **JOHN).lead_id == 1001
    assert [row["command"] for row in gateway.journal()] == ["lead.count-1"]


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (None, "must return a Reply, not NoneType"),
        ({"status": 0}, "must return a Reply, not dict"),
        (Reply(status="0", status_message="x"), "a number as status"),  # type: ignore[arg-type]
        (Reply(status=0, status_message=None), "a number as status"),  # type: ignore[arg-type]
        (Reply(status=0, status_message="x", lead_id=2**63), "no id of a lead"),
        (Reply(status=0, status_message="x", decision={"x": {1}}), "no JSON object"),
        (Reply(status=0, status_message="x", problems=("x",)), "problems"),  # type: ignore[arg-type]
    ],
)
def test_commands_that_answer_something_else_are_a_fault(
    start: Start, answer: Any, says: str, caplog: pytest.LogCaptureFixture
) -> None:
    gateway = start(command(lambda *_: answer))
    assert is_fault(gateway.send(command="lead.count-1"))
    assert [row["outcome"] for row in gateway.journal()] == ["failed"]
    assert "plugin plug_1: command lead.count-1 " in caplog.text
    assert says in caplog.text


def test_commands_that_raise_are_a_fault(start: Start, caplog: pytest.LogCaptureFixture) -> None:
    gateway = start(command(lambda *_: 1 / 0))
    answer = gateway.send(command="lead.count-1")
    assert is_fault(answer)
    (record,) = [each for each in caplog.records if each.levelno == logging.ERROR]
    assert record.getMessage() == (
        f"{answer.headers['X-Request-Id']} "
        "plugin plug_1: command lead.count-1 raised ZeroDivisionError"
    )


def test_commands_may_refuse_with_texts_that_no_header_or_database_holds(start: Start) -> None:
    def run(*_: Any) -> None:
        raise Refused("half \ud800 and \0", field="\ud800", code="a\r\nSet-Cookie: x=1")

    gateway = start(command(run))
    answer = gateway.send(command="lead.count-1")
    assert answer.status_message == "half \\ud800 and "
    assert answer.headers["X-Gateway-Error"] == "a  Set-Cookie: x=1"
    assert [row["outcome"] for row in gateway.journal()] == ["refused"]


def test_command_that_stores_two_leads_is_a_fault_that_keeps_the_first(start: Start) -> None:
    def twice(call: Any, system: Any, caller: Any) -> Reply:
        replies = [
            system.commands["lead_set"].run(
                replace(call, form={"mode": "insert", "full_name": name}), system, caller
            )
            for name in ("Ann Lee", "Bob Ray")
        ]
        return replies[-1]

    gateway = start({"commands": lambda: [Command("twice", twice, help="Stores two.")]})
    answer = gateway.send(command="twice")
    assert str(answer.status_message).startswith("Internal error, reference ")
    assert [(row["outcome"], row["lead_id"]) for row in gateway.journal()] == [("accepted", 1001)]


def test_command_that_fails_after_it_stored_leaves_one_row(
    start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    def refusing(call: Any, system: Any, caller: Any) -> Reply:
        system.commands["lead_set"].run(call, system, caller)
        raise Refused("no more of these")

    gateway = start({"commands": lambda: [Command("once", refusing, help="Stores one.")]})
    assert gateway.send(command="once", **JOHN).status_message == "no more of these"
    assert [row["lead_id"] for row in gateway.journal()] == [1001]
    assert "could not be written" not in caplog.text


def test_reply_that_says_it_is_recorded_still_has_its_row(start: Start) -> None:
    reply = Reply(status=0, status_message="OK", recorded=True)
    gateway = start({"commands": lambda: [Command("liar", lambda *_: reply, help="Lies.")]})
    assert gateway.send(command="liar").status == 0
    assert [row["command"] for row in gateway.journal()] == ["liar"]


@pytest.mark.parametrize(
    "bad",
    [
        {"status": 10**5000},
        {"problems": (Problem(1, 2, 3),)},  # type: ignore[arg-type]
        {"problems": (Problem("a", "b", "\ud800"),)},
        {"problems": (each for each in ())},
        {"warnings": (Problem(None, None, None),)},  # type: ignore[arg-type]
        {"decision": {"a": float("nan")}},
        {"decision": {"a": "\0"}},
        {"decision": {"a": "\ud800"}},
    ],
    ids=["status", "numbers", "half", "generator", "nothing", "nan", "nul", "half_in_decision"],
)
def test_reply_that_cannot_be_told_or_kept_is_a_fault(start: Start, bad: dict[str, Any]) -> None:
    reply = Reply(**{"status": 1, "status_message": "no", **bad})
    gateway = start({"commands": lambda: [Command("odd", lambda *_: reply, help="Odd.")]})
    answer = gateway.send(command="odd")
    assert answer.http_status == 200
    assert str(answer.status_message).startswith("Internal error, reference ")
    assert [row["outcome"] for row in gateway.journal()] == ["failed"]
