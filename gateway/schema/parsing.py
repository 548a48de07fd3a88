"""Step 3: a form of texts becomes typed changes, and a list of what could not be read."""

from collections.abc import Mapping, Sequence, Set
from dataclasses import replace
from typing import Any, NamedTuple

from marshmallow import ValidationError

from gateway.contract import FormValue, Parsed, Rejected, Upload
from gateway.errors import problem
from gateway.formats import base_name, broken
from gateway.normal import clean, split_name, storable
from gateway.schema.across import settle_custom
from gateway.schema.building import LeadSchema
from gateway.schema.documented import FILE_NAME_LENGTH, NAME_LENGTH
from gateway.schema.reading import EMPTY


class Read(NamedTuple):
    """What the values of a form say, one by one: those that could be read, and the others."""

    changes: dict[str, Any]
    rejected: list[Rejected]
    flags: frozenset[str] = frozenset()


CONTENTS = "upload_file_contents"

UNKNOWN_LENGTH, MOST_UNKNOWN = 255, 1000
"""How much of an unknown name is kept beside the body, and how many of them."""


def parse(
    form: Mapping[str, FormValue],
    schema: LeadSchema,
    *,
    uploads: Sequence[Upload] = (),
    leading_plus: Set[str] = frozenset(),
    ignore_empty: bool = False,
) -> Parsed:
    """Return the typed values of what was sent; bad ones are in ``rejected``, in page order.

    ``leading_plus`` are the names whose value began with an unescaped plus sign; ``ignore_empty``
    makes an empty value mean nothing in every mode. Never raises for what a caller sent; raises
    FieldFault where a field's own code fails.
    """
    rejected: list[Rejected] = []
    mode = _mode(form, schema, rejected)
    clearing = mode == "update" and not ignore_empty
    changes: dict[str, Any] = {}
    flags: set[str] = set()
    readers = schema.readers
    is_known = True
    for name, sent in form.items():
        reader = readers.get(name)
        if reader is None:
            is_known = False
            continue
        if (
            type(sent) is str
            and 0 < len(sent) <= reader.kept
            and sent.isascii()
            and sent.isprintable()
            and name not in leading_plus
            and (text := sent.strip())
        ):
            changes[reader.target] = text
            continue
        if name == "mode":
            continue
        try:
            value = reader.read(sent, leading_plus=name in leading_plus)
        except ValidationError as error:
            rejected.append(reader.reject(sent, error, sent_as=name))
            continue
        if value is EMPTY:
            if clearing and reader.clears:
                # Of two names for one field the one that has a value wins over the empty one.
                changes.setdefault(reader.target, None)
        elif not reader.is_flag:
            changes[reader.target] = value
        elif value:
            flags.add(reader.name)
    read = Read(changes, rejected, frozenset(flags))
    return settled(read, form, schema, mode=mode, uploads=uploads, is_known=is_known)


def settled(
    read: Read,
    form: Mapping[str, FormValue],
    schema: LeadSchema,
    *,
    mode: str,
    uploads: Sequence[Upload] = (),
    is_known: bool = True,
) -> Parsed:
    """Return what ``form`` says whose values are ``read``, its mode too: what they make together.

    ``is_known`` says that some field claims each of its names. Raises FieldFault.
    """
    changes, rejected, flags = read
    _settle_lead_id(changes, mode, schema, rejected)
    _settle_names(changes, mode)
    defaults: Mapping[str, Any] = {}
    if mode and schema.custom:
        defaults = settle_custom(schema, form, changes, rejected, mode=mode)
    stored = _settle_uploads(uploads, changes.pop("upload_file_name", None), rejected)
    if rejected:
        rejected.sort(key=lambda each: schema.readers[each.problem.field].rank)
    return Parsed(
        mode=mode,
        changes=changes,
        flags=flags,
        uploads=stored,
        rejected=tuple(rejected),
        unknown=() if is_known else unknown_names(form, schema),
        defaults=defaults,
    )


def unknown_names(form: Mapping[str, FormValue], schema: LeadSchema) -> tuple[str, ...]:
    """Return the names in ``form`` that no field claims, sorted, as they can be stored."""
    unknown = {storable(name[:UNKNOWN_LENGTH]) for name in form if name not in schema.readers}
    return tuple(sorted(unknown)[:MOST_UNKNOWN])


def _mode(form: Mapping[str, FormValue], schema: LeadSchema, rejected: list[Rejected]) -> str:
    """Return the mode, empty where it is missing or bad; the rest is then read all the same."""
    reader, sent = schema.readers["mode"], form.get("mode", "")
    try:
        mode = reader.read(sent, leading_plus=False)
    except ValidationError as error:
        rejected.append(reader.reject(sent, error))
        return ""
    if mode is EMPTY:
        missing = problem("mode", "required", "missing (insert or update)")
        rejected.append(Rejected(missing, "", keepable=False))
        return ""
    return str(mode)


def _settle_lead_id(
    changes: dict[str, Any], mode: str, schema: LeadSchema, rejected: list[Rejected]
) -> None:
    """Drop a 0, which means that none was sent; an insert takes no other."""
    if changes.get("lead_id") == 0:
        del changes["lead_id"]
    if mode == "insert" and "lead_id" in changes:
        reader = schema.readers["lead_id"]
        rejected.append(reader.reject(str(changes.pop("lead_id")), broken("only with mode=update")))


def _settle_names(changes: dict[str, Any], mode: str) -> None:
    """Add the parts of a full name, but for those that were sent themselves."""
    if "full_name" not in changes:
        return
    parts = split_name(changes["full_name"] or "")
    for name, part in zip(("first_name", "last_name"), parts, strict=True):
        if name in changes:
            continue
        # Nobody sent the part: too long a one is cut, for the whole stands in full_name.
        if part := part[:NAME_LENGTH].rstrip():
            changes[name] = part
        elif mode == "update":
            # The new name has no such part; the old one would make a person that nobody is.
            changes[name] = None


def _settle_uploads(
    uploads: Sequence[Upload], sent_name: str | None, rejected: list[Rejected]
) -> tuple[Upload, ...]:
    """Return the uploads under their final names; the documented one needs both its halves."""
    if not uploads and sent_name is None:
        return ()
    sent = [upload for upload in uploads if upload.name or upload.content]
    contents = [upload for upload in sent if upload.field == CONTENTS]
    # <input type="file" multiple> sends several; each has a name of its own, so none is lost.
    named = [
        _named(upload)
        for upload in sent
        if upload.field != CONTENTS or (upload.name and upload is not contents[-1])
    ]
    if any(each.problem.field == "upload_file_name" for each in rejected):
        return tuple(named)
    if not contents:
        if sent_name is not None:
            rejected.append(_half(CONTENTS, "missing (upload_file_name came without it)"))
        return tuple(named)
    upload = contents[-1]
    name = sent_name or _file_name(upload.name)
    if not name:
        rejected.append(_half("upload_file_name", f"missing ({CONTENTS} came without it)"))
        return tuple(named)
    return (replace(upload, name=name), *named)


def _half(field: str, rule: str) -> Rejected:
    return Rejected(problem(field, "incomplete_upload", rule), "", keepable=False)


def _named(upload: Upload) -> Upload:
    """Return another file of the post under its own name, or else that of its part."""
    return replace(upload, name=_file_name(upload.name) or _file_name(upload.field) or "file")


def _file_name(sent: str) -> str:
    """Return the base name; of one that is too long the end, which has the extension."""
    return storable(base_name(clean(sent)))[-FILE_NAME_LENGTH:].lstrip()
