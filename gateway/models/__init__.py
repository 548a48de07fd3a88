"""The tables, declared once; the post's path runs Core statements over them, pages use the ORM."""

from gateway.models.base import FOLDED, LONG_TEXT, Base, UtcDateTime, db
from gateway.models.callers import CustomStatus, Login, Pool, Status, User, login_state
from gateway.models.importing import ImportRun
from gateway.models.journal import Erasure, PendingKeys, StrangerHour, Submission, SubmissionKey
from gateway.models.leads import (
    Lead,
    LeadChange,
    LeadEvent,
    LeadExternalId,
    LeadFile,
    LeadMerge,
    LeadNote,
    LeadTag,
)
from gateway.models.matching import MatchClaim, MatchKey, MatchRekey
from gateway.models.repeats import RepeatKey

__all__ = [
    "FOLDED",
    "LONG_TEXT",
    "Base",
    "CustomStatus",
    "Erasure",
    "ImportRun",
    "Lead",
    "LeadChange",
    "LeadEvent",
    "LeadExternalId",
    "LeadFile",
    "LeadMerge",
    "LeadNote",
    "LeadTag",
    "Login",
    "MatchClaim",
    "MatchKey",
    "MatchRekey",
    "PendingKeys",
    "Pool",
    "RepeatKey",
    "Status",
    "StrangerHour",
    "Submission",
    "SubmissionKey",
    "User",
    "UtcDateTime",
    "db",
    "login_state",
]
