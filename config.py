"""Every setting of the gateway, one row each: name, type, default, meaning.

The only module that reads the environment. ``load()`` gives the whole of it as one frozen value;
a value that cannot be read stops the start, and all bad ones are named at once.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import Field, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from environs import Env, EnvValidationError, ValidationError
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

from gateway import setting_checks

ROOT = Path(__file__).resolve().parent

DRIVERS = {
    "postgresql": "postgresql+psycopg",
    "postgres": "postgresql+psycopg",
    "mysql": "mysql+pymysql",
    "mariadb": "mariadb+pymysql",
}
"""What a plain database URL means; a URL that names its driver passes through as it is."""


DECLARED = "plugins.declared"
"""The plugin that reads GATEWAY_FIELDS_FILE."""


class BadSettings(Exception):
    """Some settings cannot be read; the text has one line for each."""


def _row(
    default: Any, meaning: str, *, check: Callable[[Any], None] | None = None, secret: bool = False
) -> Any:
    return field(default=default, metadata={"help": meaning, "check": check, "secret": secret})


def _database(value: str) -> None:
    try:
        url = make_url(database_url(value))
        url.get_dialect()
    except (ArgumentError, NoSuchModuleError, ValueError) as error:
        raise ValidationError(f"not a URL of a database ({type(error).__name__})") from None
    if url.get_backend_name() not in {"sqlite", *DRIVERS}:
        raise ValidationError("must be a URL that begins with sqlite, postgresql or mariadb")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings of one running system, typed; names are those of the environment."""

    DATABASE_URL: str = _row(
        "sqlite:///instance/gateway.db",
        "Where leads are stored: sqlite:///, postgresql:// or mariadb://.",
        check=_database,
        secret=True,
    )
    GATEWAY_PLUGINS: tuple[str, ...] = _row(
        (), "Plugin modules to load, in this order, separated by commas."
    )
    GATEWAY_FIELDS_FILE: str = _row(
        "",
        "TOML file that declares fields and match rules without Python (docs/fields_file.md); "
        "plugins.declared reads it and need not be listed.",
    )
    GATEWAY_ENDPOINTS: tuple[str, ...] = _row(
        ("/service", "/service.php"), "Paths that take posts.", check=setting_checks.paths
    )
    GATEWAY_RESPONSE_FORMAT: str = _row(
        "pairs",
        "How to answer where neither the request nor the login says: pairs, json or xml.",
        check=setting_checks.one_of("pairs", "json", "xml"),
    )
    GATEWAY_PAIRS_CONTENT_TYPE: str = _row(
        "text/plain; charset=utf-8",
        "Content type of an answer in pairs.",
        check=setting_checks.header,
    )
    GATEWAY_FALLBACK_CHARSET: str = _row(
        "windows-1252",
        "How to read a value that is neither in its declared charset nor UTF-8.",
        check=setting_checks.charset,
    )
    GATEWAY_TIMEZONE: str = _row(
        "UTC", "Time zone in which posted dates and times are meant.", check=setting_checks.timezone
    )
    GATEWAY_REGION: str = _row(
        "US", "Region of phone numbers without a country code.", check=setting_checks.region
    )
    GATEWAY_FIRST_LEAD_ID: int = _row(
        1001, "The id of the first lead.", check=setting_checks.at_least(1)
    )
    GATEWAY_DEFAULT_MATCH: tuple[str, ...] = _row(
        ("match_name_and_address", "match_name_and_phone"),
        "Rules that apply when match_update=1 comes without a rule of its own.",
    )
    GATEWAY_JUNK_VALUES: tuple[str, ...] = _row(
        (),
        "Phones, e-mails and addresses that say nothing about who it is and never match, beside "
        "those that we know.",
    )
    GATEWAY_ON_INVALID: str = _row(
        "keep",
        "What becomes of a bad value on an insert: keep (the lead is stored without it and the "
        "value goes into a note) or refuse.",
        check=setting_checks.one_of("keep", "refuse"),
    )
    GATEWAY_MAX_BODY: int = _row(
        16 * 1024 * 1024, "Largest body of a post, in bytes.", check=setting_checks.at_least(1024)
    )
    GATEWAY_FILES_URL: str = _row(
        "file://instance/files",
        "Where uploaded files go: file://…, or s3://bucket/prefix (pip install -r "
        "requirements-s3.txt).",
        check=setting_checks.url,
        secret=True,
    )
    GATEWAY_SPOOL_DIR: str = _row(
        "instance/spool",
        "Folder of this node where posts wait while the database is away.",
    )
    GATEWAY_SPOOL_MAX: int = _row(
        1024**3,
        "Bytes that may wait in the spool; beyond them a post is told to come again.",
        check=setting_checks.at_least(1024),
    )
    GATEWAY_SECRET_KEYS: tuple[str, ...] = _row(
        (),
        "Keys that encrypt bodies and sensitive values at rest; the first writes.",
        check=setting_checks.secret_keys,
        secret=True,
    )
    GATEWAY_JOURNAL_DAYS: int = _row(
        90,
        "How many days the journal keeps accepted posts (flask journal purge).",
        check=setting_checks.at_least(1, 36_500),
    )
    GATEWAY_STRANGER_BUDGET: int = _row(
        1024**3,
        "Bytes that posts of unknown callers may fill in the journal; the oldest go first.",
        check=setting_checks.at_least(0),
    )
    GATEWAY_ALLOW_ANONYMOUS: bool = _row(
        False, "Take posts without a login (closed networks only)."
    )
    GATEWAY_ALLOW_GET: bool = _row(False, "Take commands by GET.")
    GATEWAY_HTTP_ERRORS: bool = _row(
        False, "Use HTTP 413, 429 and 503 instead of 200 where they apply."
    )
    GATEWAY_REPEAT_WINDOW: int = _row(
        0,
        "Seconds in which the same fields of the same caller get the first answer; 0: never.",
        check=setting_checks.at_least(0, 86_400),
    )
    GATEWAY_CREATE_POOLS: bool = _row(False, "Make a pool that a post names and nobody has made.")
    GATEWAY_DOCS: str = _row(
        "public",
        "Who may read the documentation page: public, login or off.",
        check=setting_checks.one_of("public", "login", "off"),
    )
    GATEWAY_DOCS_URL: str = _row(
        "http://127.0.0.1:8000/service", "Address shown in the samples of the documentation page."
    )
    GATEWAY_TRUSTED_PROXIES: int = _row(
        0,
        "How many reverse proxies in front set X-Forwarded-For.",
        check=setting_checks.at_least(0),
    )
    GATEWAY_TRACE_HOOKS: bool = _row(False, "Log every call of a plugin hook.")

    def shown(self) -> dict[str, str]:
        """Return every setting as text, secrets masked, for ``flask config show``."""
        return {row.name: self._shown(row.name, row.metadata["secret"]) for row in fields(self)}

    def _shown(self, name: str, secret: bool) -> str:
        value = getattr(self, name)
        if secret and "://" in str(value):
            return _without_passwords(value)
        if secret:
            return "***" if value else ""
        if isinstance(value, tuple):
            return ",".join(value)
        return str(value).lower() if isinstance(value, bool) else str(value)


