"""Any form whatsoever is read, and the order of its names does not matter."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from gateway.contract import FormValue, Upload
from gateway.errors import CODES
from gateway.normal import has_lone_surrogate
from gateway.schema import parse
from tests.schema.forms import SCHEMA

TEXT = st.text(st.characters(codec=None, exclude_categories=()))


VALUE: st.SearchStrategy[FormValue] = st.recursive(
    TEXT | st.lists(TEXT, min_size=1).map(tuple),
    lambda inner: st.dictionaries(TEXT | st.sampled_from(["0", "Status", "Notes"]), inner),
    max_leaves=5,
)


NAME = st.sampled_from([*SCHEMA.readers, "zz"])


MODE = st.sampled_from(["insert", "update"])


FORM = st.dictionaries(NAME, VALUE)


UPLOAD = st.builds(
    Upload, st.sampled_from(["upload_file_contents", "photo", "\ud83d"]), TEXT, st.binary()
)


def texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    return [text for inner in value for text in texts(inner)] if isinstance(value, list) else []


@given(MODE, FORM, st.lists(UPLOAD), st.sets(NAME), st.booleans())
def test_any_form_is_read(
    mode: str, form: Any, uploads: Any, leading_plus: Any, ignore_empty: bool
) -> None:
    parsed = parse(
        {"mode": mode, **form},
        SCHEMA,
        uploads=uploads,
        leading_plus=leading_plus,
        ignore_empty=ignore_empty,
    )
    assert parsed.changes.keys() <= SCHEMA.fields.keys() - SCHEMA.flags
    assert parsed.flags <= SCHEMA.flags
    storable = [
        *(text for value in parsed.changes.values() for text in texts(value)),
        *(rejected.sent for rejected in parsed.rejected),
        *(rejected.problem.message for rejected in parsed.rejected),
        *(upload.name for upload in parsed.uploads),
        *parsed.unknown,
    ]
    assert [text for text in storable if "\x00" in text or has_lone_surrogate(text)] == []
    assert {rejected.problem.code for rejected in parsed.rejected} <= CODES.keys()
    assert all(0 < len(upload.name) <= 255 for upload in parsed.uploads)
    json.dumps(SCHEMA.dump_custom(parsed.changes), allow_nan=False)


@given(MODE, st.dictionaries(NAME, TEXT))
def test_order_of_names_does_not_matter(mode: str, form: dict[str, str]) -> None:
    # Names that are two ways to send one field are the exception: there the last one wins.
    for other_way in ("ownerid", "colour", "admin_notes_send", "admin_notes_set"):
        form.pop(other_way, None)
    forwards = {"mode": mode, **form}
    backwards = dict(reversed(forwards.items()))
    assert parse(forwards, SCHEMA) == parse(backwards, SCHEMA)
