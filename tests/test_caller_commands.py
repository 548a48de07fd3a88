"""``flask caller list``: figures of each caller, and alarms that cron can act on."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import delete, insert, select

from gateway.journal import callers
from gateway.journal.callers import habits
from gateway.models import Submission
from gateway.testing import Gateway
from tests.cli_runner import done, refused, run, shown, with_commands

_submission = Submission.__table__
LOGINS = [
    {"name": "web", "password": "secret"},
    {"name": "form", "site_token": "token-of-the-form"},
    {"name": "old", "password": "secret", "disabled": True},
    {"name": "gone", "password": "secret", "retired": True},
]
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
UMLAUT = b"command=lead_set&mode=insert&last_name=M%FCller"


@pytest.fixture
def gateway(make_gateway: Callable[..., Gateway]) -> Gateway:
    return with_commands(make_gateway("plugins.example", logins=LOGINS))


@pytest.fixture
def model(gateway: Gateway) -> dict[str, Any]:
    """Return a row that all others are made of; the journal is left empty."""
    gateway.send(last_name="Lee")
    row = gateway.journal()[-1]
    with gateway.system.engine.begin() as connection:
        connection.execute(delete(_submission))
    return row


def add(
    gateway: Gateway, model: dict[str, Any], ages: Sequence[timedelta], **values: Any
) -> list[str]:
    """Add posts of these ages and return their request ids."""
    now = datetime.now(UTC)
    rows = [
        model
        | {"request_id": f"{age}-{number}-{values.get('caller', 'web')}"[-36:]}
        | {"received_at": now - age}
        | values
        for number, age in enumerate(ages)
    ]
    with gateway.system.engine.begin() as connection:
        connection.execute(insert(_submission), rows)
    return [row["request_id"] for row in rows]


def by_caller(gateway: Gateway, *words: str) -> dict[str | None, dict[str, Any]]:
    return {row["caller"]: row for row in shown(gateway, "caller", "list", *words)}


def alarms(gateway: Gateway, *words: str) -> list[str]:
    """Return the lines of what must be looked at; the exit status must say it, too."""
    result = run(gateway, "caller", "list", *words)
    lines: list[str] = [line for line in result.stdout.splitlines() if "; " in line]
    assert result.exit_code == (1 if lines else 0), result.output
    assert result.stdout.splitlines()[-len(lines) :] == lines or not lines
    return lines


def names(gateway: Gateway, caller: str = "web", *words: str) -> list[str]:
    return list(by_caller(gateway, *words)[caller]["new_fields"])


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


# --- alarms


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


# --- names


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


# --- what is typed


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
    habits(gateway.system, since=datetime.now(UTC) - DAY)
    assert gateway.journal() == before