def _without_passwords(value: str) -> str:
    """Return the URL with ``***`` for a password, also for one that stands in its query."""
    url = make_url(value)
    query = {key: "***" if "pass" in key.lower() else text for key, text in url.query.items()}
    return url.set(query=query).render_as_string(hide_password=True)


def meanings() -> dict[str, str]:
    """Return what each setting means, by name, in the order in which they are shown."""
    return {row.name: row.metadata["help"] for row in fields(Settings)}


def load() -> Settings:
    """Return the settings from the environment, defaults where it is silent.

    Raises BadSettings that names every value that cannot be read.
    """
    env = Env(eager=False)
    values = {row.name: _read(env, row) for row in fields(Settings)}
    try:
        env.seal()
    except EnvValidationError as error:
        messages = error.error_messages
        if not isinstance(messages, Mapping):  # environs allows a list; it never makes one here
            raise
        lines = [f"{name}: {' '.join(texts)}" for name, texts in messages.items()]
        raise BadSettings("\n".join(lines)) from None
    return settings(**values)


def _read(env: Env, row: Field[Any]) -> Any:
    if row.name not in os.environ:
        return row.default
    check = row.metadata["check"]
    if isinstance(row.default, tuple):
        return env.list(row.name, validate=_listed(check))
    if isinstance(row.default, bool):
        return env.bool(row.name, validate=check)
    if isinstance(row.default, int):
        return env.int(row.name, validate=check)
    return env.str(row.name, validate=check)


def origins() -> dict[str, str]:
    """Return where each setting comes from, ``default`` or ``environment``, by name."""
    return {
        row.name: "environment" if row.name in os.environ else "default" for row in fields(Settings)
    }


def unknown() -> list[str]:
    """Return the names in the environment that look like settings and are none, sorted."""
    known = set(meanings())
    return sorted(n for n in os.environ if n.startswith("GATEWAY_") and n not in known)


def _listed(check: Callable[[Any], None] | None) -> Callable[[Any], None] | None:
    if check is None:
        return None
    return lambda value: check(_words(value))


def _words(value: Any) -> tuple[str, ...]:
    return tuple(word.strip() for word in value if word.strip())


def settings(**values: Any) -> Settings:
    """Return Settings with the given values; URLs are made whole, lists become tuples."""
    for name, value in values.items():
        if isinstance(value, list | tuple):
            values[name] = _words(value)
    made = Settings(**values)
    fields_file = made.GATEWAY_FIELDS_FILE
    return replace(
        made,
        GATEWAY_PLUGINS=with_declared(made.GATEWAY_PLUGINS)
        if fields_file
        else made.GATEWAY_PLUGINS,
        GATEWAY_FIELDS_FILE=str(ROOT / fields_file) if fields_file else "",
        DATABASE_URL=database_url(made.DATABASE_URL),
        GATEWAY_FILES_URL=files_url(made.GATEWAY_FILES_URL),
        GATEWAY_SPOOL_DIR=str(ROOT / made.GATEWAY_SPOOL_DIR),
    )


def with_declared(plugins: tuple[str, ...]) -> tuple[str, ...]:
    """Return the plugins with the one that reads the fields file, last unless it is listed."""
    return plugins if DECLARED in plugins else (*plugins, DECLARED)


def database_url(url: str) -> str:
    """Return ``url`` with the driver that we ship, and a relative SQLite path under the root."""
    scheme, _, rest = url.partition("://")
    if scheme == "sqlite" and rest.startswith("/") and not rest.startswith("//"):
        path = rest[1:]
        if path and not path.startswith(":memory:"):
            return f"sqlite:///{ROOT / path}"
    return f"{DRIVERS.get(scheme, scheme)}://{rest}"


def files_url(url: str) -> str:
    """Return ``url`` with a relative ``file://`` path put under the root."""
    scheme, _, rest = url.partition("://")
    return f"file://{ROOT / rest}" if scheme == "file" else url
