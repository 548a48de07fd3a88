"""The fields file: what it declares, and what is wrong with it, by file, line and remedy."""

import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from marshmallow import ValidationError
from sqlalchemy import create_engine

import config
from gateway import BadPlugin, registry
from gateway.commands import COMMANDS
from gateway.formats import Pattern
from gateway.schema import DOCUMENTED, parse
from plugins.declared import rules
from plugins.declared.file import LARGEST
from plugins.declared.kinds import KINDS

ROOT = Path(__file__).parents[1]
SAMPLE = ROOT / "plugins" / "fields.example.toml"
TEXT = '[fields.a]\ntype = "text"\n'


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str | bytes], str]:
    def write_file(text: str | bytes) -> str:
        path = tmp_path / "fields.toml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return str(path)

    return write_file


def load(path: str, **values: Any) -> registry.System:
    chosen = config.settings(GATEWAY_FIELDS_FILE=path, **values)
    return registry.load(chosen, create_engine("sqlite://"), COMMANDS)


def refusal(path: str) -> str:
    with pytest.raises(BadPlugin) as stopped:
        load(path)
    return str(stopped.value)


def test_sample_loads_and_its_fields_take_their_own_examples() -> None:
    schema = load(str(SAMPLE)).schema
    assert len(schema.custom) == 8
    for name in schema.custom:
        field = schema.fields[name]
        assert field.help, name
        rejected = parse({"mode": "insert", name: field.example}, schema).rejected
        assert [each for each in rejected if each.problem.field == name] == []


def test_file_is_read_without_naming_the_plugin_and_once_if_it_is_named() -> None:
    path = "plugins/fields.example.toml"
    assert load(path).plugins == ("plugins.declared",)
    both = ["plugins.declared", "plugins.example"]
    assert load(path, GATEWAY_PLUGINS=both).plugins == tuple(both)
    assert config.settings().GATEWAY_PLUGINS == ()


def test_plugin_without_a_file_adds_nothing() -> None:
    system = load("", GATEWAY_PLUGINS=["plugins.declared"])
    assert system.schema.custom == frozenset()


def test_document_has_the_sample_whole() -> None:
    blocks = re.findall(r"```toml\n(.*?)```", (ROOT / "docs/fields_file.md").read_text(), re.DOTALL)
    assert SAMPLE.read_text() in blocks


def test_every_toml_block_of_the_document_is_a_fields_file(
    write: Callable[[str | bytes], str],
) -> None:
    document = (ROOT / "docs/fields_file.md").read_text()
    blocks = re.findall(r"```toml\n(.*?)```", document, re.DOTALL)
    assert len(blocks) > 1
    for block in blocks:
        load(write(block))


def test_document_names_every_type_key_and_form() -> None:
    document = (ROOT / "docs/fields_file.md").read_text()
    keys = {key for kind in KINDS.values() for key in kind.keys}
    names = {*KINDS, *keys, *rules.FORMS, "required_if", "alias", "sensitive", "default", "group"}
    assert [name for name in sorted(names) if f"`{name}`" not in document] == []


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
    started = time.perf_counter()
    assert refusal(path).startswith("plugin plugins.declared: GATEWAY_FIELDS_FILE")
    assert time.perf_counter() - started < 20


def test_file_as_windows_saves_it_is_read(write: Callable[[str | bytes], str]) -> None:
    text = '\ufeff[fields.a]\r\ntype = "text"\r\n'
    assert load(write(text)).schema.custom == {"a"}
    assert "line 3: " in refusal(write(f"{text}lable = 1\r\n"))


_names = st.sampled_from([*"abc", "fields", "rules", "aliases", "phone", "type", "é", "a b", ""])
_keys = st.sampled_from(
    "type label help example group sensitive required default alias pattern length range choices "
    "commas required_if lable".split()
)
_values = st.recursive(
    st.one_of(
        st.sampled_from(["true", "false", "nan", "-inf", "2030-01-31", "10:00:00", "1e400"]),
        st.sampled_from([f'"{name}"' for name in (*KINDS, "a", "b:text", "cell:phone", "", "(")]),
        st.integers().map(str),
        st.floats(allow_nan=False, allow_infinity=False).map(repr),
        st.text(max_size=5).map(lambda text: f"'''{text}'''"),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda found: f"[{', '.join(found)}]"),
        st.tuples(_names, inner).map(lambda pair: f'{{ "{pair[0]}" = {pair[1]} }}'),
    ),
    max_leaves=4,
)
_entry = st.dictionaries(_keys, _values, max_size=5)
_kind = st.sampled_from([f'"{name}"' for name in KINDS])
_field = st.tuples(
    _names, st.one_of(_entry, st.builds(lambda e, k: e | {"type": k}, _entry, _kind))
)
_tables = st.lists(
    st.one_of(
        _field.map(
            lambda it: f'[fields."{it[0]}"]\n' + "".join(f"{k} = {v}\n" for k, v in it[1].items())
        ),
        st.tuples(st.sampled_from(["rules", "aliases", "other"]), _names, _values).map(
            lambda it: f'[{it[0]}]\n"{it[1]}" = {it[2]}\n'
        ),
        st.tuples(_names, _values).map(lambda it: f'"{it[0]}" = {it[1]}\n'),
        st.text(max_size=20),
    ),
    max_size=4,
).map("\n".join)


