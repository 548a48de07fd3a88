"""Settings: defaults, spellings, and mistakes that stop the start."""

import pytest

import config


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in config.meanings():
        monkeypatch.delenv(name, raising=False)


def test_silent_environment_gives_the_defaults() -> None:
    assert config.load() == config.settings()
    assert set(config.origins().values()) == {"default"}


def test_words_and_flags_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWAY_ENDPOINTS", " /service , /old.php,")
    monkeypatch.setenv("GATEWAY_ALLOW_GET", "false")
    monkeypatch.setenv("GATEWAY_CREATE_POOLS", "yes")
    loaded = config.load()
    assert loaded.GATEWAY_ENDPOINTS == ("/service", "/old.php")
    assert (loaded.GATEWAY_ALLOW_GET, loaded.GATEWAY_CREATE_POOLS) == (False, True)
    assert config.origins()["GATEWAY_ALLOW_GET"] == "environment"


def test_every_bad_value_is_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    bad = {
        "DATABASE_URL": "leads",
        "GATEWAY_MAX_BODY": "much",
        "GATEWAY_FIRST_LEAD_ID": "0",
        "GATEWAY_TIMEZONE": "Mars/Olympus",
        "GATEWAY_REGION": "us",
        "GATEWAY_FALLBACK_CHARSET": "utf-7",
        "GATEWAY_ON_INVALID": "drop",
        "GATEWAY_ENDPOINTS": "service",
        "GATEWAY_PAIRS_CONTENT_TYPE": "text/plain\r\nX: y",
        "GATEWAY_ALLOW_GET": "perhaps",
        "GATEWAY_FILES_URL": "files",
    }
    for name, value in bad.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(config.BadSettings) as stopped:
        config.load()
    named = {line.partition(":")[0] for line in str(stopped.value).splitlines()}
    assert named == bad.keys()


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("postgresql://a:b@h/d", "postgresql+psycopg://a:b@h/d"),
        ("postgres://h/d", "postgresql+psycopg://h/d"),
        ("mysql://h/d", "mysql+pymysql://h/d"),
        ("mariadb://h/d", "mariadb+pymysql://h/d"),
        ("mariadb+mysqldb://h/d", "mariadb+mysqldb://h/d"),
        ("postgresql+psycopg2://h/d", "postgresql+psycopg2://h/d"),
        ("sqlite:////var/x.db", "sqlite:////var/x.db"),
        ("sqlite:///:memory:", "sqlite:///:memory:"),
        ("sqlite:///x/y.db", f"sqlite:///{config.ROOT}/x/y.db"),
    ],
)
def test_database_urls_get_our_drivers(url: str, expected: str) -> None:
    assert config.database_url(url) == expected


@pytest.mark.parametrize("path", ["//", "/", "/a/<b>", "/healthz", "/readyz/", "/a b", "a", "/ä"])
def test_endpoint_that_cannot_be_one_is_named(monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    monkeypatch.setenv("GATEWAY_ENDPOINTS", f"/service,{path}")
    with pytest.raises(config.BadSettings, match="GATEWAY_ENDPOINTS"):
        config.load()


def test_password_of_the_database_is_not_shown() -> None:
    shown = config.settings(DATABASE_URL="postgresql://me:s3cret@h/d").shown()
    assert "s3cret" not in str(shown)
    assert shown["DATABASE_URL"] == "postgresql+psycopg://me:***@h/d"
    query = config.settings(DATABASE_URL="postgresql://h/d?user=me&password=s3cret").shown()
    assert "s3cret" not in str(query)
    files = config.settings(GATEWAY_FILES_URL="ftp://me:s3cret@h/files").shown()
    assert "s3cret" not in str(files)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", "postgresql://h:port/x"),
        ("DATABASE_URL", "postgresql+nope://h/x"),
        ("DATABASE_URL", "oracle://h/x"),
        ("GATEWAY_FILES_URL", "zzz://x"),
        ("GATEWAY_FILES_URL", "local:///tmp/files"),
        ("GATEWAY_FILES_URL", "s3://"),
        ("GATEWAY_FILES_URL", "s3://bucket//x"),
        ("GATEWAY_FIRST_LEAD_ID", "99999999999999999999"),
        ("GATEWAY_FIRST_LEAD_ID", "9223372036854775807"),
    ],
)
def test_value_that_would_fail_later_stops_the_start(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(config.BadSettings, match=name):
        config.load()


def test_names_that_are_no_setting_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWAY_TIME_ZONE", "UTC")
    assert config.unknown() == ["GATEWAY_TIME_ZONE"]
