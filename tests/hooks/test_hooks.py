"""What holds for every hook: slowness, the trace, plugins that quit, odd values."""

import logging
import re
import sys
from collections.abc import Callable
from enum import Enum
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from marshmallow import fields

from gateway import CustomField, MatchRule, Refused, Reply, hooks, hookspecs, plugin_modules
from gateway.matching import keys as matching_keys
from gateway.testing import Gateway
from tests.hooks.asked import JOHN, MATCH, Start, command


def test_every_hook_has_a_test() -> None:
    names = [name for name in vars(hookspecs) if name.startswith("gateway_")]
    assert len(names) == 7
    files = Path(__file__).parent.glob("test_*.py")
    tests = [
        test for file in files for test in re.findall(r"^def (test_\w+)", file.read_text(), re.M)
    ]
    missing = [
        name
        for name in names
        if not any(each.startswith(f"test_{name.removeprefix('gateway_')}") for each in tests)
    ]
    # tests/registry and tests/test_plugin_rules.py are all about these two.
    assert missing == ["gateway_custom_fields", "gateway_match_rules"]


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """A function that takes long, by a clock that otherwise stands still."""
    clock = SimpleNamespace(now=0.0)
    for module in (hooks, plugin_modules, matching_keys):
        monkeypatch.setattr(module, "time", SimpleNamespace(perf_counter=lambda: clock.now))

    def slow() -> None:
        clock.now += 1.01 * hooks.SLOW_SECONDS

    return slow


def test_hook_that_takes_long_is_named_in_the_log(
    start: Start, caplog: pytest.LogCaptureFixture, slow: Callable[[], None]
) -> None:

    def keys(lead: Any) -> list[str]:
        slow()
        return ["x"]

    def confirm(new: Any, old: Any) -> bool:
        slow()
        return True

    gateway = start(
        {
            "authenticate": lambda call: slow(),
            "before_store": lambda changes: slow(),
            "after_commit": lambda event: slow(),
            "render": lambda reply: slow(),
            "match_rules": lambda settings: [MatchRule("match_slow", keys, confirm=confirm)],
        },
        {"before_store": lambda changes: None},
        command(lambda *_: (slow(), Reply(status=0, status_message="x"))[1]),
    )
    gateway.send(**JOHN)
    gateway.send(**JOHN, **MATCH, match_slow=1)
    gateway.send(command="lead.count-1")
    warned = [each.getMessage() for each in caplog.records if each.levelno == logging.WARNING]
    told = {re.sub(r"took (\d\d+) ms", "", line) for line in warned}
    assert told == {
        "plugin=plug_1 gateway_authenticate ",
        "plugin=plug_1 gateway_before_store ",
        "plugin=plug_1 gateway_after_commit ",
        "plugin=plug_1 gateway_render ",
        f"plugin={__name__} rule match_slow ",
        "plugin=plug_3 command lead.count-1 ",
    }


def test_hook_of_the_start_that_takes_long_is_named_in_the_log(
    start: Start, caplog: pytest.LogCaptureFixture, slow: Callable[[], None]
) -> None:
    start({"custom_fields": lambda settings: slow()})
    (line,) = [each.getMessage() for each in caplog.records if each.levelno == logging.WARNING]
    assert line.startswith("plugin=plug_1 gateway_custom_fields took ")


@pytest.mark.usefixtures("slow")
def test_quick_hook_is_not_named(start: Start, caplog: pytest.LogCaptureFixture) -> None:
    gateway = start({"before_store": lambda changes: None})
    gateway.send(**JOHN)
    assert [each for each in caplog.records if each.levelno >= logging.WARNING] == []


