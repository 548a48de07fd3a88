"""What a match leaves as it is, without a database: values that are only spelled otherwise."""

import pytest

from gateway.store.survivorship import keep_spelling, with_whole_address


@pytest.mark.parametrize(
    ("sent", "stored", "left"),
    [
        ({"full_name": "JOSE ONEIL"}, {}, {"full_name"}),
        ({"last_name": "ONEIL"}, {}, {"last_name"}),
        ({"first_name": "Jose", "last_name": "Oneil", "full_name": "Jose Oneil"}, {}, set()),
        ({"first_name": "Dr. Jose", "last_name": "O'NEIL PhD"}, {}, set()),
        ({"first_name": "José", "last_name": "O'Neil Jr"}, {}, {"first_name", "last_name"}),
        ({"first_name": "Jose", "last_name": "Oneil"}, {"last_name": "O'Neil Jr"}, set()),
        ({"first_name": "Joe", "last_name": "O'Neil"}, {}, {"first_name", "last_name"}),
        ({"phone": "+1 132 123 1234"}, {}, set()),
        ({"phone": "132-123-1234 x5"}, {}, {"phone"}),
        ({"cell": "132-123-1234"}, {}, {"cell"}),
        ({"fax": "(503) 555 0100"}, {"fax": "503-555-0100"}, {"fax"}),
        ({"phone": "none"}, {"phone": "none"}, {"phone"}),
        ({"address": "12 MAIN ST #4"}, {}, set()),
        ({"address": "12 Main St", "address_2": "Unit 4"}, {}, set()),
        ({"address": "12 Main St"}, {}, {"address"}),
        ({"address_2": "Apt 4"}, {}, {"address_2"}),
        ({"email": "Ann@EXAMPLE.com"}, {}, set()),
        ({"email": "ann@example.com"}, {}, {"email"}),
        ({"city": "SALEM", "phone": "132 123 1234"}, {"city": "Salem"}, {"city"}),
    ],
)
def test_what_is_only_spelled_otherwise_is_left_out(
    sent: dict[str, str], stored: dict[str, str], left: set[str]
) -> None:
    row = {
        "full_name": "José O'Neil",
        "first_name": "José",
        "last_name": "O'Neil",
        "phone": "132-123-1234",
        "address": "12 Main Street",
        "address_2": "Apt 4",
        "email": "Ann@example.com",
        **stored,
    }
    assert keep_spelling(sent, row, "US") == {name: sent[name] for name in left}


@pytest.mark.parametrize(
    ("sent", "stored", "clears"),
    [
        ({"address": "5 Oak Rd"}, {}, True),
        ({"address": "5 Oak Rd"}, {"address": None}, True),
        ({"address": "12 Main St #4"}, {}, True),
        ({"address": "5 Oak Rd", "address_2": "Apt 9"}, {}, False),
        ({"address": "5 Oak Rd"}, {"address_2": None}, False),
        ({"address": "12 MAIN ST."}, {}, False),
        ({"address": "Nowhere"}, {}, True),
        ({"address": "Nowhere"}, {"address": "Nowhere"}, False),
        ({"address_2": "Apt 9"}, {}, False),
        ({"city": "Salem"}, {}, False),
    ],
)
def test_second_line_goes_with_the_address_that_it_belongs_to(
    sent: dict[str, str], stored: dict[str, str | None], clears: bool
) -> None:
    row = {"address": "12 Main Street", "address_2": "Apt 4", **stored}
    assert with_whole_address(sent, row) == sent | ({"address_2": None} if clears else {})


def test_phones_are_spelled_by_the_region_of_the_system() -> None:
    row, sent = {"phone": "030 901820"}, {"phone": "+49 30 901820"}
    assert keep_spelling(sent, row, "DE") == {}
    assert keep_spelling(sent, row, "US") == sent
