"""``flask caller list`` with limits: alarms that cron can act on."""

from pathlib import Path
from typing import Any

import pytest

from gateway.testing import Gateway
from tests.caller.listed import DAY, HOUR, MINUTE, add, alarms, by_caller
from tests.cli_runner import done, run


def test_nothing_is_an_alarm_without_a_limit(gateway: Gateway, model: dict[str, Any]) -> None:
    add(gateway, model, [6 * DAY], outcome="failed", flags="fallback_charset", unknown=["a", "b"])
    assert alarms(gateway) == []


def test_silent_caller_is_an_alarm(gateway: Gateway, model: dict[str, Any]) -> None:
    add(gateway, model, [5 * HOUR + number * 4 * MINUTE for number in range(5)])
    add(gateway, model, [HOUR, 9 * DAY], caller="form")
    line = "web: silent for 5 h (usually a post every 4 min); look whether its form is still there"
    assert alarms(gateway, "--silent", "2h") == [line]
    assert alarms(gateway, "--silent", "310m") == []
    result = run(gateway, "caller", "list", "--silent", "2h", "--json")
    assert result.exit_code == 1
    assert '"silent": "silent for 5 h' in result.stdout
    marked = run(gateway, "caller", "list", "--silent", "2h").stdout.splitlines()
    assert [each.split()[0] for each in marked if each.endswith("silent")] == ["web"]
    assert alarms(gateway, "--silent", "2h", "form") == []


def test_silence_through_the_window_is_an_alarm_where_there_ever_was_a_post(
    gateway: Gateway, model: dict[str, Any]
) -> None:
    add(gateway, model, [30 * DAY])
    add(gateway, model, [30 * DAY], caller="not a login")
    assert alarms(gateway, "--silent", "2h") == [
        "web: silent for 30 d (no post in the window); look whether its form is still there"
    ]
    # Who has posted before the window and has no login is asked for by name.
    assert "silent for 30 d" in alarms(gateway, "--silent", "2h", "not a login")[0]


@pytest.mark.parametrize("name", ["old", "gone"])
def test_ended_login_is_never_silent_but_may_be_refused(
    gateway: Gateway, model: dict[str, Any], name: str
) -> None:
    add(gateway, model, [5 * HOUR], caller=name, outcome="refused")
    assert alarms(gateway, "--silent", "2h") == []
    assert len(alarms(gateway, "--silent", "2h", "--refusals", "50")) == 1


def test_caller_without_a_login_is_silent_too(gateway: Gateway, model: dict[str, Any]) -> None:
    add(gateway, model, [5 * HOUR], caller="by a plugin")
    [line] = alarms(gateway, "--silent", "2h")
    assert line.startswith("by a plugin: silent for 5 h (one post in the window)")
    assert by_caller(gateway)["by a plugin"]["login"] is None


def test_import_is_no_post_of_a_caller(
    gateway: Gateway, model: dict[str, Any], tmp_path: Path
) -> None:
    """It is no sign of life of a form, and who imports is not silent when it is done."""
    add(gateway, model, [5 * HOUR])
    path = tmp_path / "leads.csv"
    path.write_text("first_name,last_name,phone\nAnn,Lee,503-555-0100\n")
    for words in ((), ("--login", "web")):
        done(gateway, "lead", "import", str(path), "--match", *words)
    assert [each.split(":")[0] for each in alarms(gateway, "--silent", "2h")] == ["web"]
    assert "import" not in by_caller(gateway)
    assert by_caller(gateway)["web"]["posts"] == 1


def test_clock_that_was_ahead_hides_no_silence(gateway: Gateway, model: dict[str, Any]) -> None:
    add(gateway, model, [5 * HOUR, -300 * DAY])
    assert len(alarms(gateway, "--silent", "2h")) == 1
    assert by_caller(gateway)["web"]["posts"] == 1


def test_refusals_are_an_alarm_from_the_share_on(gateway: Gateway, model: dict[str, Any]) -> None:
    add(gateway, model, [HOUR] * 4)
    for number, outcome in enumerate(("refused", "failed", "quarantined", "failed")):
        add(gateway, model, [HOUR], request_id=f"r{number}", outcome=outcome)
    add(gateway, model, [8 * DAY], request_id="r9", outcome="refused")
    line = (
        "web: 4 of 8 posts (50.0 %) became no lead; "
        "flask journal list --caller web --outcome failed says why"
    )
    assert alarms(gateway, "--refusals", "50") == [line]
    assert alarms(gateway, "--refusals", "50.01%") == []


def test_fallbacks_are_an_alarm_from_the_share_on(gateway: Gateway, model: dict[str, Any]) -> None:
    add(gateway, model, [HOUR] * 2)
    add(gateway, model, [2 * HOUR], flags="fallback_charset,credentials_in_address")
    line = (
        "web: 1 of 3 posts (33.3 %) needed the fallback charset; "
        "look whether its page still declares its charset"
    )
    assert alarms(gateway, "--fallbacks", "33.3") == [line]
    assert alarms(gateway, "--fallbacks", "33.4") == []


def test_new_names_are_an_alarm_from_the_number_on(gateway: Gateway) -> None:
    gateway.send(last_name="Lee", roof_age="7", budget="1")
    assert alarms(gateway, "--new-fields", "3") == []
    line = (
        "web: 2 new names that no field claims (budget, roof_age); "
        "flask field new --caller web says how to declare them"
    )
    assert alarms(gateway, "--new-fields", "2") == [line]


def test_strangers_raise_no_alarm(gateway: Gateway, model: dict[str, Any]) -> None:
    add(gateway, model, [5 * HOUR], caller=None, outcome="refused", flags="fallback_charset")
    limits = ("--silent", "2h", "--refusals", "1", "--fallbacks", "1", "--new-fields", "1")
    assert alarms(gateway, *limits) == []


def test_each_limit_has_a_line_of_its_own(gateway: Gateway, model: dict[str, Any]) -> None:
    add(gateway, model, [5 * HOUR], outcome="refused", unknown=["x"], flags="fallback_charset")
    limits = ("--silent", "2h", "--refusals", "1", "--fallbacks", "1", "--new-fields", "1")
    assert len(alarms(gateway, *limits)) == 4
