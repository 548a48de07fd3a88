"""What does not balance, by name."""

from dataclasses import dataclass

MOST = 20
"""How many posts and leads are named."""

SET_RIGHT = "flask journal show {id} has all of it; set its outcome right"
"""What to do of a post whose outcome somebody has changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offender:
    """A post or a lead for which the books do not balance: what is wrong, and what to do."""

    request_id: str | None = None
    lead_id: int | None = None
    wrong: str
    remedy: str
