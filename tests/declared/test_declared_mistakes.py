"""A mistake in a fields file stops the start with file, line and reason."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from plugins.declared.file import LARGEST
from tests.declared.fields_files import ROOT, TEXT, refusal
from tests.processor_time import no_time


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        # a file that is no TOML
        ("[fields.a]\ntype = text\n", 2, "Invalid value"),
        ('[fields.a]\ntype = "text\n', 2, "Illegal character"),
        (f"{TEXT}{TEXT}", 3, "Cannot declare"),
        (f'{TEXT}type = "date"\n', 3, "Cannot overwrite"),
        (f"{TEXT}\nhelp = ", 4, "Invalid value"),
        (b"[fields.a]\n# caf\xe9\n", 2, "save the file as UTF-8"),
        # tables
        (f"{TEXT}[field.b]\n", 3, "there is no table 'field'"),
        ('vin = "text"\n', 1, "belongs below a line such as"),
        ("fields = 1\n", 1, "write [fields] on a line of its own"),
        ("[fields]\na = 1\n", 2, "write [fields.a] on a line of its own"),
        ("[[fields.a]]\n", 1, "write [fields.a] on a line of its own"),
        # names
        ("\n[fields.phone]\n", 2, "'phone' is a documented field"),
        ('[fields."a b"]\ntype = "text"\n', 1, "no name for a field"),
        ('[fields.dry_run]\ntype = "text"\n', 1, "reserved"),
        ('[fields.created_at]\ntype = "text"\n', 1, "reserved"),
        (f'{TEXT}alias = ["email"]\n', 3, "documented"),
        (f'{TEXT}alias = ["b", "b"]\n', 3, "'b' is already a name of fields.a"),
        (f'{TEXT}alias = ["b"]\n[fields.b]\ntype = "text"\n', 4, "'b' is already a name of"),
        (f'{TEXT}[aliases]\na = "cell"\n', 4, "'a' is already a name of fields.a"),
        (f'{TEXT}[rules]\na = ["a:text"]\n', 4, "'a' is already a name of fields.a"),
        # keys and their values
        ('[fields.a]\nlabel = "A"\n', 1, 'a: needs a line type = "…"'),
        ('[fields.a]\ntype = "integr"\n', 2, "there is no type 'integr'; did you mean integer?"),
        ("[fields.a]\ntype = 7\n", 2, "there is no type 7"),
        (f'{TEXT}lable = "A"\n', 3, "there is no key 'lable'; did you mean label?"),
        (f"{TEXT}range = [1, 2]\n", 3, "range is for type integer, decimal, money, date"),
        (f"{TEXT}label = 5\n", 3, "label must be a text"),
        (f'{TEXT}required = "yes"\n', 3, "required must be true or false, without quotes"),
        (f'{TEXT}alias = "b"\n', 3, "alias must be a list of names"),
        (f'{TEXT}length = "20"\n', 3, "length must be a whole number, without quotes"),
        (f"{TEXT}length = 0\n", 3, "length must be from 1 to"),
        (f"{TEXT}length = 20000\n", 3, "type long_text holds more"),
        (f'{TEXT}example = "x"\npattern = "("\n', 4, "pattern cannot be used: missing )"),
        (f'{TEXT}example = "x"\npattern = "(?=x)x"\n', 4, "without look-around"),
        (f'{TEXT}example = "x"\npattern = "{"x" * 501}"\n', 4, "longer than 500 characters"),
        (f'{TEXT}example = "x"\npattern = "(x{{1000}}){{9}}"\n', 4, "cannot be used"),
        (f"{TEXT}pattern = '[0-9]+'\n", 3, "pattern needs an example beside it"),
        (f"{TEXT}pattern = '[0-9]+'\nexample = \"x\"\n", 4, "example is not taken by the field"),
        (f'{TEXT}length = 3\ndefault = "long"\n', 4, "default is not taken by the field"),
        (f'{TEXT}default = ""\n', 3, "empty, which counts as not sent"),
        (f'{TEXT}required = true\ndefault = "x"\n', 4, "no use beside required"),
        ('[fields.a]\ntype = "choice"\n', 2, "needs choices"),
        ('[fields.a]\ntype = "choice"\nchoices = []\n', 3, "needs choices"),
        ('[fields.a]\ntype = "choice"\nchoices = ["b", "B"]\n', 3, "two choices"),
        ('[fields.a]\ntype = "choice"\nchoices = ["b", "b"]\n', 3, "the same choice twice"),
        ('[fields.a]\ntype = "choice"\nchoices = ["b", ""]\n', 3, "must be texts"),
        ('[fields.a]\ntype = "choices"\nchoices = ["a,b"]\ncommas = true\n', 3, "holds a comma"),
        ('[fields.a]\ntype = "choice"\nchoices = ["b"]\ndefault = "c"\n', 4, "not one of: b"),
        ('[fields.a]\ntype = "integer"\nrange = [9, 1]\n', 3, "wrong way round; write [1, 9]"),
        ('[fields.a]\ntype = "integer"\nrange = [1, "9"]\n', 3, "whole numbers such as"),
        ('[fields.a]\ntype = "integer"\nrange = [1]\n', 3, "the least and the greatest"),
        (f'[fields.a]\ntype = "integer"\nrange = [1, {2**63}]\n', 3, "goes beyond"),
        ('[fields.a]\ntype = "money"\nrange = [0, 10]\nexample = 11\n', 4, "not from 0 to 10"),
        ('[fields.a]\ntype = "decimal"\nrange = [0, nan]\n', 3, "the least and the greatest"),
        ('[fields.a]\ntype = "date"\nrange = [2000-01-01, "x"]\n', 3, "the least and the great"),
        ('[fields.a]\ntype = "date"\nrange = [2001-01-01, 2000-01-01]\n', 3, "wrong way round"),
        ('[fields.a]\ntype = "date"\ndefault = "soon"\n', 3, "not a date"),
        # conditions
        (f'{TEXT}required_if = {{ b = "x" }}\n', 3, "names 'b', no other field"),
        (f'{TEXT}required_if = {{ a = "x" }}\n', 3, "names 'a', no other field"),
        (f"{TEXT}required_if = {{ city = [] }}\n", 3, "names no value of city, so it never asks"),
        (
            f'{TEXT}required_if = {{ b = "x" }}\n[fields.b]\ntype = "integer"\n',
            3,
            "asks for a value that b does not take: not a whole number",
        ),
        # aliases of documented fields
        ('[aliases]\nmobile = "cel"\n', 2, "did you mean cell?"),
        ("[aliases]\nmobile = []\n", 2, "must be the name of a documented field"),
        (f'{TEXT}[aliases]\nb = "a"\n', 4, 'write alias = ["b"] below [fields.a]'),
        # rules
        ('[rules]\nr = "a:text"\n', 2, "r: must be a list of texts"),
        ("[rules]\nr = []\n", 2, "r: must be a list of texts"),
        ('[rules]\nr = [\n"emial:email",\n]\n', 2, "no field 'emial'; did you mean email?"),
        ('[rules]\nr = ["email:emial"]\n', 2, "no normal form 'emial'; did you mean email?"),
        ('[rules]\nr = ["email"]\n', 2, "write email:text"),
        ('[rules]\nr = ["email:email", "email:text"]\n', 2, "names a field twice"),
        ('[rules]\nr = ["govt_id:digits"]\n', 2, "govt_id cannot be compared"),
        ('[rules]\nr = ["tags:text"]\n', 2, "tags cannot be compared"),
        ('[rules]\nr = ["city:date"]\n', 2, "city is no date"),
        (f'{TEXT}sensitive = true\n[rules]\nr = ["a:text"]\n', 5, "a is sensitive"),
        (
            '[fields.a]\ntype = "choices"\nchoices = ["b"]\n[rules]\nr = ["a:text"]\n',
            5,
            "a has several values",
        ),
        ('[rules]\nmatch_name_and_phone = ["email:email"]\n', 2, "documented"),
    ],
)
def test_mistake_stops_the_start_with_file_line_and_reason(
    write: Callable[[str | bytes], str], text: str | bytes, line: int, says: str
) -> None:
    path = write(text)
    message = refusal(path)
    assert message.startswith(f"plugin plugins.declared: GATEWAY_FIELDS_FILE {path}, line {line}")
    assert says in message
    assert len(message.splitlines()) == 1


def test_all_mistakes_are_named_at_once_in_the_order_of_the_lines(
    write: Callable[[str | bytes], str],
) -> None:
    text = (
        '# first line\n[rules]\nr = ["x:text"]\n\n[fields.a]\nhelp = """\n[fields.no]\n"""\n'
        'type = "txt"\n[fields.b]\ntype = "integer"\nrange = [2, 1]\ncommas = true\n'
    )
    lines = refusal(write(text)).splitlines()
    assert [int(re.search(r"line (\d+)", each)[1]) for each in lines] == [3, 9, 13]  # type: ignore[index]


def test_file_that_is_not_there_or_cannot_be_read(
    write: Callable[[str | bytes], str], tmp_path: Path
) -> None:
    missing = refusal("no/such/fields.toml")
    assert missing.startswith("plugin plugins.declared: GATEWAY_FIELDS_FILE /")
    assert str(ROOT / "no/such/fields.toml") in missing
    assert "cannot be read: No such file or directory (mend the path" in missing
    assert "cannot be read: Is a directory" in refusal(str(tmp_path))
    assert f"larger than {LARGEST} bytes" in refusal(write("#" * (LARGEST + 1)))
    assert "too deep" in refusal(write("a = " + "[\n" * 30_000))


@pytest.mark.parametrize(
    "text",
    [
        "[rules]\nr = [\n" + '["a"],\n' * 8000 + "]\n",
        '[rules]\nr = """\n' + "a = 1\n" * 10_000 + '"""\n',
        "a." * 30_000 + "b = 1\n",
        "a." * 2_400 + "b = 1\n",
        "fields." + "a." * 900 + "b = 1\n",
    ],
    ids=["list", "text", "keys", "fewer keys", "field"],
)
def test_file_of_odd_shape_is_refused_in_no_time(
    write: Callable[[str | bytes], str], text: str
) -> None:
    path = write(text)
    with no_time():
        assert refusal(path).startswith("plugin plugins.declared: GATEWAY_FIELDS_FILE")
