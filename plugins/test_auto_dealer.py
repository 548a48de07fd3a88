"""The plugin of a car dealer: its cases on every engine, and the VIN as 49 CFR 565 has it."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.testing import Gateway, check_plugin
from plugins.auto_dealer import (
    CHECK_PLACE,
    VALUES,
    check_digit,
    fits,
    fold_vin,
    model_year,
    trouble_of,
)

CASES = sorted((Path(__file__).parent / "cases" / "auto_dealer").glob("*.toml"))
ALPHABET = sorted(VALUES)

# Pure functions; the machine may be busy with others.
quick = settings(deadline=None)


@st.composite
def vins(draw: st.DrawFn) -> str:
    """Give VINs of 17 characters whose check digit fits."""
    drawn = "".join(draw(st.lists(st.sampled_from(ALPHABET), min_size=17, max_size=17)))
    return drawn[:CHECK_PLACE] + check_digit(drawn) + drawn[CHECK_PLACE + 1 :]


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_case(path: Path, run_case: Callable[[Path], None]) -> None:
    run_case(path)


def test_plugin_keeps_to_the_rules() -> None:
    check_plugin("plugins.auto_dealer")


@pytest.mark.parametrize(
    ("vin", "year"),
    [
        ("11111111111111111", 2001),
        ("1M8GDM9AXKP042788", 1989),
        ("5GZCZ43D13S812715", 2003),
        ("1HGCM82633A004352", 2003),
        ("5YJSA1DG9DFP14705", 2013),
    ],
)
def test_well_known_vin_is_right_and_tells_its_year(vin: str, year: int) -> None:
    assert trouble_of(vin, checked=True) is None
    assert (fits(vin), model_year(vin)) == (True, year)


@pytest.mark.parametrize(
    ("vin", "rule"),
    [
        ("1M8GDM9A1KP042788", "check digit"),
        ("1HGCM82633A00435I", "the letter I"),
        ("1HGCM82633AO04352", "the letter O"),
        ("1HGCM82633AQ04352", "the letter Q"),
        ("1HGCM82633A00435", "17 letters"),
        ("1HGCM82633A0043522", "17 letters"),
        ("1HGCM82633A00435?", "17 letters"),
        ("1HGCM82633A00435²", "17 letters"),
        ("UNKNOWN", "17 letters"),
        ("1234", "17 letters"),
        ("", "17 letters"),
    ],
)
def test_what_is_no_vin_is_told_why(vin: str, rule: str) -> None:
    assert rule in (trouble_of(vin, checked=True) or "")
    assert model_year(vin) is None


def test_year_of_the_future_is_not_told() -> None:
    vin = "1HGCM8A609A004352"  # 9 after a letter in the seventh place is 2039
    vin = vin[:CHECK_PLACE] + check_digit(vin) + vin[CHECK_PLACE + 1 :]
    assert fits(vin)
    assert model_year(vin) is None


@quick
@given(vin=vins(), place=st.integers(0, 16), other=st.sampled_from(ALPHABET))
def test_one_mistyped_character_is_caught_unless_it_counts_the_same(
    vin: str, place: int, other: str
) -> None:
    """Each weight but that of the check digit's own place is prime to 11, so the sum changes."""
    mistyped = vin[:place] + other + vin[place + 1 :]
    counts_the_same = place != CHECK_PLACE and VALUES[other] == VALUES[vin[place]]
    assert fits(mistyped) == (mistyped == vin or counts_the_same)


@quick
@given(st.text() | vins())
def test_folding_again_changes_nothing(text: str) -> None:
    once = fold_vin(text)
    assert fold_vin(once) == once
    assert fold_vin(f" {'-'.join(once.lower())} ") == fold_vin(once.lower())


@quick
@given(vins())
def test_right_vin_in_small_letters_with_separators_is_the_same(vin: str) -> None:
    spelt = " - ".join(vin.lower())
    assert fold_vin(spelt) == vin
    assert trouble_of(fold_vin(spelt), checked=True) is None


@quick
@given(st.text())
def test_any_text_is_judged_without_a_fault(text: str) -> None:
    assert trouble_of(fold_vin(text), checked=True) != ""
    assert model_year(fold_vin(text)) is None or fits(fold_vin(text))


def test_year_is_filled_once_per_car(make_gateway: Callable[..., Gateway]) -> None:
    gateway = make_gateway("plugins.auto_dealer")
    gateway.send(last_name="Lee", vin="1HGCM82633A004352", trade_in_vin="1M8GDM9AXKP042788")
    lead = gateway.lead(1001)
    assert lead is not None
    assert (lead["custom"]["year"], lead["custom"]["trade_in_year"]) == (2003, 1989)
