"""``flask login``: callers are added, given new secrets, ended and listed."""

import re

import pytest
from cli_runner import done, refused, run, shown
from sqlalchemy import select

from gateway import auth
from gateway.models import Login
from gateway.testing import Gateway
from gateway.testing.client import basic


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