@given(_tables)
@hypothesis_settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_no_file_whatsoever_gives_anything_but_fields_or_a_clean_refusal(
    write: Callable[[str | bytes], str], text: str
) -> None:
    path = write(text.encode("utf-8", "replace"))
    stopped = ""
    try:
        load(path)
    except BadPlugin as error:
        stopped = str(error)
    where = rf"GATEWAY_FIELDS_FILE {re.escape(path)}, (line \d+: |line \d+, column |has lists)"
    assert not stopped or re.match(f"plugin plugins.declared: {where}", stopped)


def test_any_file_that_loads_takes_any_value_without_a_fault(
    write: Callable[[str | bytes], str],
) -> None:
    schema = load(write(SAMPLE.read_text())).schema
    odd = ["", " ", "\ud800", "9" * 400, "é" * 300, "1e9", "nan", "-", ",", "2030-13-45", "\0"]
    for name in sorted(schema.custom):
        for value in odd:
            parse({"mode": "insert", name: value}, schema)


@pytest.mark.parametrize("pattern", ["(a+)+$", "(a|aa)+$", "(.*)*b$", "([a-z]?){500}[a-z]{500}"])
def test_pattern_cannot_run_away(pattern: str) -> None:
    check = Pattern(pattern, example="a")
    started = time.perf_counter()
    with pytest.raises(ValidationError, match="not of the form"):
        check("a" * 30_000 + "!")
    assert time.perf_counter() - started < 2
    with pytest.raises(ValidationError, match="longer than"):
        check("a" * 60_000)


@pytest.mark.parametrize(
    ("part", "one", "other"),
    [
        ("city:exact", "Rome", "Rome"),
        ("city:text", "SÃO  Paulo", "sao paulo"),
        ("sub_id:digits", "AB-12 34", "1234"),
        ("last_name:name", "O'Neil Jr.", "ONEIL"),
        ("company:name", "Dr. José Díaz", "Jose Diaz"),
        ("fax:phone", "(503) 555-0100", "+1 503 555 0100"),
        ("address:address", "12 Main Street", "12 main st."),
        ("email:email", "Ann@Example.COM", "Ann@example.com"),
        ("birth_date:date", "1980-01-31", "1980-01-31"),
        ("zip:zip", "97303-1234", "97303"),
    ],
)
def test_normal_form_makes_two_spellings_one_key(
    write: Callable[[str | bytes], str], part: str, one: str, other: str
) -> None:
    rule = load(write(f'[rules]\nr = ["{part}"]\n')).match_rules["r"]
    field = part.partition(":")[0]
    assert list(rule.keys({field: one})) == list(rule.keys({field: other})) != []


@pytest.mark.parametrize("part", [f"sub_id:{form}" for form in rules.FORMS if form != "date"])
@pytest.mark.parametrize(
    "junk", [None, "", "n/a", "None", "0000000", "xxxx", "0", "unknown", "TBA", "x" * 501]
)
def test_what_is_missing_or_junk_gives_no_key(
    write: Callable[[str | bytes], str], part: str, junk: str | None
) -> None:
    path = write(f'[rules]\nr = ["{part}", "city:text"]\n')
    rule = load(path, GATEWAY_JUNK_VALUES=["tba"]).match_rules["r"]
    assert list(rule.keys({"sub_id": junk, "city": "Rome"})) == []
    assert list(rule.keys({"city": "Rome"})) == []


@pytest.mark.parametrize("day", ["01-31", "1900-01-01", "1970-01-01"])
def test_date_without_its_year_or_of_nobody_gives_no_key(
    write: Callable[[str | bytes], str], day: str
) -> None:
    rule = load(write('[rules]\nr = ["birth_date:date"]\n')).match_rules["r"]
    assert list(rule.keys({"birth_date": day})) == []


