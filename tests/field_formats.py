"""The formats under test, as the documented fields use them."""

from typing import Any
from zoneinfo import ZoneInfo

import pytest
from marshmallow import ValidationError, fields

from gateway.formats import (
    BirthDate,
    Degrees,
    EmailAddress,
    FileName,
    Flag,
    GmtOffset,
    Identifier,
    IdOrLabel,
    IpAddress,
    Label,
    LocalDateTime,
    Message,
    Mode,
    Notes,
    Tags,
    Text,
    WholeNumber,
    YesNo,
)

NEW_YORK = ZoneInfo("America/New_York")
text = Text(5)
mode = Mode()
identifier = Identifier(5)
label = Label(100, folded=300)
whole = WholeNumber(rule="no number")
lead_id = WholeNumber(least=0, rule="no id")
latitude = Degrees(most=90)
yes_no = YesNo()
flag = Flag()
ip = IpAddress()
moment = LocalDateTime(ZoneInfo("UTC"))
local_moment = LocalDateTime(NEW_YORK)
birth_date = BirthDate(NEW_YORK)
gmt_offset = GmtOffset()
email = EmailAddress(254)
id_or_label = IdOrLabel(100)
file_name = FileName(255)
tags = Tags(100, folded=300)
notes = Notes(length=1000, status_length=100)


def message(field: fields.Field, sent: Any) -> Message:
    """Return the one message with which the field refuses the value."""
    with pytest.raises(ValidationError) as refusal:
        field.deserialize(sent)
    (found,) = refusal.value.messages
    assert isinstance(found, Message)
    return found


def shown(field: fields.Field, value: Any) -> Any:
    """Return the value as the field shows it, numbers in digits."""
    found = field.serialize("it", {"it": value})
    return str(found) if isinstance(found, int) else found
