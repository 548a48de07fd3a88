"""What is read for posts that share a transaction, all at once, before the first is decided."""

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Connection

from gateway import repeats
from gateway.contract import Call
from gateway.store import claims, fast, writing
from gateway.store.locating import (
    EXTERNAL_ID,
    Seen,
    chosen_rules,
    external_id_digest,
    is_plain_insert,
)
from gateway.store.posts import Post
from gateway.store.references import NewPool


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be claimed and read for a post, by which it may mean a lead that is there.

    That is the lead ``lead_id``, or the one that an external id finds, or one that has some of
    ``keys``, by its rules; where nobody has any it makes a new lead. ``external`` is the external
    id behind its digest, which is one of ``keys``. ``has_tags`` says that, of a lead that is there,
    the post needs the tags.
    """

    claims: frozenset[bytes]
    keys: frozenset[bytes]
    lead_id: int | None
    external: tuple[bytes, str] | None
    has_tags: bool


def can_share(post: Post, call: Call, repeat: repeats.Key | None) -> bool:
    """Whether the post waits for nobody, where it has what it wants to be claimed and read."""
    system = post.system
    # A repeat waits for the first post, a replay for the one that it mends, who makes a pool for
    # another who makes it. What a plugin asks may take long.
    waits = repeat is not None or bool(call.replay_of) or call.late
    waits = waits or isinstance(post.parsed.changes.get("pool"), NewPool)
    return not waits and not system.hooks.before_store and fast.can_write(system.engine)


def wanted_of(post: Post, held: frozenset[bytes]) -> Wanted | None:
    """Return what is to be read for ``post``, whose first claims are ``held``; ``None`` of one that
    makes a new lead whatever is there."""
    rules = chosen_rules(post.parsed, post.system)
    if not rules and is_plain_insert(post.parsed):
        return None
    changes = post.parsed.changes
    keys = frozenset(post.keys_by(rules)) if rules else frozenset()
    external_id, external = changes.get(EXTERNAL_ID), None
    if external_id is not None:
        external = (external_id_digest(external_id), external_id)
        keys |= {external[0]}
    return Wanted(held, keys, changes.get("lead_id"), external, post.has_tags)


class Sight:
    """Who is meant by the posts of a batch, as it was when their claims were taken.

    It does not count where a post of the batch has touched the same keys or the same lead since.
    """

    def __init__(self, connection: Connection, batch: Iterable[Wanted]) -> None:
        batch = tuple(batch)
        claimed = {each for wanted in batch for each in wanted.claims}
        external = dict(wanted.external for wanted in batch if wanted.external is not None)
        keys = {each for wanted in batch for each in wanted.keys} - external.keys()
        self._known, holders = claims.begin_soon(connection, claimed, keys, external.values())
        for digest, external_id in external.items():
            if external_id in holders:
                self._known[digest] = [holders[external_id]]
        self.touched_keys: set[bytes] = set()
        self.touched_leads: set[int] = set()
        self._asked: set[int] = set()
        with_tags: set[int] = set()
        for wanted in batch:
            ids = self._candidates(wanted)
            # Of several most are let go, and others may be waiting to change them.
            if len(ids) == 1:
                self._asked |= ids
                if wanted.has_tags:
                    with_tags |= ids
        self._leads = writing.lock_free_leads(connection, self._asked, with_tags=with_tags)

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
        ids = self._candidates(wanted)
        if len(ids) != 1 or not ids.isdisjoint(self.touched_leads):
            return None
        (lead_id,) = ids
        if lead_id not in self._leads:
            raise claims.Unclaimed(())
        holder = self._holder(wanted)
        digests = tuple(each for each in wanted.keys if each in self._known)
        return Seen(self._leads[lead_id], digests, holder)

    def _candidates(self, wanted: Wanted) -> set[int]:
        if wanted.lead_id is not None:
            return {wanted.lead_id}
        holder = self._holder(wanted)
        if holder is not None:
            return {holder}
        return {lead_id for each in wanted.keys for lead_id in self._known.get(each, ())}

    def _holder(self, wanted: Wanted) -> int | None:
        if wanted.external is None or wanted.external[0] not in self._known:
            return None
        return self._known[wanted.external[0]][0]
