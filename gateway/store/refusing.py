"""Keeps the refusal of a post under its key, so that a repeat is refused with the same words."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from gateway import journal, repeats
from gateway.contract import Call, Caller, System
from gateway.database import in_transaction
from gateway.errors import KeyReused, Refused, RepeatInProgress

log = logging.getLogger("gateway.store")


@contextmanager
def refusals_kept(
    key: repeats.Key | None, call: Call, caller: Caller, system: System
) -> Iterator[None]:
    """Keep a refusal that is raised inside under ``key``, if the caller sent one.

    The refusal goes on; where another post with the key was quicker, what became of that is raised.
    """
    try:
        yield
    except (KeyReused, RepeatInProgress):
        # Of this post there is no decision yet.
        raise
    except Refused as refusal:
        if key is not None and key.is_sent:
            _keep(refusal, key, call=call, caller=caller, system=system)
        raise


def _keep(
    refusal: Refused, key: repeats.Key, *, call: Call, caller: Caller, system: System
) -> None:
    """Write the journal's row of the refusal and its key in one transaction."""

    def work(connection: Connection) -> None:
        repeats.reserve(connection, key, call)
        journal.record(
            connection,
            call,
            body,
            outcome=journal.REFUSED,
            caller=caller,
            lead_id=refusal.lead_id,
            problems=refusal.problems,
            keys=keys,
        )

    body = journal.keep_body(call, system)
    keys = journal.sent_keys(call, system)
    try:
        in_transaction(
            system.engine,
            work,
            is_committed=lambda connection: journal.is_recorded(connection, call.request_id),
        )
        refusal.recorded = True
    except SQLAlchemyError:  # the caller gets its refusal whatever the database does
        log.exception("%s: the refusal could not be kept under its key", call.request_id)
