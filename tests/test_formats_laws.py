"""Any text and any JSON is read or refused by every format."""

import json
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marshmallow import ValidationError, fields

from gateway.formats import (
    Message,
    Note,
)
from tests.field_formats import (
    birth_date,
    email,
    file_name,
    flag,
    gmt_offset,
    id_or_label,
    identifier,
    ip,
    label,
    latitude,
    lead_id,
    local_moment,
    mode,
    moment,
    notes,
    shown,
    tags,
    text,
    whole,
    yes_no,
)

ONE_TEXT = [
    text, mode, identifier, label, whole, lead_id, latitude, yes_no, flag, ip, moment, local_moment,
    birth_date, gmt_offset, email, id_or_label, file_name, notes,
]  # fmt: skip
ANY_TEXT = st.text(st.characters(codec=None, exclude_categories=()), min_size=1)
ALMOST = st.text("0123456789-+/.:, TtZeE%[]@xabcYNn", min_size=1)


def read(field: fields.Field, sent: Any) -> Any:
    """Return the value, or None where the field refuses in its own words."""
    try:
        return field.deserialize(sent)
    except ValidationError as error:
        refusal = error.messages
    assert all(isinstance(each, Message) for each in refusal)
    return None


@pytest.mark.parametrize("field", ONE_TEXT)
@given(sent=ANY_TEXT | ALMOST)
def test_any_text_is_read_or_refused(field: fields.Field, sent: str) -> None:
    value = read(field, sent)
    if value is not None and field is not flag:
        assert read(field, shown(field, value)) == value


@given(st.lists(ANY_TEXT))
def test_any_tags_are_read_or_refused(sent: list[str]) -> None:
    value = read(tags, sent)
    assert value is None or read(tags, value) == value


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | ANY_TEXT,
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.sampled_from(["Status", "Notes", "note", "x"]), inner)
    ),
)


@given(st.lists(st.dictionaries(st.sampled_from(["Status", "Notes", "note"]), JSON)) | JSON)
def test_any_json_is_read_or_refused_as_notes(sent: Any) -> None:
    value = read(notes, json.dumps(sent))
    assert value is None or all(isinstance(note, Note) and note.text for note in value)


@given(st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1)))
def test_every_moment_can_be_shown_and_read(sent: datetime) -> None:
    value = local_moment.deserialize(f"{sent:%Y-%m-%d %H:%M:%S}")
    assert local_moment.deserialize(shown(local_moment, value)) == value