def test_half_a_name_gives_no_key(write: Callable[[str | bytes], str]) -> None:
    rule = load(write('[rules]\nr = ["full_name:name"]\n')).match_rules["r"]
    assert list(rule.keys({"first_name": "Ann", "last_name": "Lee"})) == ["annlee"]
    assert list(rule.keys({"full_name": "Ann", "first_name": "Ann"})) == []


def test_parts_of_a_rule_do_not_run_into_each_other(write: Callable[[str | bytes], str]) -> None:
    rule = load(write('[rules]\nr = ["city:exact", "state:exact"]\n')).match_rules["r"]
    one, other = ({"city": "a", "state": "bc"}, {"city": "ab", "state": "c"})
    assert list(rule.keys(one)) != list(rule.keys(other))


def test_field_without_help_and_example_says_what_its_type_takes(
    write: Callable[[str | bytes], str],
) -> None:
    text = '[fields.a]\ntype = "integer"\nrange = [5, 9]\n'
    text += '[fields.b]\ntype = "choice"\nchoices = ["x", "y"]\n'
    made = load(write(text)).schema.fields
    assert (made["a"].label, made["a"].help, made["a"].example) == (
        "A",
        "A whole number. From 5 to 9.",
        "5",
    )
    assert (made["b"].help, made["b"].example) == ("One of x, y.", "x")


@pytest.mark.parametrize("kind", KINDS)
def test_every_type_has_an_example_that_it_takes_itself(
    write: Callable[[str | bytes], str], kind: str
) -> None:
    choices = 'choices = ["x", "y"]\n' if "choices" in KINDS[kind].keys else ""
    schema = load(write(f'[fields.a]\ntype = "{kind}"\n{choices}')).schema
    parsed = parse({"mode": "insert", "a": schema.fields["a"].example}, schema)
    assert (parsed.rejected, "a" in parsed.changes) == ((), True)


def test_rule_that_is_changed_has_another_version(write: Callable[[str | bytes], str]) -> None:
    versions = [
        load(write(f'{TEXT}[rules]\nr = ["a:{form}"]\n')).match_rules["r"].version
        for form in ("text", "digits", "text")
    ]
    assert versions[0] == versions[2] != versions[1]
    assert all(0 < version < 2**31 for version in versions)


def test_rules_compare_documented_fields_that_there_are() -> None:
    fields = load("").schema.fields
    assert rules.MATCHABLE <= DOCUMENTED
    assert [name for name in rules.MATCHABLE if fields[name].sensitive] == []


@pytest.mark.parametrize(
    ("condition", "values", "asked"),
    [
        ('{ kind = "Auto" }', {"kind": "AUTO"}, True),
        ('{ kind = "Auto" }', {"kind": "Home"}, False),
        ('{ kind = "Auto" }', {}, False),
        ('{ kind = ["Auto", "Home"] }', {"kind": "home"}, True),
        ('{ owns = "yes" }', {"owns": "1"}, True),
        ("{ owns = true }", {"owns": "on"}, True),
        ("{ owns = true }", {"owns": "No"}, False),
        ("{ age = 18 }", {"age": "018"}, True),
        ('{ wants = "b" }', {"wants": "a,b"}, True),
        ('{ wants = "b" }', {"wants": "a"}, False),
        ('{ kind = "Auto", owns = true }', {"kind": "Auto", "owns": "Yes"}, True),
        ('{ kind = "Auto", owns = true }', {"kind": "Auto"}, False),
        ('{ state = "Oregon" }', {"state": "OREGON"}, True),
    ],
)
def test_required_if_asks_by_what_the_other_field_means(
    write: Callable[[str | bytes], str], condition: str, values: dict[str, str], asked: bool
) -> None:
    text = (
        f'{TEXT}required_if = {condition}\n[fields.kind]\ntype = "choice"\n'
        'choices = ["Auto", "Home"]\n[fields.owns]\ntype = "yes_no"\n[fields.age]\n'
        'type = "integer"\n[fields.wants]\ntype = "choices"\nchoices = ["a", "b"]\ncommas = true\n'
    )
    parsed = parse({"mode": "insert", **values}, load(write(text)).schema)
    problems = [each.problem for each in parsed.rejected]
    assert [(each.field, each.code) for each in problems] == ([("a", "required")] if asked else [])
