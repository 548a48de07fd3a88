"""The commands of ``flask`` on labels, leads, plugins and settings, and the program itself."""

import json
from collections.abc import Callable

import click
import pytest
from cli_runner import done, refused, run, shown, with_commands
from sqlalchemy import select

import config
from gateway.cli import NOUNS
from gateway.cli.lead import FOUND_AT_MOST, PAGE
from gateway.models import Lead
from gateway.testing import Gateway
from tests.real_program import DATABASES_AWAY, flask

LABEL_NOUNS = ("user", "pool", "status", "custom-status")


def insert(gateway: Gateway, **fields: str) -> int:
    lead_id = gateway.send(**fields).lead_id
    assert lead_id is not None
    return lead_id


def commands() -> list[tuple[str, ...]]:
    return [(noun.name or "", verb) for noun in NOUNS for verb in noun.commands]


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_every_command_explains_itself_and_its_options(words: tuple[str, str]) -> None:
    noun = next(noun for noun in NOUNS if noun.name == words[0])
    command = noun.commands[words[1]]
    assert noun.help
    assert command.help
    options = [option for option in command.params if isinstance(option, click.Option)]
    assert [option.name for option in options if not option.help] == []
    if words[1] in ("list", "show", "find", "add") or words == ("login", "rotate"):
        assert "as_json" in [option.name for option in options]


@pytest.mark.parametrize("noun", LABEL_NOUNS)
def test_labels_are_added_listed_and_not_doubled(gateway: Gateway, noun: str) -> None:
    word = "name" if noun in ("user", "pool") else "label"
    number = int(done(gateway, noun, "add", " Späte  Kunden\t[b] "))
    assert shown(gateway, noun, "list") == [{"id": number, word: "Späte  Kunden[b]"}]
    assert "Späte  Kunden[b]" in done(gateway, noun, "list")
    message = refused(gateway, noun, "add", "SPÄTE kunden[b]")
    assert message == (
        f"Error: There is already the {noun.replace('-', ' ')} Späte  Kunden[b] (id {number})."
    )
    made = shown(gateway, noun, "add", "Next")
    assert made == {"id": made["id"], word: "Next"}
    assert made["id"] > number


@pytest.mark.parametrize("noun", LABEL_NOUNS)
def test_given_id_is_kept_and_later_ones_stay_clear_of_it(gateway: Gateway, noun: str) -> None:
    # The counters of a table go on from test to test.
    first = int(done(gateway, noun, "add", "first"))
    given, lower = first + 40, first + 7
    assert int(done(gateway, noun, "add", "given", "--id", str(given))) == given
    assert int(done(gateway, noun, "add", "lower", "--id", str(lower))) == lower
    assert int(done(gateway, noun, "add", "next")) > given
    assert "first (id" in refused(gateway, noun, "add", "FIRST", "--id", str(first + 90))
    assert f"given (id {given})" in refused(gateway, noun, "add", "other", "--id", str(given))


@pytest.mark.parametrize("noun", LABEL_NOUNS)
def test_id_zero_is_an_id(gateway: Gateway, noun: str) -> None:
    assert done(gateway, noun, "add", "none", "--id", "0") == "0\n"
    assert int(done(gateway, noun, "add", "some")) > 0
    assert shown(gateway, noun, "list")[0]["id"] == 0


@pytest.mark.parametrize("words", [("",), ("x" * 101,), ("x", "--id", "-1"), ("x", "--id", "y")])
def test_bad_label_or_id_is_refused(gateway: Gateway, words: tuple[str, ...]) -> None:
    refused(gateway, "pool", "add", *words, exit_code=2)
    assert shown(gateway, "pool", "list") == []


def test_posts_find_what_was_added(gateway: Gateway) -> None:
    for noun, label in zip(LABEL_NOUNS, ("ann", "North", "Open", "Called"), strict=True):
        done(gateway, noun, "add", label, "--id", "3")
    lead_id = insert(gateway, ownerID="ANN", pool="north", status="3", custom_status="called")
    lead = shown(gateway, "lead", "show", str(lead_id))
    assert [lead[name] for name in ("ownerID", "pool", "status", "custom_status")] == [
        "ann",
        "North",
        3,
        "Called",
    ]


def test_lead_show_gives_the_lead_whole(gateway: Gateway) -> None:
    lead_id = insert(gateway, full_name="Ann Lee", tags="a,b", note="Call [b]her[/b]", lat="1.50")
    assert shown(gateway, "lead", "show", str(lead_id)) == gateway.lead(lead_id)
    table = done(gateway, "lead", "show", str(lead_id))
    for text in ("Ann Lee", "1.5", "Call [b]her[/b]", "created_at"):
        assert text in table


def test_lead_that_is_not_there_is_one_sentence(gateway: Gateway) -> None:
    assert refused(gateway, "lead", "show", "5") == "Error: There is no lead 5."
    refused(gateway, "lead", "show", "x", exit_code=2)
    refused(gateway, "lead", "show", str(2**63), exit_code=2)


def test_lead_list_is_newest_first_and_lead_count_one_number(gateway: Gateway) -> None:
    assert done(gateway, "lead", "count") == "0\n"
    ids = [insert(gateway, first_name=name, last_name="Lee") for name in ("Ann", "Bob", "Cy")]
    rows = shown(gateway, "lead", "list", "--limit", "2")
    assert [row["lead_id"] for row in rows] == ids[:0:-1]
    assert rows[0]["full_name"] == "Cy Lee"
    assert "Bob Lee" in done(gateway, "lead", "list")
    assert done(gateway, "lead", "count") == "3\n"


