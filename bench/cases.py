"""The kinds of post that ``bench/run`` sends, and what each must leave in the database."""

from dataclasses import dataclass
from urllib.parse import quote_from_bytes

from bench.body import LOGIN, MATCH, MATCH_WITH_NEWS, NEWS, OWN_CELL, PASSWORD, PERSON, template
from bench.load import DRAIN

FIRST_NEW = 8_000_000
"""Persons from this number on are new, those below are filled in."""

CUSTOM_FIELDS = 10
FILE_BYTES = 1_000_000

PLUGIN = f"""
from marshmallow import fields

from gateway import CustomField, Money, WholeNumber, YesNo, hookimpl

KINDS = (fields.String, WholeNumber, Money, YesNo, fields.String)


@hookimpl
def gateway_custom_fields(settings):
    return [
        CustomField(f"bench_{{n}}", KINDS[n % 5](), help="A field.", example="1")
        for n in range({CUSTOM_FIELDS})
    ]
"""
"""A plugin with fields for the case ``custom``; it is loaded in every case."""

_VALUES = ("A text", "12", "$1,234.50", "yes", "another text")


@dataclass(frozen=True, slots=True)
class Case:
    """A kind of post: its body, whether each makes a lead, and whether it finds one.

    ``drain`` is how long its last answers may take.
    """

    name: str
    body: str
    makes: bool = True
    finds: bool = False
    size: int = 0
    drain: float = DRAIN


def cases(sizes: tuple[int, ...]) -> list[Case]:
    """Return the cases at the first of ``sizes``, then those of matching at the larger ones."""
    return [
        Case("insert", PERSON),
        *_matching(sizes[0]),
        Case("update by external_id", _update(), makes=False, finds=True),
        Case("10 custom fields", template(**OWN_CELL, **_custom())),
        Case("1 MB file", _with_file(), drain=10),
        *(case for size in sizes[1:] for case in (_insert_at(size), *_matching(size))),
    ]


def _insert_at(size: int) -> Case:
    return Case(f"insert at {in_short(size)}", PERSON, size=size)


def _matching(size: int) -> tuple[Case, Case]:
    at = in_short(size)
    return (
        Case(f"match misses at {at}", MATCH, size=size),
        Case(
            f"match hits at {at}",
            MATCH_WITH_NEWS,
            makes=False,
            finds=True,
            size=size,
        ),
    )


def _custom() -> dict[str, str]:
    return {f"bench_{n}": _VALUES[n % 5] for n in range(CUSTOM_FIELDS)}


def _update() -> str:
    fields = {
        "command": "lead_set",
        "mode": "update",
        "ai_login_id": LOGIN,
        "ai_login_password": PASSWORD,
        "external_id": "E~",
        **{name: value.replace(" ", "+") for name, value in NEWS.items()},
    }
    return "&".join(f"{name}={value}" for name, value in fields.items())


def _with_file() -> str:
    # Bytes of every kind, so a third of them needs an escape; none is a placeholder.
    content = bytes(byte for byte in range(256) if byte not in b"~_") * (FILE_BYTES // 254)
    return f"{PERSON}&upload_file_name=a.pdf&upload_file_contents=" + quote_from_bytes(content)


def in_short(size: int) -> str:
    """Return 1000 as ``1 k``, a million as ``1 M``."""
    return f"{size // 1_000_000} M" if size >= 1_000_000 else f"{size // 1000} k"
