"""Match rules of a fields file: what makes a key, and what makes none."""

from collections.abc import Callable

import pytest

from gateway.schema import DOCUMENTED
from plugins.declared import rules
from tests.declared.fields_files import TEXT, load


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
