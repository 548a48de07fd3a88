"""The races: which posts reach the gateway at the same instant.

Each variant gives a few posts that stand in turn for all of a round's; every post gets a note and a
tag of its own besides.
"""

from collections.abc import Callable
from dataclasses import dataclass

from bench.racing import Fields

Posts = list[dict[str, str]]
Make = Callable[[Fields], int]
"""Stores a lead before the race and returns its id."""


class Persons:
    """Values that no other round has: ``number`` tells the rounds apart."""

    def __init__(self, number: int) -> None:
        letters = f"{number:05}".translate(str.maketrans("0123456789", "abcdefghij"))
        self.name = f"Joan Race-{letters}"
        self.email = f"joan.{number}@example.com"
        self.external_id = f"race-{number}"
        self._number = number

    def phone(self, which: int = 0) -> str:
        return f"503{self._number:05}{which:02}"

    def address(self) -> str:
        return f"{self._number} North First Street"

    def match(self, **fields: str) -> dict[str, str]:
        """Return an insert that looks for the person first."""
        return {"mode": "insert", "match_update": "1", "full_name": self.name, **fields}


@dataclass(frozen=True, slots=True)
class Variant:
    """A kind of race; where ``may_be_taken``, a post may be refused because its id is in use."""

    name: str
    posts: Callable[[Persons, Make], Posts]
    help: str
    may_be_taken: bool = False


def _one_person(persons: Persons, make: Make) -> Posts:
    return [persons.match(phone=persons.phone())]


def _overlap(persons: Persons, make: Make) -> Posts:
    return [
        persons.match(phone=persons.phone()),
        persons.match(phone=persons.phone(), address=persons.address()),
        persons.match(address=persons.address()),
    ]


def _ring(persons: Persons, make: Make) -> Posts:
    count = 4
    return [
        persons.match(phone=persons.phone(n), cell=persons.phone((n + 1) % count))
        for n in range(count)
    ]


def _update_between(persons: Persons, make: Make) -> Posts:
    old, new = persons.phone(0), persons.phone(1)
    lead_id = make({"mode": "insert", "full_name": persons.name, "phone": old})
    update = {"mode": "update", "lead_id": str(lead_id)}
    finds = [persons.match(phone=old), persons.match(phone=new)] * 7
    return [*finds, update | {"phone": new}, *finds, update | {"phone": old}]


def _zip_between(persons: Persons, make: Make) -> Posts:
    here, there = "97201", "97301"
    address = persons.address()
    lead_id = make({"mode": "insert", "full_name": persons.name, "address": address, "zip": here})
    update = {"mode": "update", "lead_id": str(lead_id)}
    finds = [persons.match(address=address, zip=each) for each in (here, there)]
    return [*finds, update | {"zip": there}, *finds, update | {"zip": here}]


def _wandering(persons: Persons, make: Make) -> Posts:
    phones = [persons.phone(n) for n in range(16)]
    lead_id = make({"mode": "insert", "full_name": persons.name, "phone": phones[0]})
    update = {"mode": "update", "lead_id": str(lead_id)}
    return [
        post for phone in phones for post in (update | {"phone": phone}, persons.match(phone=phone))
    ]


def _keys_to_be(persons: Persons, make: Make) -> Posts:
    make({"mode": "insert", "full_name": persons.name, "email": persons.email})
    by_email = {"mode": "insert", "match_update": "1", "match_email": "1", "email": persons.email}
    return [by_email | {"phone": persons.phone()}, persons.match(phone=persons.phone())]


def _external_id(persons: Persons, make: Make) -> Posts:
    return [persons.match(external_id=persons.external_id)]


def _external_id_taken(persons: Persons, make: Make) -> Posts:
    return [
        {"mode": "insert", "full_name": persons.name, "external_id": persons.external_id},
    ]


def _appended(persons: Persons, make: Make) -> Posts:
    phone = persons.phone()
    lead_id = make({"mode": "insert", "full_name": persons.name, "phone": phone})
    return [{"mode": "update", "lead_id": str(lead_id)}, persons.match(phone=phone)]


VARIANTS = (
    Variant("one person", _one_person, "all posts are of one new person"),
    Variant("overlap", _overlap, "a phone, an address, and both: the last glues the others"),
    Variant("ring", _ring, "phone and cell crosswise: each post overlaps with two others"),
    Variant("update between", _update_between, "updates by lead_id move the phone meanwhile"),
    Variant("zip between", _zip_between, "updates move the zip, which is in no key, meanwhile"),
    Variant("wandering", _wandering, "updates by lead_id give one lead 16 phones in turn"),
    Variant("keys to be", _keys_to_be, "a lead found by e-mail gets the phone that others look by"),
    Variant("external id", _external_id, "one new external_id, with match_update"),
    Variant(
        "external id taken",
        _external_id_taken,
        "one new external_id, without match_update: all but one are refused",
        may_be_taken=True,
    ),
    Variant("appended", _appended, "updates and matches append to one lead"),
)
