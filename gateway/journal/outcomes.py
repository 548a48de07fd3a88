"""What may become of a post."""

ACCEPTED, REFUSED, FAILED, DRY_RUN = "accepted", "refused", "failed", "dry_run"
QUARANTINED, SUPERSEDED = "quarantined", "superseded"

UNHANDLED = (REFUSED, FAILED, QUARANTINED)
"""Outcomes that somebody may still want to mend and replay."""
