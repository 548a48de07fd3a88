"""Values that people and programs put where they have none: they must not glue strangers."""

from collections.abc import Iterable
from dataclasses import dataclass

import phonenumbers

from gateway.normal.addresses import address_key
from gateway.normal.emails import email_key
from gateway.normal.phones import phone_key
from gateway.normal.words import fold

DEFAULT_JUNK: tuple[str, ...] = (
    # Numbers of one digit (555-555-5555, 0000000000) need no row.
    *("1234567890", "0123456789", "9876543210", "0987654321"),
    *("1234567", "12345678", "123456789", "7654321", "87654321", "987654321"),
    *("12345", "123456", "555-1212", "555-123-4567"),
    *("none@none.com", "no@no.com", "na@na.com", "n/a@na.com", "null@null.com", "nil@nil.com"),
    *("noemail@noemail.com", "no@email.com", "none@email.com", "noemail@email.com"),
    *("no-email@no-email.com", "noemail@none.com", "nomail@nomail.com", "email@email.com"),
    *("test@test.com", "test@test.test", "test@email.com", "fake@fake.com", "fake@email.com"),
    *("a@a.com", "aa@aa.com", "aaa@aaa.com", "abc@abc.com", "x@x.com", "xx@xx.com", "xxx@xxx.com"),
    *("asdf@asdf.com", "qwerty@qwerty.com", "123@123.com", "unknown@unknown.com"),
    *("name@domain.com", "user@domain.com", "none@none.none", "na@none.com"),
    *("same as above", "to be determined", "address not provided", "no address given"),
)
"""What gives no key on every system. Example domains and 555-01xx numbers are not in it: systems
are tried out with them."""


@dataclass(frozen=True, slots=True)
class Junk:
    """The keys that say nothing about who it is, in normal form; made by ``junk_values``."""

    phones: frozenset[str] = frozenset()
    emails: frozenset[str] = frozenset()
    addresses: frozenset[str] = frozenset()

    def is_junk_phone(self, key: str) -> bool:
        """Return whether a key of ``phone_key`` is junk: listed, or one digit over and over.

        The country code does not count for that, nor does an extension.
        """
        number = key.partition(";")[0] if ";" in key else key
        # One digit is one digit from behind; nearly every number is done with here.
        if number[-4:] == number[-1:] * 4 and len(set(_national(number))) == 1:
            return True
        return number in self.phones

    def is_junk_email(self, key: str) -> bool:
        """Return whether a key of ``email_key`` is junk; the case of its local part is none."""
        return key.casefold() in self.emails

    def is_junk_address(self, key: str) -> bool:
        """Return whether a key of ``address_key`` is junk."""
        return key in self.addresses


def junk_values(setting: Iterable[str], region: str) -> Junk:
    """Return the junk of a system: DEFAULT_JUNK and the values of ``GATEWAY_JUNK_VALUES``.

    The setting adds to the default and takes nothing from it. A value with ``@`` is an e-mail
    address, one without letters a phone number as people in ``region`` write it, any other an
    address; what gives no key is no value and is dropped. To be made once, at start.
    """
    phones: set[str] = set()
    emails: set[str] = set()
    addresses: set[str] = set()
    for value in (*DEFAULT_JUNK, *setting):
        if "@" in value:
            emails.add((email_key(value) or "").casefold())
        elif any(map(str.isalpha, fold(value))):
            addresses.add(address_key(value, "") or "")
        else:
            phones.add((phone_key(value, region) or "").partition(";")[0])
    return Junk(frozenset(phones - {""}), frozenset(emails - {""}), frozenset(addresses - {""}))


def _national(number: str) -> str:
    """Return the digits of a key behind its country code; all digits where it has none."""
    if not number.startswith("+"):
        return number
    codes = phonenumbers.COUNTRY_CODE_TO_REGION_CODE
    length = next((n for n in (1, 2, 3) if int(number[1 : 1 + n]) in codes), 0)
    return number[1 + length :]
