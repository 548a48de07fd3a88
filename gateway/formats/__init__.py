"""Marshmallow fields for the forms in which old callers write a value; lenient, by name.

The schema reads these facts off a field; a plain Marshmallow field has none of them:

- ``multiline``: line ends and tabs are kept;
- ``many``: the field takes a list of texts;
- ``free``: several values of an array are joined into the one text;
- ``keeps_plus``: a leading plus sign means something;
- ``structured``: the field takes the value as it came and cleans it itself;
- ``wire_type``: what the documentation page calls it;
- ``choices`` and ``labels``: the texts that it takes, and what a person reads for some.
"""

from gateway.formats.amounts import Digits, Money
from gateway.formats.choices import Choice, Choices
from gateway.formats.dates import BirthDate, DateOnly, LocalDateTime
from gateway.formats.messages import HALF_CHARACTER, Message, broken, check_length
from gateway.formats.notes import Note, Notes
from gateway.formats.numbers import BIGGEST, Degrees, Flag, GmtOffset, IdOrLabel, WholeNumber, YesNo
from gateway.formats.patterns import Pattern
from gateway.formats.texts import (
    EmailAddress,
    FileContents,
    FileName,
    Identifier,
    IpAddress,
    Label,
    Mode,
    Tags,
    Text,
    base_name,
)

__all__ = [
    "BIGGEST",
    "HALF_CHARACTER",
    "BirthDate",
    "Choice",
    "Choices",
    "DateOnly",
    "Degrees",
    "Digits",
    "EmailAddress",
    "FileContents",
    "FileName",
    "Flag",
    "GmtOffset",
    "IdOrLabel",
    "Identifier",
    "IpAddress",
    "Label",
    "LocalDateTime",
    "Message",
    "Mode",
    "Money",
    "Note",
    "Notes",
    "Pattern",
    "Tags",
    "Text",
    "WholeNumber",
    "YesNo",
    "base_name",
    "broken",
    "check_length",
]
