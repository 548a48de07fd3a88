"""The short ways through plain names, addresses and dates give what the general ones give."""

from datetime import date
from hashlib import blake2b

from hypothesis import given
from hypothesis import strategies as st

from gateway.formats import dates
from gateway.normal import addresses, digest, full_names, names, split_name
from gateway.normal.usps import CARDINALS, FLOORS, ORDINALS, PERHAPS_UNITS, STREETS, UNITS

PLAIN = st.text("abcdxyzABC", min_size=1, max_size=5)
ADDRESS_WORD = (
    PLAIN
    | st.sampled_from(sorted({*STREETS, *UNITS, *PERHAPS_UNITS, *FLOORS, *ORDINALS, *CARDINALS}))
    | st.sampled_from(
        [
            "12",
            "7",
            "4b",
            "b4",
            "4-b",
            "1st",
            "#",
            "#4",
            "p",
            "o",
            "box",
            "us",
            "n",
            "no",
            "St.",
            "é",
        ]
    )
)
NAME_WORD = (
    PLAIN
    | st.sampled_from(
        sorted({*full_names._SALUTATIONS, *full_names.PARTICLES, *names._GENERATIONS})
    )
    | st.sampled_from(
        [
            "Mr.",
            "Jr",
            "MD",
            "Ph.D.",
            "O'Neil",
            "Lee-Ann",
            "(Al)",
            '"Al"',
            ",",
            "y",
            "&",
            "José",
            "1",
        ]
    )
)
BETWEEN = st.sampled_from([" ", " ", "  ", ", ", "-", "\t", "\x1f", ""])


def _lines(word: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    pieces = st.lists(st.tuples(word, BETWEEN), max_size=6)
    return pieces.map(lambda found: "".join(map("".join, found)))


@given(_lines(ADDRESS_WORD) | st.text(st.characters(max_codepoint=0x7F)))
def test_plain_words_of_an_address_are_those_that_the_patterns_find(line: str) -> None:
    if line.isascii():
        assert addresses._plain_words(line) in (None, addresses._read_words(line))


@given(_lines(ADDRESS_WORD))
def test_an_address_stands_in_a_key_as_the_patterns_make_it(line: str) -> None:
    words = addresses._read_words(line)
    replaced = addresses._replaced(words)
    text = addresses._PHRASE.sub(lambda found: found.lastgroup or "", f" {' '.join(replaced)} ")
    if text.startswith(" # "):
        text = addresses._UNIT_FIRST.sub(r" \2\1 ", text)
    if not addresses._MARKS.isdisjoint(words):
        text = addresses._MARK.sub("", text)
    assert addresses._canonical(words) == addresses._HOUSE_LETTER.sub(r"\1", text)


@given(st.from_regex(r"[0-9]{1,3} ", fullmatch=True), _lines(ADDRESS_WORD), _lines(ADDRESS_WORD))
def test_what_stands_behind_a_number_is_the_same_behind_each(
    number: str, street: str, second: str
) -> None:
    for more in (second, f"{number}{street}", f"'{number}{street}", street):
        found = addresses.address_key.__wrapped__(f"{number}{street}", more)
        assert found == addresses._address_key(f"{number}{street}", more)


@given(_lines(NAME_WORD) | st.tuples(NAME_WORD, NAME_WORD).map(" ".join))
def test_two_plain_words_are_split_as_any_name(full_name: str) -> None:
    assert split_name(full_name) == full_names._split(full_name)


@given(_lines(NAME_WORD) | st.text(st.characters(max_codepoint=0x7F)))
def test_plain_words_of_a_name_are_those_that_the_patterns_find(text: str) -> None:
    folded = names.fold(text)
    found = names._WORD.findall(names._DROPPED.sub("", folded))
    assert names._plain_words(folded) in (None, found)


@given(st.text(st.characters()), st.text(st.characters()))
def test_a_digest_is_one_of_the_whole(kind: str, key: str) -> None:
    text = f"{kind}\0{key}".encode("utf-8", "surrogatepass")
    assert digest(kind, key) == blake2b(text, digest_size=16).digest()


@given(
    st.dates(date(1, 1, 1)).map(str)
    | st.from_regex(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", fullmatch=True)
    | st.sampled_from(["2024-W01-1", "20240101", "2023-02-29", "0999-12-31", "2024-01-01 00:00:00"])
)
def test_an_iso_date_is_read_as_any_date(text: str) -> None:
    try:
        day, rest = dates._date_and_rest(text)
    except ValueError:
        assert dates._date_alone(text) is None
    else:
        assert dates._date_alone(text) == (day if rest in ("", "00:00:00") else None)
