"""Addresses and places: the pairs of address_pairs.toml, and laws."""

import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.normal.addresses import address_key
from gateway.normal.places import city_key, places_differ, state_key, zip_key
from gateway.normal.usps import STATES, STREETS
from tests.processor_time import no_time

PAIRS = tomllib.loads((Path(__file__).parent / "address_pairs.toml").read_text("utf-8"))["pair"]

ANY = st.text(st.characters())
STREET_WORDS = st.sampled_from(
    ["Main", "Oak", "North", "SW", "Saint", "Street", "Ave", "Fifth", "9th"]
)
ADDRESS = st.builds(
    lambda house, words, unit: f"{house} {' '.join(words)} Elm {unit}".strip(),
    st.integers(1, 9999),
    st.lists(STREET_WORDS, min_size=1, max_size=4),
    st.sampled_from(["", "Apt 4", "#4B", "Suite 200", "Unit C", "Bldg 2 Apt 5", "PH", "2nd Floor"]),
)


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair["note"])
def test_pair(pair: dict[str, Any]) -> None:
    one, other = address_key(*pair["one"]), address_key(*pair["other"])
    assert None not in (one, other) or not pair["same"]
    # A limit is what the docstring admits; one that has been mended must lose the word.
    assert (one == other) == (pair["same"] != ("limit" in pair))


@pytest.mark.parametrize(
    ("address", "address_2"),
    [
        ("", ""),
        (".,-#", " "),
        ("Apt 4", ""),
        ("", "#4B"),
        ("Apt 4 B", ""),
        ("123", ""),
        ("503-555-0100", ""),
        ("PO Box", ""),
        ("Main St", ""),
        ("unknown", ""),
        ("n/a", "n/a"),
        ("\ud800\u200f", "\x00"),
    ],
)
def test_what_is_no_address_has_no_key(address: str, address_2: str) -> None:
    assert address_key(address, address_2) is None


@pytest.mark.parametrize(
    "address", ["Rose Cottage, Mill Lane", "北京市朝阳区建国路88号", "ул. Ленина 5"]
)
def test_addresses_of_other_kinds_have_keys(address: str) -> None:
    assert address_key(address, "") is not None


def test_no_two_street_words_are_taken_for_one() -> None:
    words = set(STREETS.values())
    assert all(STREETS[word] == word for word in words)
    assert {"avenue", "street", "drive", "place", "plaza", "court", "circle"} <= set(STREETS)
    keys = {address_key(f"5 Elm {word}", "") for word in words}
    assert len(keys) == len(words)


@given(ANY, ANY)
def test_any_text_has_a_key_or_none(address: str, address_2: str) -> None:
    key = address_key(address, address_2)
    assert key is None or (key and key.encode())


@given(ADDRESS, st.sampled_from(["", ".", ",", "  ", "\t", " \u200f", " –", ";"]))
def test_case_spaces_and_punctuation_do_not_count(address: str, noise: str) -> None:
    spelt = noise + f"{noise} ".join(address.split()) + noise
    assert address_key(spelt.swapcase(), noise) == address_key(address, "") is not None


@given(ADDRESS)
def test_a_key_is_its_own(address: str) -> None:
    key = address_key(address, "")
    assert key is not None
    assert address_key(key, "") == key


@given(ADDRESS, st.sampled_from(["Apt 7", "# 7", "Unit 7C", "Building 2, Suite 9"]))
def test_the_second_line_may_stand_in_the_first(address: str, unit: str) -> None:
    assert address_key(address, unit) == address_key(f"{address}, {unit}", "")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("St. Louis", "SAINT LOUIS"),
        ("Ft. Worth", "Fort Worth"),
        ("Mt Vernon", "Mount Vernon"),
        ("N. Las Vegas", "North Las Vegas"),
        ("Winston-Salem", "Winston Salem"),
        ("Coeur d'Alene", "Coeur D Alene"),
        ("La Place", "LaPlace"),
        ("Colorado Spgs", "Colorado Springs"),
        ("San José", "san jose"),
    ],
)
def test_spellings_of_one_town_are_one_key(one: str, other: str) -> None:
    assert city_key(one) == city_key(other) is not None


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("Oregon", "or"),
        ("OR", "or"),
        ("Ore.", "or"),
        ("N.Y.", "ny"),
        ("New  York", "ny"),
        ("Washington D.C.", "dc"),
        ("Washington", "wa"),
        ("N. Carolina", "nc"),
        ("Québec", "qc"),
        ("British Columbia", "bc"),
        ("Bayern", "bayern"),
        ("--", None),
    ],
)
def test_the_key_of_a_state(text: str, key: str | None) -> None:
    assert state_key(text) == key


def test_the_table_of_states_is_whole() -> None:
    assert len(set(STATES.values())) == 50 + 1 + 5 + 3 + 13
    assert all(STATES[code] == code and len(code) == 2 for code in STATES.values())
    assert all(name.isalpha() and name.islower() for name in STATES)


@pytest.mark.parametrize(
    ("text", "region", "key"),
    [
        ("97303", "US", "97303"),
        ("97303-1234", "US", "97303"),
        ("97303 1234", "US", "97303"),
        ("973031234", "US", "97303"),
        ("02134", "US", "02134"),
        ("2134", "US", "02134"),
        ("2134-1234", "US", "02134"),
        ("K1A 0B1", "US", "k1a0b1"),
        ("k1a-0b1", "CA", "k1a0b1"),
        ("01067", "DE", "01067"),
        ("97303-1234", "DE", "973031234"),
        ("", "US", None),
        ("-", "DE", None),
    ],
)
def test_the_key_of_a_zip(text: str, region: str, key: str | None) -> None:
    assert zip_key(text, region) == key


@given(ANY, st.sampled_from(["US", "DE"]))
def test_any_text_has_keys_of_a_place_or_none(text: str, region: str) -> None:
    zip_code = zip_key(text, region)
    assert zip_code is None or zip_key(zip_code, region) == zip_code
    assert city_key(text) != "" != state_key(text)


SALEM = {"zip": "97301", "state": "OR", "city": "Salem"}


@pytest.mark.parametrize(
    ("new", "old", "differ"),
    [
        (SALEM, SALEM, False),
        (SALEM, {**SALEM, "zip": "97301-1234"}, False),
        (SALEM, {**SALEM, "zip": "97302"}, True),
        (SALEM, {"zip": "97301", "state": "MA", "city": "Boston"}, False),
        (SALEM, {"state": "Oregon", "city": "SALEM"}, False),
        (SALEM, {"state": "MA", "city": "Salem"}, True),
        (SALEM, {"state": "OR", "city": "Portland"}, True),
        (SALEM, {"city": "Portland", "zip": None}, True),
        (SALEM, {"city": "", "zip": "", "state": None}, False),
        ({"city": "St. Louis"}, {"city": "Saint Louis"}, False),
        ({"zip": "97301"}, {"city": "Salem"}, False),
        ({}, {}, False),
    ],
)
def test_places_differ(new: dict[str, Any], old: dict[str, Any], differ: bool) -> None:
    assert places_differ(new, old, "US") is differ
    assert places_differ(old, new, "US") is differ


@pytest.mark.parametrize(
    "unit", ["a", "a ", "# ", "1", "1 ", "p o ", "r r ", "é", "ﷺ", "a.", "apt", "-1"]
)
def test_a_megabyte_takes_no_time(unit: str) -> None:
    text = unit * 1_000_000
    with no_time():
        address_key(text, text)
        city_key(text)
        state_key(text)
        zip_key(text, "US")