@pytest.mark.parametrize(
    ("sent", "text"),
    [
        ({"external_id": "A-1"}, "A-1"),
        ({"email": "José@Example.COM"}, "josÉ@example.com"),
        ({"phone": "(132) 123-1234"}, "132.123.1234"),
        ({"cell": "132-123-1234"}, "+1 132 123 1234"),
        ({"fax": "+1 132 123 1234"}, "1321231234"),
        ({"phone": "12345"}, "123-45"),
        ({"full_name": "Ludwig van Beethoven"}, "VAN  beethoven"),
        ({"first_name": "Ana María", "last_name": "Ñuñez"}, "maría ñuñez"),
    ],
)
def test_lead_is_found_by_what_it_has(gateway: Gateway, sent: dict[str, str], text: str) -> None:
    insert(gateway, full_name="Somebody Else", phone="999", email="else@example.com")
    lead_id = insert(gateway, **sent)
    assert [row["lead_id"] for row in shown(gateway, "lead", "find", text)] == [lead_id]


@pytest.mark.parametrize("text", ["a-1", "5.0.1", "ann@example", "1234", "call 5551234567"])
def test_lead_is_not_found_by_half_of_it(gateway: Gateway, text: str) -> None:
    insert(gateway, external_id="A-1", phone="555-123-4567", email="ann@example.com")
    assert shown(gateway, "lead", "find", text) == []


def test_lead_find_looks_beyond_a_page_and_shows_the_newest(gateway: Gateway) -> None:
    oldest = insert(gateway, full_name="Oldest Lee")
    with gateway.system.engine.begin() as connection:
        row = connection.execute(select(Lead.__table__)).mappings().one()
        others = [
            {**row, "lead_id": oldest + number, "full_name": "Zed"} for number in range(1, PAGE + 1)
        ]
        connection.execute(Lead.__table__.insert(), others)
    assert [row["lead_id"] for row in shown(gateway, "lead", "find", "oldest")] == [oldest]
    found = shown(gateway, "lead", "find", "zed")
    assert len(found) == FOUND_AT_MOST
    assert found[0]["lead_id"] == oldest + PAGE


def test_plugin_list_says_what_each_adds(make_gateway: Callable[..., Gateway]) -> None:
    gateway = with_commands(make_gateway("plugins.example"))
    (plugin,) = shown(gateway, "plugin", "list")
    assert plugin["plugin"] == "plugins.example"
    assert set(plugin["fields"]) == gateway.system.schema.custom
    assert plugin["hooks"] == ["gateway_custom_fields", "gateway_match_rules"]
    assert "plugins.example" in done(gateway, "plugin", "list")


def test_plugin_list_says_which_commands_and_hooks(make_gateway: Callable[..., Gateway]) -> None:
    gateway = with_commands(make_gateway("tests.plugins.ping", "tests.plugins.announce"))
    assert shown(gateway, "plugin", "list") == [
        {
            "plugin": "tests.plugins.ping",
            "fields": [],
            "match_rules": [],
            "commands": ["ping"],
            "hooks": ["gateway_commands"],
        },
        {
            "plugin": "tests.plugins.announce",
            "fields": [],
            "match_rules": [],
            "commands": [],
            "hooks": ["gateway_after_commit"],
        },
    ]
    assert "ping" in done(gateway, "plugin", "list")


def test_config_show_has_every_setting_and_no_password(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GATEWAY_REGION", "DE")
    monkeypatch.setenv("GATEWAY_REGOIN", "DE")
    result = run(gateway, "config", "show", "--json")
    rows = json.loads(result.stdout)
    assert list(rows) == list(config.meanings())
    assert rows["GATEWAY_REGION"]["origin"] == "environment"
    assert rows["GATEWAY_DOCS"] == {
        "value": "public",
        "origin": "default",
        "meaning": config.meanings()["GATEWAY_DOCS"],
    }
    assert "GATEWAY_REGOIN is no setting" in result.stderr
    assert "GATEWAY_DOCS_URL" in done(gateway, "config", "show")


def test_the_program_adds_and_lists_a_login(database: str) -> None:
    added = flask(database, "login", "add", "Zoë", "--password-stdin", "--json", stdin=b"old\n")
    assert (added.returncode, json.loads(added.stdout)["login"]) == (0, "Zoë")
    listed = flask(database, "login", "list")
    assert "Zoë" in listed.stdout.decode()


@pytest.mark.parametrize(
    "words", [("login", "add", "x"), ("pool", "list"), ("lead", "find", "x")], ids=" ".join
)
def test_a_database_without_tables_is_one_sentence(bare_database: str, words: tuple) -> None:
    result = flask(bare_database, *words)
    assert result.returncode == 1
    assert result.stdout == b""
    assert result.stderr.decode().splitlines()[-1] == (
        "Error: The database has no tables, or those of an older version: run flask db upgrade."
    )
    assert b"Traceback" not in result.stderr


@pytest.mark.parametrize("url", DATABASES_AWAY)
def test_a_database_that_does_not_answer_is_one_sentence(url: str) -> None:
    result = flask(url, "lead", "count")
    assert result.returncode == 1
    assert "Error: The database does not answer: " in result.stderr.decode()
    assert b"Traceback" not in result.stderr
    assert b"hush" not in result.stderr
