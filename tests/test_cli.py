"""The commands of ``flask``: what they print, what they store, and how they refuse."""

import json
import re
from collections.abc import Callable

import click
import pytest
from cli_runner import done, refused, run, shown, with_commands
from sqlalchemy import select

import config
from gateway import auth
from gateway.cli import NOUNS
from gateway.cli.lead import FOUND_AT_MOST, PAGE
from gateway.models import Lead, Login
from gateway.testing import Gateway
from gateway.testing.client import basic
from tests.real_program import DATABASES_AWAY, flask

LABEL_NOUNS = ("user", "pool", "status", "custom-status")


@pytest.fixture
def gateway(make_gateway: Callable[..., Gateway]) -> Gateway:
    return with_commands(make_gateway())


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


def test_login_add_prints_the_secret_alone_and_it_opens(gateway: Gateway) -> None:
    secret = done(gateway, "login", "add", " shop ").removesuffix("\n")
    assert len(secret) >= 32
    assert secret.isprintable()
    answer = gateway.post(
        b"command=lead_set&mode=insert", headers={"Authorization": basic("shop", secret)}
    )
    assert answer.status == 0
    with gateway.system.engine.connect() as connection:
        row = connection.execute(select(Login.__table__).where(Login.name == "shop")).one()
    assert secret not in str(row)


def test_login_add_json_has_login_and_secret(gateway: Gateway) -> None:
    made = shown(gateway, "login", "add", "shop")
    assert made.keys() == {"login", "secret"}
    assert made["login"] == "shop"


def test_password_from_stdin_is_trimmed_and_not_printed(gateway: Gateway) -> None:
    result = run(gateway, "login", "add", "old", "--password-stdin", stdin=b"  p\xc3\xa4ss+& x \n")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "päss" not in result.stderr
    body = b"command=lead_set&mode=insert&ai_login_id=old&ai_login_password=p%C3%A4ss%2B%26+x"
    assert gateway.post(body, anonymous=True).status == 0
    assert shown(gateway, "login", "add", "b", "--password-stdin", stdin=b"x") == {
        "login": "b",
        "secret": None,
    }


@pytest.mark.parametrize(
    ("stdin", "why"),
    [
        (b"", "There is no secret"),
        (b" \n", "There is no secret"),
        (b"one\ntwo\n", "A secret is one line"),
        (b"a\0b", "A secret is one line"),
        (b"\xff", "not UTF-8"),
        (b"x" * 1001, "at most 1000"),
    ],
)
def test_bad_password_from_stdin_is_refused_and_nothing_added(
    gateway: Gateway, stdin: bytes, why: str
) -> None:
    assert why in refused(gateway, "login", "add", "new", "--password-stdin", stdin=stdin)
    assert [row["login"] for row in shown(gateway, "login", "list")] == ["web"]


def test_site_login_opens_with_its_token_alone(gateway: Gateway) -> None:
    token = shown(gateway, "login", "add", "site", "--kind", "site")["secret"]
    body = f"command=lead_set&mode=insert&ai_sitecom_token={token}".encode()
    assert gateway.post(body, anonymous=True).status == 0


def test_two_site_logins_cannot_have_one_token(gateway: Gateway) -> None:
    add = ("login", "add", "--kind", "site", "--password-stdin")
    done(gateway, *add, "one", stdin=b"same")
    assert "belongs to another login" in refused(gateway, *add, "two", stdin=b"same")
    done(gateway, *add, "two", stdin=b"other")
    rotate = ("login", "rotate", "two", "--password-stdin")
    assert "belongs to another login" in refused(gateway, *rotate, stdin=b"same")


def test_login_wishes_rights_and_defaults_are_stored(gateway: Gateway) -> None:
    pool, owner = shown(gateway, "pool", "add", "North"), shown(gateway, "user", "add", "Ann")
    done(
        gateway,
        *"login add shop --format json --on-invalid refuse --ignore-empty --no-dry-run".split(),
        *("--source", "Web", "--pool", " NORTH ", "--owner", "ann"),
    )
    row = shown(gateway, "login", "show", "shop")
    assert row.pop("created_at")
    assert row == {
        "login": "shop",
        "kind": "api",
        "state": "active",
        "format": "json",
        "on_invalid": "refuse",
        "ignore_empty": True,
        "may_dry_run": False,
        "defaults": {"source": "Web", "pool": pool["id"], "ownerID": owner["id"]},
    }
    table = done(gateway, "login", "show", "shop")
    assert re.search(rf"^default pool +{pool['id']} *$", table, re.MULTILINE)


