"""The post that is measured: 20 documented fields and the login, another person each time."""

from urllib.parse import urlencode

LOGIN, PASSWORD = "bench", "a-secret-of-the-bench"

FIELDS = {
    "full_name": "Joan Example-{letters}",
    "company": "Example & Daughters Ltd",
    "address": "{digits} North First Street",
    "address_2": "Apt 4",
    "city": "Portland",
    "state": "OR",
    "zip": "02134",
    "country": "USA",
    "lat": "45.523064",
    "lng": "-122.676483",
    "phone": "503{digits}",
    "cell": "(971) 555-0142",
    "ok_to_text": "Yes",
    "ip": "203.0.113.7",
    "email": "joan.{digits}@example.com",
    "gmt_offset": "-0800",
    "birth_date": "1979-05-17",
    "source": "landing page 7",
    "tags": "newsletter,spring",
    "note": "Asked to be called back about the offer.",
}

# Characters that urlencode leaves alone, and that stand nowhere else in the body.
_DIGITS, _LETTERS = "~", "_._"

_TO_LETTERS = str.maketrans("0123456789", "abcdefghij")


def template(**changed: str) -> str:
    """Return the urlencoded body with other or more fields than FIELDS, for ``body`` to fill in.

    ``~`` is to become the seven digits of a number, ``_._`` their letters: seven characters in
    either form, so that all bodies have one length.
    """
    fields = {
        "command": "lead_set",
        "mode": "insert",
        "ai_login_id": LOGIN,
        "ai_login_password": PASSWORD,
        **FIELDS,
        **changed,
    }
    return urlencode(
        {name: text.format(digits=_DIGITS, letters=_LETTERS) for name, text in fields.items()}
    )


TEMPLATE = template()

# People here are not one.
OWN_CELL = {"cell": "971{digits}"}
PERSON = template(**OWN_CELL)
"""The post of a person with a cell of one's own; those that are filled in are made of one like it.
"""

NEWS = {"source": "landing page 8", "company": "Example Sisters Ltd"}
"""What those who are found bring, as they do in life."""

MATCH = template(**OWN_CELL, match_update="1")
MATCH_WITH_NEWS = template(**OWN_CELL, match_update="1", **NEWS)


def letters(digits: str) -> str:
    """Return the letters that stand for ``digits`` in a name."""
    return digits.translate(_TO_LETTERS)


def body(number: int, template: str = TEMPLATE) -> bytes:
    """Return the body of the person with this number."""
    digits = f"{number:07}"
    return template.replace(_DIGITS, digits).replace(_LETTERS, letters(digits)).encode()
