"""The documents say what the code does: each is checked against the other."""

import re
from pathlib import Path

import config
from gateway.errors import CODES
from gateway.schema import build

ROOT = Path(__file__).parents[1]

PAGE = """
    mode lead_id external_id full_name first_name last_name company address address_2 city state
    zip country lat lng phone cell ok_to_text fax skype ip followup_date besttime status priority
    custom_status gmt_offset email admin_notes govt_id source sub_id sub_id2 birth_date note notes
    tags ownerID pool upload_file_name upload_file_contents match_update match_name_and_address
    match_name_and_phone
""".split()
"""The fields of the old documentation page, in its order."""


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def missing(names: list[str], document: str) -> list[str]:
    """Return the names that the document does not have in code marks."""
    return [each for each in names if f"`{each}`" not in document]


def test_every_setting_is_in_the_readme() -> None:
    assert missing(list(config.meanings()), text("README.md")) == []


def test_every_error_code_is_in_the_readme() -> None:
    assert missing(list(CODES), text("README.md")) == []


def test_every_documented_field_is_registered_in_page_order() -> None:
    schema = build((), (), config.settings())
    assert [name for name in schema.fields if name in PAGE] == PAGE
    assert schema.documented == set(PAGE)


def test_every_field_says_what_it_is_for() -> None:
    schema = build((), (), config.settings())
    assert [name for name, field in schema.fields.items() if not field.help] == []


def test_changelog_has_its_three_headings() -> None:
    headings = re.findall(r"^### (.+)$", text("CHANGELOG.md"), re.MULTILINE)
    assert {"Wire", "Plugins", "Inside"} <= set(headings)
