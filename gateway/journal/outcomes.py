"""What may become of a post."""

ACCEPTED, REFUSED, FAILED, DRY_RUN = "accepted", "refused", "failed", "dry_run"
QUARANTINED, SUPERSEDED = "quarantined", "superseded"

OUTCOMES = (ACCEPTED, REFUSED, QUARANTINED, FAILED, DRY_RUN, SUPERSEDED)
"""All of them, as they are shown."""

UNHANDLED = (REFUSED, FAILED, QUARANTINED)
"""Outcomes that somebody may still want to mend and replay."""