def test_trace_names_every_hook_that_is_asked_and_no_value(
    start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    gateway = start(
        {
            "authenticate": lambda call: None,
            "before_store": lambda changes: None,
            "after_commit": lambda event: None,
            "render": lambda reply: None,
        },
        GATEWAY_TRACE_HOOKS=True,
    )
    caplog.clear()
    with caplog.at_level(logging.INFO, "gateway.plugins"):
        gateway.send(**JOHN)
    lines = [each.getMessage() for each in caplog.records if each.name == "gateway.plugins"]
    assert lines == [
        f"hook=gateway_{name} plugins=plug_1"
        for name in ("authenticate", "before_store", "after_commit", "render")
    ]


def test_after_commit_of_the_handbook_logs_new_leads_only(
    make_gateway: Callable[..., Gateway], caplog: pytest.LogCaptureFixture
) -> None:
    gateway = make_gateway("tests.plugins.announce")
    with caplog.at_level(logging.INFO, "announce"):
        reference = gateway.send(**JOHN).headers["X-Request-Id"]
        gateway.send(mode="update", lead_id=1001, city="Rome")
    lines = [each.getMessage() for each in caplog.records if each.name == "announce"]
    assert lines == [f"lead 1001 came in by post {reference}"]


class Priority(str, Enum):  # noqa: UP042 the older kind is meant
    """A text that says its name to str(), as Python's own do where they are not StrEnum."""

    HOT = "Hot"


def quits(**_: Any) -> None:
    sys.exit("inner text")


@pytest.mark.parametrize("hook", ["authenticate", "before_store"])
def test_hook_that_quits_the_process_is_a_fault_of_its_post(start: Start, hook: str) -> None:
    gateway = start({hook: lambda: quits()})
    answer = gateway.send(**JOHN)
    assert (answer.status, gateway.count()) == (1, 0)
    assert str(answer.status_message).startswith("Internal error, reference ")
    assert [row["outcome"] for row in gateway.journal()] == ["failed"]


@pytest.mark.parametrize("hook", ["after_commit", "render"])
def test_hook_that_quits_after_the_commit_leaves_the_answer(start: Start, hook: str) -> None:
    gateway = start({hook: lambda: quits()})
    assert gateway.send(**JOHN).lead_id == 1001


def test_rule_and_field_that_quit_are_faults(start: Start) -> None:
    class Quitting(fields.String):
        def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> Any:
            return quits()

    gateway = start(
        {
            "custom_fields": lambda: [CustomField("quitting", Quitting())],
            "match_rules": lambda: [
                MatchRule("match_q", lambda lead: quits() if lead.get("city") else [])
            ],
        }
    )
    for sent in ({"quitting": "1"}, {"city": "Salem"}):
        assert str(gateway.send(**sent).status_message).startswith("Internal error, reference ")
    assert [row["outcome"] for row in gateway.journal()] == ["failed", "failed"]


def test_refusal_without_problems_is_told(start: Start) -> None:
    def refuse(**_: Any) -> None:
        refusal = Refused("no")
        refusal.problems = ()
        raise refusal

    gateway = start({"before_store": lambda: refuse()})
    answer = gateway.send(**JOHN)
    assert (answer.http_status, answer.status_message) == (200, "Refused")
    assert [row["outcome"] for row in gateway.journal()] == ["refused"]


def test_refusal_of_a_field_is_kept_whatever_its_text(start: Start) -> None:
    class Refusing(fields.String):
        def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> Any:
            raise Refused("not\0 this \ud800", field="odd")

    gateway = start({"custom_fields": lambda: [CustomField("odd", Refusing())]})
    assert gateway.send(odd="1", **JOHN).status_message == "not this \\ud800"
    assert [row["outcome"] for row in gateway.journal()] == ["refused"]


def test_text_of_an_enum_is_stored_as_its_text(start: Start) -> None:
    def set_all(changes: dict[str, Any]) -> None:
        changes |= {"priority": Priority.HOT, "word": Priority.HOT, "tags": [Priority.HOT]}

    gateway = start(
        {
            "custom_fields": lambda: [CustomField("word", fields.String())],
            "before_store": lambda changes: set_all(changes),
        }
    )
    lead = gateway.lead(gateway.send(**JOHN).lead_id or 0) or {}
    assert (lead["priority"], lead["custom"], lead["tags"]) == ("Hot", {"word": "Hot"}, ["Hot"])


def test_number_that_no_column_holds_names_its_field(
    start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    gateway = start({"before_store": lambda changes: changes.update(lat=10**400)})
    assert gateway.send(**JOHN).status == 1
    assert "gateway_before_store left 'lat', which must be a number" in caplog.text
