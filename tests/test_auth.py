"""Who is calling: every way to say it, and one answer to every wrong one."""

from base64 import b64encode
from collections.abc import Callable
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from sqlalchemy import update
from werkzeug.security import check_password_hash, generate_password_hash

from gateway import auth
from gateway.auth.passwords import REMEMBERED
from gateway.contract import Credentials
from gateway.errors import AuthenticationFailed
from gateway.models import Login
from gateway.testing import Gateway

LOGINS = [
    {"name": "web", "password": "s3cret"},
    {"name": "Überall", "password": "пароль"},
    {"name": "site", "site_token": "tok-1"},
    {"name": "off", "password": "s3cret", "disabled": True},
    {"name": "gone", "password": "s3cret", "retired": True},
]


@pytest.fixture
def gateway(make_gateway: Callable[..., Gateway]) -> Gateway:
    return make_gateway(logins=LOGINS)


class Clock:
    """A clock that a test sets on."""

    now = 1000.0


def basic(text: str | bytes) -> str:
    return "Basic " + b64encode(text if isinstance(text, bytes) else text.encode()).decode()


@pytest.mark.parametrize(
    ("credentials", "name"),
    [
        ({"login_id": "web", "password": "s3cret"}, "web"),
        ({"login_id": " web ", "password": "\ts3cret\n"}, "web"),
        ({"login_id": "Überall", "password": "пароль"}, "Überall"),
        ({"site_token": "tok-1"}, "site"),
        ({"site_token": " tok-1 "}, "site"),
        ({"authorization": basic("web:s3cret")}, "web"),
        ({"authorization": basic("Überall:пароль")}, "Überall"),
        ({"authorization": basic("web:s3cret").replace("Basic", "basic")}, "web"),
        ({"authorization": "Bearer tok-1"}, "site"),
        ({"authorization": basic("web:s3cret"), "login_id": "web", "password": "s3cret"}, "web"),
        ({"authorization": "Bearer tok-1", "site_token": "tok-1"}, "site"),
        ({"login_id": "web", "password": "s3cret", "site_token": "tok-1"}, "web"),
        # A proxy's own scheme is none of ours.
        ({"authorization": "Negotiate abc", "login_id": "web", "password": "s3cret"}, "web"),
    ],
)
def test_right_credentials_name_their_login(
    gateway: Gateway, credentials: dict[str, str], name: str
) -> None:
    assert auth.identify(Credentials(**credentials), gateway.system).name == name


@pytest.mark.parametrize(
    "credentials",
    [
        {},
        {"login_id": "web"},
        {"password": "s3cret"},
        {"login_id": "web", "password": "S3cret"},
        {"login_id": "WEB", "password": "s3cret"},
        {"login_id": "nobody", "password": "nobody"},
        {"login_id": "off", "password": "s3cret"},
        {"login_id": "gone", "password": "s3cret"},
        {"login_id": "site", "password": "tok-1"},
        {"login_id": "w\0eb", "password": "s3cret"},
        {"login_id": "\ud800", "password": "\ud800"},
        {"login_id": "x" * 500, "password": "s3cret"},
        {"site_token": "tok-2"},
        {"site_token": "\ud800"},
        {"token": "anything"},
        {"form_key": "anything"},
        {"login_id": "web", "password": "s3cret", "site_token": "tok-2"},
        {"login_id": "web", "password": "s3cret", "token": "anything"},
        {"authorization": basic("web:wrong")},
        {"authorization": basic("web:s3cret"), "login_id": "web", "password": "other"},
        {"authorization": basic("web:s3cret"), "login_id": "off", "password": "s3cret"},
        {"authorization": "Bearer tok-1", "site_token": "tok-2"},
        {"authorization": "Basic !!!"},
        {"authorization": basic(b"\xff\xfe:x")},
        {"authorization": "Bearer"},
    ],
)
def test_wrong_credentials_have_one_text(gateway: Gateway, credentials: dict[str, str]) -> None:
    with pytest.raises(AuthenticationFailed) as failed:
        auth.identify(Credentials(**credentials), gateway.system)
    assert str(failed.value) == "Authentication failed"


