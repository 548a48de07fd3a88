"""Names: one person's spellings come to one key, two persons' do not."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.normal.names import generation, name_key
from gateway.normal.words import fold
from tests.processor_time import no_time

ANY = st.text(st.characters())  # lone surrogates, NUL and direction marks among them
PLAIN = st.text("akzoKO", min_size=1, max_size=8)  # no title and no suffix can come of these
NOISE = st.text(" .,-'’\"()\u200f\u00ad", max_size=3)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("JOSÉ ", " O'Neil"), ("Jose", "Oneil")),
        (("Jose", "O’Neil"), ("jose", "O Neil")),
        (("Ana  María", "López"), ("Ana", "Maria Lopez")),
        (("Maria", "de la Cruz"), ("María", "Delacruz")),
        (("Jürgen", "Müller"), ("Jurgen", "Muller")),
        (("Anna", "Strauß"), ("anna", "STRAUSS")),
        (("Søren", "Ørsted"), ("Soren", "Orsted")),
        (("Łukasz", "Đorđević"), ("Lukasz", "Dordevic")),
        (("İbrahim", "Yıldız"), ("IBRAHIM", "YILDIZ")),
        (("Ｊｏｈｎ", "Ｄｏｅ"), ("John", "Doe")),
        (("Anne-Marie", "Smith-Jones"), ("Anne Marie", "Smith Jones")),
        (("Dr. Ann", "Lee, PhD"), ("Ann", "Lee")),
        (("Prof. Dr. Ann", "Lee M.D."), ("ANN", "lee md")),
        (("J.R.", "Ewing"), ("J. R.", "Ewing")),
        (("John", "Smith Jr."), ("John Jr", "Smith")),
        (("John", "Smith, III"), ("John", "Smith")),
        (("Ёлка", "Иванова"), ("елка", "ИВАНОВА")),
        (("مُحَمَّد", "عليّ"), ("محمد", "علي")),
        (("ｶﾞｸ", "田中"), ("ガク", "田中")),
    ],
)
def test_spellings_of_one_name_are_one_key(one: tuple[str, str], other: tuple[str, str]) -> None:
    assert name_key(*one) is not None
    assert name_key(*one) == name_key(*other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("John", "Smith"), ("Jon", "Smith")),
        (("John Q", "Smith"), ("John", "Smith")),
        (("Maria", "Cruz"), ("Maria", "de la Cruz")),
        (("李", "小龙"), ("Li", "Xiaolong")),
        (("कि", "राम"), ("कु", "राम")),
        (("かき", "田中"), ("がき", "田中")),
        (("Иван", "Иванов"), ("Ivan", "Ivanov")),
    ],
)
def test_other_names_are_other_keys(one: tuple[str, str], other: tuple[str, str]) -> None:
    assert None not in (name_key(*one), name_key(*other))
    assert name_key(*one) != name_key(*other)


@pytest.mark.parametrize(
    ("first", "last", "key"),
    [
        ("李", "小龙", "李小龙"),
        ("Junior", "Santos", "juniorsantos"),
        ("Linh", "Do", "linhdo"),
        ("Naoki", "Ii", "naokiii"),
        ("Naoki", "Ii Jr.", "naokiii"),
        ("Ii", "Naoki", "iinaoki"),
    ],
)
def test_short_and_foreign_parts_stay(first: str, last: str, key: str) -> None:
    assert name_key(first, last) == key


@pytest.mark.parametrize(
    ("first", "last"),
    [
        ("John", ""),
        ("", "Smith"),
        ("Mr.", "Smith"),
        ("John", "Jr."),
        ("John", "2nd"),
        ("...", "--"),
        ("John", "'"),
        ("123", "456"),
        ("\u200f", "\ud800"),
        ("❤️", "Smith"),
    ],
)
def test_a_part_alone_is_no_name(first: str, last: str) -> None:
    assert name_key(first, last) is None


@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [
        ("John", "Smith", ""),
        ("John", "Smith Jr.", "Jr"),
        ("John", "SMITH, JNR", "Jr"),
        ("Carlos Junior", "Santos", "Jr"),
        ("John", "Smith II", "Jr"),
        ("John", "Smith 2nd", "Jr"),
        ("John", "Smith Sr", "Sr"),
        ("Sr. Juan", "Lopez", ""),
        ("John", "Smith iii, MD", "III"),
        ("John", "Smith 3rd", "III"),
        ("John", "Smith IV Esq.", "IV"),
        ("John", "Smith V", ""),
        ("John", "Smith, PhD", ""),
        ("Junior", "Santos", ""),
        ("Naoki", "Ii", ""),
        ("Naoki", "Ii Jr.", "Jr"),
        ("Naoki Sr", "Ii", "Sr"),
    ],
)
def test_generation_is_told_apart(first: str, last: str, expected: str) -> None:
    assert generation(first, last) == expected


@given(ANY, ANY)
def test_any_text_has_a_key_or_none(first: str, last: str) -> None:
    key = name_key(first, last)
    assert key is None or (key and key.encode())
    assert generation(first, last) in {"", "Sr", "Jr", "III", "IV"}


@given(ANY)
def test_folding_again_changes_nothing(text: str) -> None:
    assert fold(fold(text)) == fold(text)


@given(PLAIN, PLAIN, NOISE, st.integers(0, 8), st.booleans())
def test_case_spaces_and_punctuation_do_not_count(
    first: str, last: str, noise: str, at: int, accented: bool
) -> None:
    spelt = f"{noise}{first[:at]}{noise}{first[at:]}{noise}".swapcase()
    if accented:
        spelt = unicodedata.normalize("NFC", spelt.replace("o", "o\u0308").replace("A", "A\u0301"))
    assert name_key(spelt, f"{noise}{last}") == name_key(first, last) is not None


@given(PLAIN, st.text(" .,-'’\u200f\U0001f600", max_size=9))
def test_silent_when_a_part_is_missing(name: str, nothing: str) -> None:
    assert name_key(name, nothing) is None
    assert name_key(nothing, name) is None


@pytest.mark.parametrize("unit", ["a", "é", "\u0301", "ﷺ", "Jr ", "mr ", "\ud800", "'.", "क्"])
def test_a_megabyte_takes_no_time(unit: str) -> None:
    text = unit * 1_000_000
    with no_time():
        name_key(text, text)
