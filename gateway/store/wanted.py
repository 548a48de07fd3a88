"""What is to be claimed and read for a post before it can be decided."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from gateway import repeats
from gateway.contract import Call
from gateway.store import fast
from gateway.store.locating import (
    EXTERNAL_ID,
    chosen_rules,
    external_id_digest,
    is_plain_insert,
)
from gateway.store.posts import Post
from gateway.store.references import NewPool

Known = Mapping[bytes, Sequence[int]]
"""Who has a key, or is found by the external id of that digest."""


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

    def candidates(self, known: Known) -> set[int]:
        """Return the leads that the post may mean, where ``known`` are those that have its keys."""
        if self.lead_id is not None:
            return {self.lead_id}
        holder = self.holder(known)
        if holder is not None:
            return {holder}
        return {lead_id for each in self.keys for lead_id in known.get(each, ())}

    def holder(self, known: Known) -> int | None:
        """Return the lead that the external id finds."""
        if self.external is None or self.external[0] not in known:
            return None
        return known[self.external[0]][0]


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


def claims_of(batch: Iterable[Wanted]) -> set[bytes]:
    """Return all that is to be claimed."""
    # A union goes by the hashes that the sets have already.
    return set().union(*(wanted.claims for wanted in batch))


def external_ids(batch: Iterable[Wanted]) -> dict[bytes, str]:
    """Return the external ids that are looked for, by their digests."""
    return dict(wanted.external for wanted in batch if wanted.external is not None)


def keys_of(batch: Iterable[Wanted]) -> set[bytes]:
    """Return the match keys that are looked for."""
    batch = tuple(batch)
    return set().union(*(wanted.keys for wanted in batch)) - external_ids(batch).keys()


def with_holders(found: Known, external: Mapping[bytes, str], holders: Mapping[str, int]) -> Known:
    """Return ``found``, and those whom ``external`` ids find, as ``holders`` says."""
    return {
        **found,
        **{digest: [holders[each]] for digest, each in external.items() if each in holders},
    }


def meant(batch: Iterable[Wanted], found: Known) -> tuple[set[int], set[int]]:
    """Return the leads that some post must mean, and those of which tags are needed."""
    leads, with_tags = set(), set()
    for wanted in batch:
        ids = wanted.candidates(found)
        # Of several most are let go, and others may be waiting to change them.
        if len(ids) == 1:
            leads |= ids
            if wanted.has_tags:
                with_tags |= ids
    return leads, with_tags
