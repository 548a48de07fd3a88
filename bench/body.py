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

TEMPLATE = urlencode(
    {
        "command": "lead_set",
        "mode": "insert",
        "ai_login_id": LOGIN,
        "ai_login_password": PASSWORD,
        **{name: text.format(digits=_DIGITS, letters=_LETTERS) for name, text in FIELDS.items()},
    }
)
"""The urlencoded body; ``~`` is to become the seven digits of a number, ``_._`` their letters.

Seven characters in either form, so that all bodies have one length.
"""

_TO_LETTERS = str.maketrans("0123456789", "abcdefghij")


def body(number: int) -> bytes:
    """Return the body of the person with this number."""
    digits = f"{number:07}"
    text = TEMPLATE.replace(_DIGITS, digits)
    return text.replace(_LETTERS, digits.translate(_TO_LETTERS)).encode()
