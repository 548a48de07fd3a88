"""What an operator mends in a post before it is replayed."""

import difflib
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from gateway.contract import Call, FormValue
from gateway.errors import UnknownCommand
from gateway.schema import LeadSchema
from gateway.transport.encoding import encode

COMMAND, DRY_RUN = "command", "dry_run"
CONTENTS = "upload_file_contents"


class BadCorrection(Exception):
    """A correction that no post can take; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Corrections:
    """Fields to set, each to one text or several, and fields to take out."""

    values: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))
    unset: frozenset[str] = frozenset()

    def check(self, schema: LeadSchema) -> None:
        """Raise BadCorrection where a name is none of a field of this system."""
        known = {*schema.readers, COMMAND} - {CONTENTS}
        _check_names(self.values.keys(), known, "--set")
        _check_names(self.unset, (known - {COMMAND}) | {DRY_RUN, CONTENTS}, "--unset")
        for name in sorted(self.values.keys() & self.unset):
            raise BadCorrection(f"{name}: both set and taken out; do one of them")


NOTHING = Corrections()


def corrected(call: Call, corrections: Corrections, schema: LeadSchema) -> Call:
    """Return ``call`` with other values, and with the body that says so.

    A field is taken out under all its names before it is set under the one that was given.
    """
    names = corrections.values.keys() | corrections.unset
    if not names:
        return call
    targets = {schema.readers[name].target for name in names if name in schema.readers} | names
    form: dict[str, FormValue] = {
        name: value
        for name, value in call.form.items()
        if name not in names
        and (name not in schema.readers or schema.readers[name].target not in targets)
    }
    command, problem = call.command, call.problem
    for name, texts in corrections.values.items():
        if name == COMMAND:
            command = texts[-1]
            problem = None if isinstance(problem, UnknownCommand) else problem
        else:
            form[name] = texts[0] if len(texts) == 1 else texts
    mended = replace(
        call,
        command=command,
        form=form,
        uploads=tuple(each for each in call.uploads if each.field not in corrections.unset),
        leading_plus=call.leading_plus & form.keys() - names,
        dry_run="" if DRY_RUN in corrections.unset else call.dry_run,
        corrected=tuple(sorted(names)),
        problem=problem,
    )
    body, content_type = encode(mended)
    # Where secrets could not be found they may stand in the fields, and so in the new body.
    is_secret = call.body is None or call.query is None
    return replace(
        mended,
        query=b"",
        body=None if is_secret else body,
        unread_query=None,
        unread=body if is_secret else None,
        body_size=len(body),
        body_sha256=hashlib.sha256(body).hexdigest(),
        content_type=content_type,
        headers={
            name: text
            for name, text in call.headers.items()
            if name != "x-dry-run" or DRY_RUN not in corrections.unset
        },
    )


def _check_names(names: Iterable[str], known: set[str], option: str) -> None:
    for name in sorted(names):
        if name not in known:
            near = difflib.get_close_matches(name, sorted(known), n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise BadCorrection(f"{option} {name}: no field of this system{hint}")
