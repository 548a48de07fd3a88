"""The pool that a post names and that is made with its lead (``GATEWAY_CREATE_POOLS``)."""

from dataclasses import replace

from sqlalchemy import Connection

from gateway.store.deciding import Decision
from gateway.store.posts import Post
from gateway.store.references import NewPool, make_pool


def with_pool(post: Post, decision: Decision, connection: Connection) -> Post:
    """Return ``post`` with the id of its new pool, made now; ``post`` itself where it has none."""
    pool = decision.changes.get("pool")
    if not isinstance(pool, NewPool):
        return post
    made = {"pool": make_pool(connection, pool, post.now)}
    # The plugins are not asked again: what they refuse must be refused before anything is written.
    settled = {**decision.changes, **made} if post.system.hooks.before_store else None
    parsed = replace(post.parsed, changes={**post.parsed.changes, **made})
    return replace(post, parsed=parsed, settled=settled)
