"""Forms that are read together are read as each is by itself."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marshmallow import fields

from gateway.contract import CustomField, FormValue, Parsed
from gateway.errors import FieldFault, Refused
from gateway.schema import LeadSchema, build, parse, read_together, settled, together
from tests.schema.forms import CUSTOM, SCHEMA, SETTINGS, codes

VALUES: st.SearchStrategy[FormValue] = (
    st.sampled_from(["", " ", " a ", "Ann Lee", "é", "\ud83d", "a\nb", "\t", "x" * 300, "yes", "7"])
    | st.sampled_from(["red", "2024-02-30", "1.5", "a,b", "[]", "0", "OR", "-", '[{"Notes": "n"}]'])
    | st.sampled_from([("a", "b"), ("1",), {"0": "1", "1": "x"}, {"Status": "s", "Notes": "n"}])
    | st.text(max_size=5)
)
NAMES = st.lists(
    st.sampled_from([*(name for name in SCHEMA.readers if name != "mode"), "zz"]), unique=True
)


def one_by_one(form: Any, schema: LeadSchema) -> Parsed:
    return parse({"mode": "insert", **form}, schema)


@given(st.data(), NAMES, st.sampled_from([1, 10, 12, 30]))
def test_forms_are_read_together_as_one_by_one(data: Any, names: list[str], size: int) -> None:
    # Of some columns most values are plain ones, as in files.
    columns = [st.sampled_from(data.draw(st.lists(VALUES, min_size=1, max_size=3))) for _ in names]
    forms = [dict(zip(names, data.draw(st.tuples(*columns)), strict=True)) for _ in range(size)]
    for form, read in zip(forms, read_together(forms, SCHEMA), strict=True):
        if read is not None:
            parsed = settled(read, form, SCHEMA, mode="insert")
            assert parsed == one_by_one(form, SCHEMA)
            assert list(parsed.changes) == list(one_by_one(form, SCHEMA).changes)


def test_who_has_what_most_have_is_read_together_whatever_is_wrong_with_it() -> None:
    forms = [{"phone": str(n), "lat": "x" if n == 3 else "1", "city": " " * n} for n in range(12)]
    found = read_together(forms, SCHEMA)
    assert None not in found
    parsed = [settled(found[n], forms[n], SCHEMA, mode="insert") for n in range(12)]  # type: ignore[arg-type]
    assert codes(parsed[3]) == [("lat", "invalid")]
    assert parsed[3].changes == {"phone": "3"}


@pytest.mark.parametrize("name", ["zz", "match_vin"])
def test_what_is_no_value_of_a_lead_is_left_to_parse(name: str) -> None:
    assert read_together([{"phone": "1", name: "1"}] * 12, SCHEMA) == [None] * 12


def test_few_forms_are_left_to_parse() -> None:
    forms = [{"phone": "1"}] * together.FEWEST + [{"city": "x"}] * (together.FEWEST - 1)
    assert [read is None for read in read_together(forms, SCHEMA)] == [
        "city" in form for form in forms
    ]


def test_lists_are_each_lead_s_own() -> None:
    first, second, *_ = read_together([{"tags": "a,b"}] * 12, SCHEMA)
    assert first is not None
    assert second is not None
    assert first.changes["tags"] == second.changes["tags"]
    assert first.changes["tags"] is not second.changes["tags"]


@pytest.mark.parametrize(
    ("raised", "becomes"), [(RuntimeError(), FieldFault), (Refused("not today"), Refused)]
)
def test_field_of_a_plugin_reads_each_value_and_fails_alone(
    raised: Exception, becomes: type[Exception]
) -> None:
    seen: list[str] = []

    class Counted(fields.Field):
        def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> Any:
            seen.append(value)
            if value == "bad":
                raise raised
            return len(seen)

    schema = build([*CUSTOM, CustomField("counted", Counted())], [], SETTINGS)
    forms = [{"counted": "bad" if number == 4 else "x"} for number in range(12)]
    found = read_together(forms, schema)
    assert len(seen) == 12
    assert [read is None for read in found] == [number == 4 for number in range(12)]
    assert [read.changes["counted"] for read in found if read] == [1, 2, 3, 4, *range(6, 13)]
    with pytest.raises(becomes):
        one_by_one(forms[4], schema)
