"""``flask caller list``: the figures of each caller."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from gateway.journal import callers
from gateway.journal.callers import habits
from gateway.models import Submission
from gateway.testing import Gateway
from tests.caller.listed import DAY, HOUR, MINUTE, UMLAUT, add, by_caller, names
from tests.cli_runner import done, refused, run

_submission = Submission.__table__


def test_real_posts_are_summed_up_by_caller(gateway: Gateway) -> None:
    gateway.send(last_name="Lee", roof_age="7")
    gateway.send(last_name="Lee", dry_run="1")
    gateway.send(last_name="Lee", mode="update", lead_id="7")
    gateway.post(UMLAUT)
    gateway.login = None
    gateway.send(last_name="Lee", ai_sitecom_token="token-of-the-form")
    gateway.send(last_name="Lee", stray="1")
    rows = by_caller(gateway)
    assert list(rows) == ["form", "gone", "old", "web", None]
    web = rows["web"]
    assert datetime.now(UTC) - datetime.fromisoformat(web.pop("last_post")) < HOUR
    assert web.pop("usual_pause_seconds") < 60
    assert web.pop("silent_seconds") < 60
    assert web == {
        "caller": "web",
        "login": "active",
        "posts": 4,
        "posts_a_day": 0.57,
        "refused": 1,
        "refused_percent": 25.0,
        "fallbacks": 1,
        "fallbacks_percent": 25.0,
        "new_fields": ["roof_age"],
        "alarms": {},
    }
    assert (rows["form"]["posts"], rows["form"]["refused_percent"]) == (1, 0.0)
    stranger = rows[None]
    assert (stranger["posts"], stranger["refused_percent"]) == (1, 100.0)
    assert (stranger["login"], stranger["new_fields"]) == (None, [])
    for name, state in (("old", "disabled"), ("gone", "retired")):
        row = rows[name]
        assert (row["login"], row["posts"], row["last_post"]) == (state, 0, None)
        assert (row["refused_percent"], row["usual_pause_seconds"]) == (None, None)


def test_table_says_it_for_people(gateway: Gateway, model: dict[str, Any]) -> None:
    add(gateway, model, [5 * HOUR, 5 * HOUR + 4 * MINUTE], unknown=["roof_age"])
    add(gateway, model, [HOUR], caller=None, outcome="refused")
    lines = done(gateway, "caller", "list").splitlines()
    web = next(line for line in lines if line.startswith("web"))
    assert web.split()[:7] == ["web", "active", "2", "0.29", "4", "min", web.split()[6]]
    assert "5 h" in web
    assert "1: roof_age" in web
    assert "never" in next(line for line in lines if line.startswith("form"))
    assert lines[-1].startswith("(strangers)")


def test_usual_pause_is_the_median_and_only_of_the_window(
    gateway: Gateway, model: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    ages = [HOUR, HOUR + 2 * MINUTE, HOUR + 6 * MINUTE, 20 * HOUR, 8 * DAY, 9 * DAY]
    add(gateway, model, ages)
    row = by_caller(gateway)["web"]
    assert (row["posts"], row["usual_pause_seconds"]) == (4, 240)
    assert by_caller(gateway, "--since", "2h")["web"]["usual_pause_seconds"] == 180
    monkeypatch.setattr(callers, "MOST_PAUSES", 1)
    assert by_caller(gateway)["web"]["usual_pause_seconds"] == 120


def test_posts_a_day_are_those_of_the_window(gateway: Gateway, model: dict[str, Any]) -> None:
    add(gateway, model, [HOUR] * 10)
    assert by_caller(gateway, "--since", "2d")["web"]["posts_a_day"] == 5
    assert by_caller(gateway, "--since", "12h")["web"]["posts_a_day"] == 20


def test_replay_is_no_sign_of_life_and_mends_what_was_refused(
    gateway: Gateway, model: dict[str, Any]
) -> None:
    [first] = add(gateway, model, [3 * HOUR], outcome="superseded", superseded_by="second")
    add(gateway, model, [HOUR], request_id="second", replay_of=first, outcome="accepted")
    row = by_caller(gateway)["web"]
    assert (row["posts"], row["refused"]) == (1, 0)
    assert row["silent_seconds"] >= 3 * 3600


def test_window_begins_at_the_moment_in_utc(gateway: Gateway, model: dict[str, Any]) -> None:
    midnight = datetime(2026, 5, 2, tzinfo=UTC)
    for number, moment in enumerate((midnight - timedelta(microseconds=1), midnight)):
        add(gateway, model, [HOUR], request_id=f"r{number}", received_at=moment)
    for since, posts in (
        ("2026-05-02", 1),
        ("2026-05-02T00:00", 1),
        ("2026-05-02T02:00+02:00", 1),
        ("2026-05-01T23:59:59", 2),
        ("2026-05-01T23:00-01:00", 1),
    ):
        assert by_caller(gateway, "--since", since)["web"]["posts"] == posts, since
    assert by_caller(gateway)["web"]["last_post"] == "2026-05-02T00:00:00+00:00"


NAMES = ["Roof", "größe", 'quo"te', "back\\slash", "a_b", "日本"]


@pytest.mark.parametrize("near", [0, 1000])
def test_name_of_an_earlier_post_is_not_new(
    gateway: Gateway, model: dict[str, Any], monkeypatch: pytest.MonkeyPatch, near: int
) -> None:
    monkeypatch.setattr(callers, "NEAR", near)
    add(gateway, model, [20 * DAY], unknown=NAMES)
    add(gateway, model, [HOUR], unknown=[*NAMES, "roof", "te", "axb", "last_name"])
    # Spelled otherwise, and a name that a field claims by now.
    assert sorted(names(gateway)) == ["axb", "roof", "te"]
    assert sorted(names(gateway, "web", "--since", "30d")) == sorted([*NAMES, "axb", "roof", "te"])


@pytest.mark.parametrize("text", NAMES)
def test_name_is_found_as_a_real_post_has_written_it(gateway: Gateway, text: str) -> None:
    gateway.send(last_name="Lee", **{text: "1"})
    gateway.send(mode="upsert", **{text: "1"})
    sent = gateway.journal()[-1]["unknown"]
    assert names(gateway) == sent
    with gateway.system.engine.begin() as connection:
        ids = connection.execute(select(_submission.c.request_id)).scalars().all()
        for number, request_id in enumerate(sorted(ids)):
            connection.execute(
                _submission.update()
                .where(_submission.c.request_id == request_id)
                .values(received_at=datetime.now(UTC) - (1 - number) * 20 * DAY)
            )
    assert names(gateway) == []


def test_name_is_new_by_caller(gateway: Gateway, model: dict[str, Any]) -> None:
    add(gateway, model, [20 * DAY], unknown=["roof"])
    add(gateway, model, [HOUR], unknown=["roof"], caller="form")
    assert names(gateway, "form") == ["roof"]


def test_flood_of_names_hides_none_that_is_new(
    gateway: Gateway, model: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(callers, "MOST_NAMES", 3)
    monkeypatch.setattr(callers, "MOST_LISTS", 5)
    for number in range(8):
        add(gateway, model, [(9 - number) * HOUR], unknown=[f"n{number}", "always"])
    assert names(gateway) == ["n7", "n6", "n5"]


def test_name_cannot_steer_a_terminal(gateway: Gateway) -> None:
    gateway.send(last_name="Lee", **{"x\u202ey\x1b[2J": "1"})
    result = run(gateway, "caller", "list", "--new-fields", "1")
    assert result.exit_code == 1
    assert "\x1b" not in result.stdout
    assert "\u202e" not in result.stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--silent", "soon"], "soon: not an age such as 90m, 2h or 3d"),
        (["--silent", "0h"], "0h: not an age"),
        (["--silent", "2026-05-01"], "2026-05-01: not an age"),
        (["--silent", "-2h"], "-2h: not an age"),
        (["--refusals", "0"], "0: not a percentage above 0 and up to 100, such as 20"),
        (["--refusals", "100.5"], "100.5: not a percentage"),
        (["--fallbacks", "nan"], "nan: not a percentage"),
        (["--fallbacks", "many"], "many: not a percentage"),
        (["--new-fields", "0"], "0 is not in the range"),
        (["--since", "2999-01-01"], "--since: the window must begin before now."),
        (["--since", "never"], "never: not a time"),
    ],
)
def test_what_is_none_is_refused(gateway: Gateway, words: list[str], message: str) -> None:
    assert message in refused(gateway, "caller", "list", *words, exit_code=2)


def test_unknown_caller_is_refused(gateway: Gateway) -> None:
    assert refused(gateway, "caller", "list", "web", "nobody") == (
        "Error: There is no caller nobody: no login and no post; flask caller list shows all."
    )


def test_named_callers_only(gateway: Gateway, model: dict[str, Any]) -> None:
    add(gateway, model, [HOUR], caller=None)
    assert list(by_caller(gateway, "web", "form", "web")) == ["form", "web"]


def test_nothing_is_written(gateway: Gateway, model: dict[str, Any]) -> None:
    add(gateway, model, [HOUR], unknown=["x"])
    before = gateway.journal()
    habits(gateway.system, since=datetime.now(UTC) - DAY, now=datetime.now(UTC))
    assert gateway.journal() == before
