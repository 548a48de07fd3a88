"""Who is meant by posts that share a transaction: read all at once, before the first is decided."""

from collections.abc import Iterable

from sqlalchemy import Connection

from gateway.store import claims, first_look
from gateway.store.locating import Seen
from gateway.store.wanted import Wanted


class Sight:
    """Who is meant by the posts of a batch, as it was when their claims were taken.

    It does not count where a post of the batch has touched the same keys or the same lead since.
    """

    def __init__(self, connection: Connection, batch: Iterable[Wanted]) -> None:
        self._known, self._leads = first_look.begin(connection, tuple(batch))
        self.touched_keys: set[bytes] = set()
        self.touched_leads: set[int] = set()

    def has_nobody(self, wanted: Wanted) -> bool:
        """Whether no lead is meant by an id, or has any of the keys."""
        return (
            wanted.lead_id is None
            and self._known.keys().isdisjoint(wanted.keys)
            and self.touched_keys.isdisjoint(wanted.keys)
        )

    def of(self, wanted: Wanted) -> Seen | None:
        """Return the lead that is meant, if there is just one and it is as it was.

        Raises claims.Unclaimed where somebody else holds it, or has just taken it away.
        """
        if not self.touched_keys.isdisjoint(wanted.keys):
            return None
        ids = wanted.candidates(self._known)
        if len(ids) != 1 or not ids.isdisjoint(self.touched_leads):
            return None
        (lead_id,) = ids
        if lead_id not in self._leads:
            raise claims.Unclaimed(())
        holder = wanted.holder(self._known)
        digests = tuple(each for each in wanted.keys if each in self._known)
        return Seen(self._leads[lead_id], digests, holder)
