"""A fields file is read, and its document and sample are right; what its types say."""

import re
from collections.abc import Callable

import pytest

import config
from gateway.schema import parse
from plugins.declared import rules
from plugins.declared.kinds import KINDS
from tests.declared.fields_files import ROOT, SAMPLE, TEXT, load, refusal


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


def test_file_as_windows_saves_it_is_read(write: Callable[[str | bytes], str]) -> None:
    text = '\ufeff[fields.a]\r\ntype = "text"\r\n'
    assert load(write(text)).schema.custom == {"a"}
    assert "line 3: " in refusal(write(f"{text}lable = 1\r\n"))


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