def change(gateway: Gateway, **values: object) -> None:
    with gateway.system.engine.begin() as connection:
        connection.execute(update(Login).where(Login.name == "web").values(**values))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock by which a row of a login is fresh; it stands still."""
    clock = Clock()
    monkeypatch.setattr(auth, "time", SimpleNamespace(monotonic=lambda: clock.now))
    return clock


def assert_refused_in_a_moment(gateway: Gateway, credentials: Credentials, clock: Clock) -> None:
    """Fail where they are taken when the row has been read as long ago as it may."""
    clock.now += auth.FRESH_SECONDS
    with pytest.raises(AuthenticationFailed):
        auth.identify(credentials, gateway.system)


def test_login_that_is_disabled_stops_within_a_moment(gateway: Gateway, clock: Clock) -> None:
    credentials = Credentials(login_id="web", password="s3cret")
    assert auth.identify(credentials, gateway.system).name == "web"
    change(gateway, disabled_at=datetime.now(UTC))
    assert_refused_in_a_moment(gateway, credentials, clock)


def test_password_that_is_changed_counts_within_a_moment(gateway: Gateway, clock: Clock) -> None:
    old = Credentials(login_id="web", password="s3cret")
    auth.identify(old, gateway.system)
    change(gateway, password_hash=auth.hash_password(" new "))
    assert_refused_in_a_moment(gateway, old, clock)
    assert auth.identify(Credentials(login_id="web", password="new"), gateway.system)


def test_row_of_a_login_is_read_once_in_a_moment(gateway: Gateway, clock: Clock) -> None:
    credentials = Credentials(login_id="web", password="s3cret")
    auth.identify(credentials, gateway.system)
    change(gateway, disabled_at=datetime.now(UTC))
    clock.now += auth.FRESH_SECONDS / 4
    assert auth.identify(credentials, gateway.system).name == "web"


def test_new_login_works_at_once(gateway: Gateway) -> None:
    credentials = Credentials(login_id="late", password="s3cret")
    with pytest.raises(AuthenticationFailed):
        auth.identify(credentials, gateway.system)
    change(gateway, name="late")
    assert auth.identify(credentials, gateway.system).name == "late"


def test_open_system_takes_strangers_but_no_wrong_password(
    make_gateway: Callable[..., Gateway],
) -> None:
    system = make_gateway(logins=LOGINS, GATEWAY_ALLOW_ANONYMOUS=True).system
    assert auth.identify(Credentials(), system) == auth.ANONYMOUS
    stranger = Credentials(login_id="old", password="old")
    assert auth.identify(stranger, system) == auth.ANONYMOUS
    with pytest.raises(AuthenticationFailed):
        auth.identify(Credentials(login_id="web", password="wrong"), system)


def test_only_hashes_are_stored(gateway: Gateway) -> None:
    with gateway.system.engine.connect() as connection:
        rows = str(connection.execute(Login.__table__.select()).all())
    assert "s3cret" not in rows
    assert "tok-1" not in rows


def test_login_that_does_not_exist_is_checked_as_slowly_as_one_that_does() -> None:
    passwords = auth.Passwords()
    assert not passwords.matches("nobody", auth._NOBODY, "guess")
    known = sum(map(len, passwords._known.values()))
    assert not passwords.matches("somebody else", auth._NOBODY, "guess")
    # Remembered apart, so it was not answered from what the first one left.
    assert sum(map(len, passwords._known.values())) == known + 1


def test_hash_of_nobody_is_checked_as_any_other() -> None:
    method, _, digest = auth._NOBODY.split("$")
    made = generate_password_hash("guess", method).split("$")
    assert made[0] == method
    assert len(made[2]) == len(digest)
    # What the kit for tests has in its place is less.
    assert method != auth.METHOD
    assert not check_password_hash(auth._NOBODY, "nobody")


def test_memory_of_checked_passwords_is_bounded() -> None:
    passwords = auth.Passwords()
    stored = auth.hash_password("right")
    assert passwords.matches("web", stored, "right")
    passwords._known[False].update(dict.fromkeys(map(str.encode, map(str, range(REMEMBERED)))))
    assert not passwords.matches("web", stored, "wrong")
    assert len(passwords._known[False]) == REMEMBERED
    assert passwords.matches("web", stored, "right")
