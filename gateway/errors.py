"""The refusals: what may become an answer, each with its code.

``Refused`` is the one exception that a caller gets to see. Everything else that is raised is a
fault of ours: it is answered with a reference and no inner text.
"""

from dataclasses import dataclass


class BadPlugin(Exception):
    """A plugin cannot be used; the text says which, why, and what to do. It stops the start."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with a post: which field, by which rule, and how to mend it.

    ``message`` is a whole sentence that names the field; ``field`` is empty where the post as a
    whole is meant.
    """

    field: str
    code: str
    message: str


def problem(field: str, code: str, rule: str) -> Problem:
    """Return the problem of ``field``; its message is ``field: rule``."""
    return Problem(field, code, f"{field}: {rule}" if field else rule)


class Refused(Exception):
    """The post is refused; ``message`` is what the caller reads.

    A plugin raises it with ``Refused("vin: unknown model year", field="vin")``.
    """

    def __init__(self, message: str, *, field: str | None = None, code: str = "refused") -> None:
        super().__init__(message)
        self.problems: tuple[Problem, ...] = (Problem(field or "", code, message),)
        self.lead_id: int | None = None
        self.recorded = False
        """Whether the journal has its row already."""


class BadForm(Refused):
    """One or several fields cannot be taken."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__(problems[0].message)
        self.problems = problems


class BrokenBody(Refused):
    """The body cannot be read in the form that it claims."""

    def __init__(self, message: str, *, code: str = "broken_body") -> None:
        super().__init__(message, code=code)


class TooLarge(Refused):
    """The body is larger, or has more pairs, than the system takes."""

    def __init__(self, message: str) -> None:
        super().__init__(message, code="too_large")


class AuthenticationFailed(Refused):
    """Nobody we know, one text for every cause (contract, "Who calls")."""

    def __init__(self) -> None:
        super().__init__("Authentication failed", code="authentication_failed")


class NotAllowed(Refused):
    """The caller is known and may not do this."""

    def __init__(self, message: str, *, field: str | None = None) -> None:
        super().__init__(message, field=field, code="not_allowed")


class UnknownCommand(Refused):
    """No command, two that differ, or one that nobody registered."""

    def __init__(self, message: str) -> None:
        super().__init__(message, field="command", code="unknown_command")


class LeadNotFound(Refused):
    """An update names a lead that does not exist."""

    def __init__(self, message: str, *, field: str) -> None:
        super().__init__(message, field=field, code="lead_not_found")


class ExternalIdTaken(Refused):
    """An external_id belongs to another lead; the answer carries that lead's id."""

    def __init__(self, lead_id: int) -> None:
        super().__init__(
            f"external_id: lead {lead_id} has it; update that lead, or send match_update=1",
            field="external_id",
            code="external_id_taken",
        )
        self.lead_id = lead_id


class PluginFault(Exception):
    """A plugin did what it may not: a fault of the plugin's, never of a caller."""


class FieldFault(PluginFault):
    """A field's own code raised what is no ValidationError; the text says which field."""


class KeyReused(Refused):
    """The idempotency key was used for another post."""

    def __init__(self) -> None:
        super().__init__(
            "idempotency_key: used before for a post with other fields or values; send a new key",
            field="idempotency_key",
            code="idempotency_key_reused",
        )


class RepeatInProgress(Refused):
    """The first post under the same key has no answer yet."""

    def __init__(self) -> None:
        super().__init__(
            "The first post of this repeat is still being processed; send it again later",
            code="repeat_in_progress",
        )


CODES = {
    "authentication_failed": "No login, or one that is wrong, retired or disabled.",
    "not_allowed": "The login is not allowed to do this.",
    "unknown_command": "The command is missing, unknown, or given twice with different names.",
    "broken_body": "The body cannot be read: its form, its length or its encoding is broken.",
    "unsupported_body": "The content type or content encoding is not one that we read.",
    "too_large": "The body, or its number of pairs, is beyond the limit.",
    "method_not_allowed": "The command came by GET, which is switched off.",
    "required": "A field that must be sent is missing.",
    "invalid": "The value is not of the field's kind.",
    "too_long": "The value is longer than the field holds.",
    "unknown_reference": "The value names a row (status, owner, pool …) that does not exist.",
    "incomplete_upload": "An upload came without its name or without its contents.",
    "lead_not_found": "The lead to update does not exist.",
    "external_id_taken": "The external_id belongs to another lead.",
    "spooled": "The database is away; the post is saved and is processed when it is back.",
    "spool_full": "The database is away and the post could not be saved: send it again later.",
    "unavailable": "A dry run needs the database, which is away: send it again later.",
    "already_replayed": "A replay found that the post is done already, or erased.",
    "idempotency_key_reused": "The idempotency key was used for a post with other fields.",
    "repeat_in_progress": "The first post of this repeat has no answer yet; send it again later.",
    "refused": "A plugin refused the post; the message is the plugin's.",
    "lead_id_taken": "An import keeps the ids of its file, and this one belongs to another lead.",
    "broken_line": "A line of an imported file cannot be read.",
    "internal": "A fault of ours; the reference finds the post in the journal.",
}
"""Every error code of ``X-Gateway-Error`` and what it means; the README shows the table."""
