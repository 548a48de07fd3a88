"""Many forms read at once, a field after the other: so each value that most of them have is read
once, and plain texts are looked at all together.
"""

from collections.abc import Mapping, Sequence
from itertools import repeat
from typing import Any

from marshmallow import ValidationError

from gateway.contract import FormValue, Rejected
from gateway.errors import PluginFault, Refused
from gateway.schema.building import LeadSchema
from gateway.schema.parsing import Read
from gateway.schema.reading import EMPTY, Reader

FEWEST = 10
"""Forms of the same names that are read together; of fewer each is read as quickly by itself."""

Form = Mapping[str, FormValue]
Odd = dict[int, list[Rejected] | None]
"""By their place the forms without a value for each name, with what is rejected; ``None`` where it
must be read again."""


def read_together(forms: Sequence[Form], schema: LeadSchema) -> list[Read | None]:
    """Return what the values of each form say, as ``parse`` reads them one after the other.

    They are forms of inserts, without their mode. ``None`` stands for one that ``parse`` must read:
    it has names that few others have, an unknown one, a flag, or a value on which a plugin's field
    fails, or for which it refuses the lead.
    """
    found: list[Read | None] = [None] * len(forms)
    groups: dict[tuple[str, ...], list[int]] = {}
    for place, form in enumerate(forms):
        groups.setdefault(tuple(form), []).append(place)
    for names, places in groups.items():
        readers = [schema.readers[name] for name in names if name in schema.readers]
        is_read = bool(names) and len(readers) == len(names) and not any(r.is_flag for r in readers)
        if len(places) < FEWEST or not is_read:
            continue
        some = _read(names, readers, [forms[place] for place in places], schema)
        for place, read in zip(places, some, strict=True):
            found[place] = read
    return found


def _read(
    names: Sequence[str], readers: Sequence[Reader], forms: Sequence[Form], schema: LeadSchema
) -> list[Read | None]:
    """Return what each of ``forms`` says, which all have these names in this order."""
    odd: Odd = {}
    columns = [
        _plain(reader, sent) or _repeated(reader, sent, schema) or _column(name, reader, sent, odd)
        for name, reader, sent in zip(
            names, readers, zip(*[form.values() for form in forms], strict=True), strict=True
        )
    ]
    targets = [reader.target for reader in readers]
    rows = map(dict, map(zip, repeat(targets), zip(*columns, strict=True)))
    found: list[Read | None] = [Read(row, []) for row in rows]
    for place, rejected in odd.items():
        found[place] = None
        if rejected is not None:
            row = zip(targets, [column[place] for column in columns], strict=True)
            found[place] = Read({name: each for name, each in row if each is not EMPTY}, rejected)
    return found


def _plain(reader: Reader, sent: Sequence[FormValue]) -> Sequence[Any] | None:
    """Return the values where all are texts that are kept as they are; see ``Reader.kept``."""
    texts = _texts(sent) if reader.kept else None
    if texts is None:
        return None
    whole = "".join(texts)
    if not (whole.isascii() and whole.isprintable()) or max(map(len, texts)) > reader.kept:
        return None
    trimmed = list(map(str.strip, texts))
    if not all(trimmed):
        return None
    if trimmed == list(texts):
        return sent
    return list(map(dict(zip(texts, trimmed, strict=True)).__getitem__, sent))


def _texts(sent: Sequence[FormValue]) -> dict[Any, Any] | None:
    """Return each of the values once; ``None`` where one is no text."""
    try:
        each = dict.fromkeys(sent)
    except TypeError:  # an object of JSON has no hash
        return None
    return each if set(map(type, each)) == {str} else None


def _repeated(
    reader: Reader, sent: Sequence[FormValue], schema: LeadSchema
) -> Sequence[Any] | None:
    """Return the values where all are texts that say something, each read once; else None.

    A plugin's field may read one text as two values at two times.
    """
    known = None if reader.name in schema.custom else _texts(sent)
    if known is None:
        return None
    try:
        for text in known:
            known[text] = reader.read(text, leading_plus=False)
    except (ValidationError, Refused, PluginFault):
        return None
    # A list must be each lead's own, for it might be changed.
    if any(value is EMPTY or type(value) is list for value in known.values()):
        return None
    return list(map(known.__getitem__, sent))


def _column(name: str, reader: Reader, sent: Sequence[FormValue], odd: Odd) -> Sequence[Any]:
    """Return the values, EMPTY where there is none, which is ``odd``."""
    values: list[Any] = []
    for place, each in enumerate(sent):
        value = EMPTY
        try:
            value = reader.read(each, leading_plus=False)
        except ValidationError as error:
            rejected = odd.setdefault(place, [])
            if rejected is not None:
                rejected.append(reader.reject(each, error, sent_as=name))
        except (Refused, PluginFault):
            odd[place] = None
        if value is EMPTY:
            odd.setdefault(place, [])
        values.append(value)
    return values