def test_owner_of_a_login_is_an_id_first_and_a_name_second(gateway: Gateway) -> None:
    done(gateway, "user", "add", "Ann", "--id", "5")
    done(gateway, "user", "add", "5", "--id", "6")
    done(gateway, "user", "add", "77", "--id", "7")
    for name, owner, user_id in (("a", "5", 5), ("b", "77", 7), ("c", "ANN", 5)):
        done(gateway, "login", "add", name, "--owner", owner)
        assert shown(gateway, "login", "show", name)["defaults"] == {"ownerID": user_id}


@pytest.mark.parametrize("option", ["--pool", "--owner"])
def test_login_default_that_names_nothing_is_refused(gateway: Gateway, option: str) -> None:
    assert "add it first" in refused(gateway, "login", "add", "shop", option, "9" * 30)
    assert "There is no login shop" in refused(gateway, "login", "show", "shop")


def test_duplicate_login_is_refused_and_the_old_one_still_opens(gateway: Gateway) -> None:
    assert refused(gateway, "login", "add", "web") == (
        "Error: There is already a login web (active); change its secret with rotate."
    )
    assert gateway.send().status == 0


@pytest.mark.parametrize("name", ["", " \t", "x" * 192, "a\udce9", "a\nb"])
def test_bad_login_name_is_refused(gateway: Gateway, name: str) -> None:
    assert "Invalid value for 'NAME'" in refused(gateway, "login", "add", name, exit_code=2)


def test_login_name_is_kept_as_the_caller_sends_it(gateway: Gateway) -> None:
    # Trimmed, and nothing else: an e with an accent of its own is not made one character.
    name, secret = " Zoe\u0308 ", "p\u00a0e\u0308"
    done(gateway, "login", "add", name, "--password-stdin", stdin=secret.encode())
    gateway.login = (name, secret)
    assert gateway.send().status == 0


def test_login_kind_form_is_not_offered(gateway: Gateway) -> None:
    refused(gateway, "login", "add", "f", "--kind", "form", exit_code=2)


@pytest.fixture
def always_fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """Logins are read anew for each post, not only when their row is a moment old."""
    monkeypatch.setattr(auth, "FRESH_SECONDS", 0)


@pytest.mark.usefixtures("always_fresh")
def test_rotated_secret_replaces_the_old_one(gateway: Gateway) -> None:
    assert gateway.send().status == 0
    secret = shown(gateway, "login", "rotate", "web")["secret"]
    assert gateway.send().status == 1
    gateway.login = ("web", secret)
    assert gateway.send().status == 0
    assert done(gateway, "login", "rotate", "web", "--password-stdin", stdin=b"third") == ""
    gateway.login = ("web", "third")
    assert gateway.send().status == 0


@pytest.mark.usefixtures("always_fresh")
def test_disabled_login_comes_back_and_a_retired_one_does_not(gateway: Gateway) -> None:
    def state() -> tuple[str, int | None]:
        return shown(gateway, "login", "list")[0]["state"], gateway.send().status

    for verb, expected in (
        ("disable", ("disabled", 1)),
        ("enable", ("active", 0)),
        ("retire", ("retired", 1)),
        ("disable", ("retired", 1)),
    ):
        done(gateway, "login", verb, "web")
        assert state() == expected
    for verb in ("enable", "rotate"):
        assert "retired for ever" in refused(gateway, "login", verb, "web")
    assert "(retired)" in refused(gateway, "login", "add", "web")
    assert state() == ("retired", 1)


@pytest.mark.parametrize("verb", ["show", "rotate", "retire", "disable", "enable"])
def test_unknown_login_is_named(gateway: Gateway, verb: str) -> None:
    assert "There is no login nobody" in refused(gateway, "login", verb, "nobody")


def test_login_list_is_a_table_without_secrets(gateway: Gateway) -> None:
    table = done(gateway, "login", "list")
    assert "web" in table
    assert "scrypt" not in table
    assert "scrypt" not in done(gateway, "login", "list", "--json")


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
