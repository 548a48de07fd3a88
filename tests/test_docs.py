"""The documents say what the code does: each is checked against the other."""

import inspect
import re
from pathlib import Path

import pytest

import config
from gateway import hookspecs
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


# --- plugins/README.md

HOOKS = {name: hook for name, hook in vars(hookspecs).items() if name.startswith("gateway_")}
FACTS = ["When", "Gets", "Returns", "`None`", "A raise", "Order", "Transaction", "Twice"]
"""What the section of each hook says, in this order."""


def sections() -> dict[str, str]:
    """Return the sections of plugins/README.md by heading."""
    parts = re.split(r"^## `?(.+?)`?$", text("plugins/README.md"), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


@pytest.mark.parametrize("name", HOOKS)
def test_hook_has_a_section_under_its_live_signature(name: str) -> None:
    heading = f"{name}({', '.join(inspect.signature(HOOKS[name]).parameters)})"
    section = sections()[heading]
    assert re.findall(r"^- \*\*(.+?):\*\*", section, flags=re.MULTILINE) == FACTS
    assert re.search(r"`tests/plugins/\w+\.py`", section)


def test_sections_of_hooks_are_in_the_order_of_the_hooks() -> None:
    headings = [each.partition("(")[0] for each in sections() if each.startswith("gateway_")]
    assert headings == list(HOOKS)


def samples() -> list[str]:
    return re.findall(
        r"^```python\n(.+?)^```$", text("plugins/README.md"), re.MULTILINE | re.DOTALL
    )


@pytest.mark.parametrize("sample", samples(), ids=lambda sample: sample.splitlines()[-1][:40])
def test_sample_is_a_whole_plugin_that_a_test_runs(sample: str) -> None:
    """A sample is a file of tests/plugins without its docstring; its section says which."""
    files = {path.stem: path.read_text("utf-8") for path in (ROOT / "tests/plugins").glob("*.py")}
    names = [name for name, code in files.items() if code.split('"""\n\n', 1)[1] == sample]
    assert len(names) == 1
    modules = f"tests.plugins.{names[0]}"
    users = [*(ROOT / "tests").rglob("*.toml"), *(ROOT / "tests").rglob("test_*.py")]
    assert any(modules in path.read_text("utf-8") for path in users)
