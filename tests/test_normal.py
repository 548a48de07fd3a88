"""The normal forms of text, and the split of a full name."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.normal import clean, fold_label, has_lone_surrogate, split_name, storable

TEXT = st.text(st.characters(codec=None, exclude_categories=()))


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("plain", "plain"),
        ("  both ends \t", "both ends"),
        ("\u00a0\u3000wide spaces\u2003", "wide spaces"),
        ("a\x00b\x07c\x7fd\x9fe", "abcde"),
        ("one\r\ntwo\tthree", "onetwothree"),
        ("Jose\u0301", "José"),
        ("e\x00\u0301", "é"),
        ("👩\u200d👧", "👩\u200d👧"),
        ("\ud83d", "\ud83d"),
        (" \r\n ", ""),
    ],
)
def test_clean(sent: str, kept: str) -> None:
    assert clean(sent) == kept


def test_clean_keeps_lines_of_a_long_text() -> None:
    assert clean("\n one\r\n\ttwo\x0b\x00 \n", multiline=True) == "one\r\n\ttwo"


@given(TEXT, st.booleans())
def test_cleaning_twice_is_cleaning_once(text: str, multiline: bool) -> None:
    once = clean(text, multiline=multiline)
    assert clean(once, multiline=multiline) == once
    assert once == once.strip()
    assert unicodedata.is_normalized("NFC", once)
    kept = "\t\r\n" if multiline else ""
    assert [c for c in once if unicodedata.category(c) == "Cc" and c not in kept] == []


@given(TEXT)
def test_storable_text_is_text_to_every_engine(text: str) -> None:
    shown = storable(text)
    assert "\x00" not in shown.encode("utf-8").decode("utf-8")
    assert not has_lone_surrogate(shown)
    assert storable(shown) == shown


@given(st.text(st.characters(max_codepoint=0x80)))
def test_storable_leaves_out_of_ascii_only_what_controls(text: str) -> None:
    controls = {*map(chr, range(32)), "\x7f", "\x80"} - {"\t", "\n", "\r"}
    assert storable(text) == "".join(c for c in text if c not in controls)


def test_storable_shows_what_it_cannot_keep() -> None:
    assert storable("a\x00\ud83d\nb\tc") == "a\\ud83d\nb\tc"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Hot Lead", " hot   LEAD "),
        ("Straße", "STRASSE"),
        ("ＶＩＰ", "vip"),
        ("Ångström", "A\u030angström"),
        ("oﬃce", "office"),
    ],
)
def test_labels_that_are_one(one: str, other: str) -> None:
    assert fold_label(one) == fold_label(other)


def test_accents_make_another_label() -> None:
    assert fold_label("José") != fold_label("Jose")


@given(TEXT)
def test_folding_twice_is_folding_once(text: str) -> None:
    assert fold_label(fold_label(text)) == fold_label(text)


@pytest.mark.parametrize(
    ("full_name", "first", "last"),
    [
        ("John Doe", "John", "Doe"),
        ("Ana María López", "Ana María", "López"),
        ("Juan de la Vega III", "Juan", "de la Vega III"),
        ("Ludwig van Beethoven", "Ludwig", "van Beethoven"),
        ("Juan Pérez de la Rosa Sánchez", "Juan Pérez", "de la Rosa Sánchez"),
        ("Ana de Souza da Silva", "Ana", "de Souza da Silva"),
        ("محمد بن سلمان", "محمد", "بن سلمان"),
        ("Van Morrison", "Van", "Morrison"),
        ("van Beethoven", "", "van Beethoven"),
        ("de la Vega", "", "de la Vega"),
        ("Seán O'Connor & Sons", "Seán", "O'Connor & Sons"),
        ("O'Connor & Sons", "O'Connor & Sons", ""),
        ("Maria Garcia y Lopez", "Maria", "Garcia y Lopez"),
        ("John E Smith", "John E", "Smith"),
        ("john e smith", "john e", "smith"),
        ("Ana Costa e Souza", "Ana", "Costa e Souza"),
        ("Jane Smith née Doe", "Jane", "Smith née Doe"),
    ],
)
def test_name_in_order(full_name: str, first: str, last: str) -> None:
    assert split_name(full_name) == (first, last)


@pytest.mark.parametrize(
    ("full_name", "first", "last"),
    [
        ("Doe, John", "John", "Doe"),
        ("Doe,John", "John", "Doe"),
        ("Núñez, María José", "María José", "Núñez"),
        ("de la Vega, Juan", "Juan", "de la Vega"),
        ("Beethoven, Ludwig van", "Ludwig", "van Beethoven"),
        ("Doe, John Jr.", "John", "Doe Jr."),
        ("Doe Jr., John", "John", "Doe Jr."),
        ("Doe, Jr., John", "John", "Doe Jr."),
        ("John Doe, Jr.", "John", "Doe Jr."),
        ("Smith, John, MD, PhD", "John", "Smith MD PhD"),
        ("Doe, John V.", "John V.", "Doe"),
        ("Smith, Ed", "Ed", "Smith"),
        ("Doe,", "Doe", ""),
        (", John", "John", ""),
        ("Smith, Jr.", "Smith Jr.", ""),
    ],
)
def test_name_turned_round(full_name: str, first: str, last: str) -> None:
    assert split_name(full_name) == (first, last)


@pytest.mark.parametrize(
    ("full_name", "first", "last"),
    [
        ("Dr. Juan Q. Xavier de la Vega III", "Juan Q. Xavier", "de la Vega III"),
        ("Mr. and Mrs. John Smith", "John", "Smith"),
        ("Lt. Col. John Smith", "John", "Smith"),
        ("Smith, Dr. John", "John", "Smith"),
        ("Smith, John Mr", "John", "Smith"),
        ("John Smith, Dr.", "John", "Smith"),
        ("Sr. Jose Ramirez Sr.", "Jose", "Ramirez Sr."),
        ("Mr. Smith", "", "Smith"),
        ("Sir John", "John", ""),
        ("Mrs", "Mrs", ""),
        ("King Smith", "King", "Smith"),
        ("Prince Rogers Nelson", "Prince Rogers", "Nelson"),
        ("St. John Smith", "St. John", "Smith"),
    ],
)
def test_a_title_goes_and_a_name_that_looks_like_one_stays(
    full_name: str, first: str, last: str
) -> None:
    assert split_name(full_name) == (first, last)


@pytest.mark.parametrize(
    ("full_name", "first", "last"),
    [
        ("Madonna", "Madonna", ""),
        ("山田太郎", "山田太郎", ""),
        ("", "", ""),
        (",", "", ""),
        ("John Jr.", "John", "Jr."),
        ("JOHN Q PUBLIC JR", "JOHN Q", "PUBLIC JR"),
        ("John Smith M.D.", "John", "Smith M.D."),
        ("Jack Ma", "Jack", "Ma"),
        ("Md Rahman Khan", "Md Rahman", "Khan"),
        ('John "Jack" Doe', 'John "Jack"', "Doe"),
        ("John Doe (of Acme, Inc.)", "John", "Doe (of Acme, Inc.)"),
        ("Madonna (singer)", "Madonna (singer)", ""),
        ("John  Smith\t#2", "John Smith", "#2"),
    ],
)
def test_nothing_else_is_dropped(full_name: str, first: str, last: str) -> None:
    assert split_name(full_name) == (first, last)


# The x keeps a made-up word from being a title.
MADE_UP = st.text(st.characters(exclude_categories=("Z", "C"), exclude_characters=',.()[]"“”')).map(
    "x{}".format
)
KNOWN = "John Ann de la van Van Jr. III MD née & y and e E. O'Neil José 太郎 (Jack) Smith".split()
WORDS = st.lists(st.sampled_from(KNOWN) | MADE_UP, min_size=1)


@given(WORDS)
def test_every_word_survives_in_order(words: list[str]) -> None:
    first, last = split_name(" ".join(["Dr.", *words]))
    assert f"{first} {last}".split() == words


@given(WORDS, WORDS)
def test_every_word_survives_the_turn(family: list[str], given_names: list[str]) -> None:
    first, last = split_name(f"{' '.join(family)}, {' '.join(given_names)}")
    assert sorted(f"{first} {last}".split()) == sorted(family + given_names)


@given(TEXT)
def test_any_text_splits(text: str) -> None:
    first, last = split_name(text)
    assert first == first.strip()
    assert last == last.strip()


def test_run_of_marks_takes_no_time_and_keeps_what_was_sent() -> None:
    # Two of different classes, in the order that Python's normalisation sorts with the square.
    marks = "\u0300\u0316" * 500_000
    assert clean(f"a{marks}") == f"a{marks}"
    assert fold_label(marks) == marks
    assert clean("e\u0301 " + "\N{GRINNING FACE}" * 100) == "\xe9 " + "\N{GRINNING FACE}" * 100
