"""No fields file whatsoever gives more than fields or a clean refusal."""

import re
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from marshmallow import ValidationError

from gateway import BadPlugin
from gateway.formats import Pattern
from gateway.schema import parse
from plugins.declared.kinds import KINDS
from tests.declared.fields_files import SAMPLE, load
from tests.processor_time import no_time

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
    with no_time(), pytest.raises(ValidationError, match="not of the form"):
        check("a" * 30_000 + "!")
    with pytest.raises(ValidationError, match="longer than"):
        check("a" * 60_000)
