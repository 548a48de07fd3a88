"""PHP's names and arrays (contract, "names", "repeated name", "name[]")."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.transport import names


def form(*pairs: tuple[str, str]) -> dict[str, Any]:
    paths = ((names.path(name), value) for name, value in pairs)
    return names.build((path, value) for path, value in paths if path is not None)


@pytest.mark.parametrize(
    ("name", "base", "keys"),
    [
        ("phone", "phone", ()),
        (" phone ", "phone", ()),
        ("\r\nphone", "phone", ()),
        ("first.name", "first_name", ()),
        ("first name", "first_name", ()),
        ("Phone", "Phone", ()),
        ("tags[]", "tags", (None,)),
        ("tags[ ]", "tags", (None,)),
        ("tags[0]", "tags", ("0",)),
        ("a.b[c.d]", "a_b", ("c.d",)),
        ("notes[0][Status]", "notes", ("0", "Status")),
        ("a[b][][c]", "a", ("b", None, "c")),
        ("a[b]junk", "a", ("b",)),
        ("a[b]junk[c]", "a", ("b",)),
        ("a[b][c", "a", ("b",)),
        ("a[b", "a_b", ()),
        ("a[b.c d", "a_b_c_d", ()),
        ("a[[b]", "a", ("[b",)),
        ("a]", "a]", ()),
        ("command\0junk", "command", ()),
    ],
)
def test_name_is_read_as_php_reads_it(name: str, base: str, keys: tuple[str | None, ...]) -> None:
    assert names.path(name) == (base, keys)


@pytest.mark.parametrize("name", ["", " ", "[]", "[a]", "[a", "\0a", "a" + "[b]" * 21])
def test_name_without_base_or_too_deep_is_dropped(name: str) -> None:
    assert names.path(name) is None


@pytest.mark.parametrize(
    ("pairs", "expected"),
    [
        ([("a", "1")], {"a": "1"}),
        ([("a", "1"), ("a", "2")], {"a": ("1", "2")}),
        ([("a[]", "1"), ("a[]", "2")], {"a": {"0": "1", "1": "2"}}),
        ([("a[5]", "1"), ("a[]", "2")], {"a": {"5": "1", "6": "2"}}),
        ([("a[x]", "1"), ("a[]", "2")], {"a": {"x": "1", "0": "2"}}),
        ([("a[0]", "1"), ("a[0]", "2")], {"a": {"0": "2"}}),
        ([("a[0][x]", "1"), ("a[0][y]", "2")], {"a": {"0": {"x": "1", "y": "2"}}}),
        ([("a[][x]", "1"), ("a[][x]", "2")], {"a": {"0": {"x": "1"}, "1": {"x": "2"}}}),
        ([("a", "1"), ("a[]", "2")], {"a": {"0": "2"}}),
        ([("a[]", "1"), ("a", "2")], {"a": "2"}),
        ([("a", "1"), ("a[]", "2"), ("a", "3")], {"a": "3"}),
        ([("a[k]", "1"), ("a[k][l]", "2")], {"a": {"k": {"l": "2"}}}),
        ([("a[k][l]", "1"), ("a[k]", "2")], {"a": {"k": "2"}}),
        ([("a[007]", "1"), ("a[]", "2")], {"a": {"007": "1", "0": "2"}}),
        ([("a[99999999999999999999]", "1"), ("a[]", "2")], {"a": {"9" * 20: "1", "0": "2"}}),
        ([("a.b", "1"), ("a_b", "2")], {"a_b": ("1", "2")}),
    ],
)
def test_repeats_and_arrays(pairs: list[tuple[str, str]], expected: dict[str, Any]) -> None:
    assert form(*pairs) == expected


def test_form_is_in_the_order_of_the_last_occurrence() -> None:
    assert list(form(("a", "1"), ("b[]", "1"), ("c", "1"), ("a", "2"), ("b[]", "2"))) == [
        "c",
        "a",
        "b",
    ]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a", "a"),
        (("a", "b"), "b"),
        ({"0": "a"}, "a"),
        ({"0": "a", "1": "b"}, "a, b"),
        ({"0": {"x": "a"}}, "a"),
        ({}, ""),
    ],
)
def test_single_is_the_one_text_that_is_meant(value: Any, text: str) -> None:
    assert names.single(value) == text


@pytest.mark.parametrize(
    "name",
    ["a" + "[" * 3_000_000, "a" + "[]" * 1_500_000, "a" + "[b]x" * 700_000, "." * 3_000_000],
    ids=["open", "deep", "junk", "dots"],
)
def test_hostile_name_is_read_in_linear_time(name: str) -> None:
    names.path(name)


def test_many_nested_arrays_are_built_in_linear_time() -> None:
    assert len(form(*[("a[][][]", "1")] * 10_000)["a"]) == 10_000
    assert len(form(*[("a", "1")] * 10_000)["a"]) == 10_000


@given(st.lists(st.tuples(st.text("ab.[] 01\0", max_size=9), st.text(max_size=3))))
def test_any_names_make_a_form_of_text_and_arrays(pairs: list[tuple[str, str]]) -> None:
    def check(value: Any, depth: int = 0) -> None:
        assert depth <= names.MAX_DEPTH
        if isinstance(value, dict):
            assert value
            for key, each in value.items():
                assert isinstance(key, str)
                check(each, depth + 1)
        else:
            assert isinstance(value, str)

    for name, value in form(*pairs).items():
        assert name == name.strip()
        assert not set(name) & set(" .[")
        for each in value if isinstance(value, tuple) else [value]:
            check(each)


@given(st.lists(st.text("aZ_09.[ +%\0é", max_size=3), max_size=3))
def test_words_stand_for_themselves(sent: list[str]) -> None:
    if names.are_words(sent):
        assert [names.path(name) for name in sent] == [(name, ()) for name in sent]
    assert names.are_words(["full_name", "2", "A1"])
