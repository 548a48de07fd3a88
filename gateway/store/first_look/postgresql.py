"""The first look on PostgreSQL: one text and so one way to the server, of prepared statements.

Each statement sees what was committed when it came to its turn: so what claims stands before what
looks, and what locks before what reads tags. Nothing is quoted in the text but hex digits and
numbers.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any
from weakref import ref

from sqlalchemy import Connection

from gateway import database
from gateway.driver import driver_of
from gateway.matching import by_digest
from gateway.matching.finding import PAGE
from gateway.store import claims
from gateway.store.lead_rows import (
    Lock,
    leads_of,
    row_statement,
    tags_statement,
)
from gateway.store.planning import Stored
from gateway.store.wanted import Known, Wanted, claims_of

# The number of a post stands beside each of its keys; below 0 they do not say whom it means. The
# leads that are to be locked go to the next statement as a setting of the transaction.
_FIND = f"""
    WITH found AS MATERIALIZED (
        SELECT wanted.post, wanted.digest, near.lead_id, false AS is_holder
        FROM unnest($1::integer[], $2::bytea[]) AS wanted(post, digest) CROSS JOIN LATERAL (
            SELECT lead_id FROM match_key WHERE match_key.digest = wanted.digest
            ORDER BY lead_id LIMIT {PAGE}
        ) AS near
        UNION ALL
        SELECT sent.post, sent.digest, held.lead_id, true
        FROM unnest($3::integer[], $4::bytea[], $5::bytea[]) AS sent(post, digest, external_id)
        CROSS JOIN LATERAL (
            SELECT lead_id FROM lead_external_id
            WHERE external_id = convert_from(sent.external_id, 'UTF8') COLLATE "default"
        ) AS held
    ),
    meant AS (
        SELECT coalesce(max(lead_id) FILTER (WHERE is_holder), min(lead_id)) AS lead_id
        FROM found WHERE post >= 0 GROUP BY post
        HAVING bool_or(is_holder) OR min(lead_id) = max(lead_id)
        UNION ALL SELECT unnest($6::bigint[])
    ),
    said AS MATERIALIZED (
        SELECT set_config('gateway.meant', (SELECT array_agg(lead_id) FROM meant)::text, true)
    )
    SELECT found.lead_id, found.digest FROM said LEFT JOIN found ON true
"""  # noqa: S608 a number of our own
# A plan for these very values would be made anew each time, and one that was made while the tables
# were small would walk through them, or through all leads that share a key.
_SET = """
    SELECT set_config('lock_timeout', $1, true),
        set_config('plan_cache_mode', 'force_generic_plan', true),
        set_config('enable_seqscan', 'off', true), set_config('enable_bitmapscan', 'off', true)
"""
_MEANT = "= ANY(nullif(current_setting('gateway.meant'), '')::bigint[])"
_PREPARED = "gateway_first_look"


def _statements(connection: Connection) -> dict[str, str]:
    """Return the statements that are prepared, by name, with the types of what they are given."""
    dialect = connection.dialect
    return {
        "gateway_set (text)": _SET,
        "gateway_claim (bytea[], text)": claims.ON_POSTGRESQL,
        "gateway_find (integer[], bytea[], integer[], bytea[], bytea[], bigint[])": _FIND,
        "gateway_lead": row_statement(dialect, _MEANT, Lock.SKIP),
        "gateway_tag": tags_statement(dialect, _MEANT),
    }


def begin(connection: Connection, batch: Sequence[Wanted]) -> tuple[Known, Mapping[int, Stored]]:
    """Return what ``first_look.begin`` does, of a transaction that begins here."""
    with driver_of(connection, "the first look of a batch") as driver:
        # What was prepared is gone once psycopg has rolled back, as it does while the connection is
        # with others; and where it fails it may not fit a table that has changed.
        prepared = connection.info.pop(_PREPARED, None)
        if prepared is None or prepared() is not connection:
            _prepare(driver, _statements(connection), anew=prepared is None)
        answers = _rows(driver.execute(_text(batch), prepare=False))
        # Of what is set.
        next(answers)
        found = by_digest(row for row in next(answers) if row[0] is not None)
        rows, tags = next(answers), next(answers, [])
        connection.info[_PREPARED] = ref(connection)
    return found, leads_of(connection, rows, tags)


def _prepare(driver: Any, statements: Mapping[str, str], *, anew: bool) -> None:
    """Prepare the statements that are not there; ``anew``, those that are as well."""
    is_there = {name for (name,) in driver.execute("SELECT name FROM pg_prepared_statements")}
    for head, statement in statements.items():
        name = head.partition(" ")[0]
        if name in is_there:
            if not anew:
                continue
            driver.execute(f"DEALLOCATE {name}", prepare=False)
        driver.execute(f"PREPARE {head} AS {statement}", prepare=False)


def _text(batch: Sequence[Wanted]) -> str:
    patience = f"'{database.patience(soon=True)}'"
    posts: list[int] = []
    keys: list[bytes] = []
    external: list[tuple[int, bytes, str]] = []
    ids: list[int] = []
    for number, wanted in enumerate(batch):
        post, own = number, wanted.keys
        if wanted.lead_id is not None:
            ids.append(wanted.lead_id)
            post = -1
        if wanted.external is not None:
            external.append((post, *wanted.external))
            own -= {wanted.external[0]}
        posts += [post] * len(own)
        keys += own
    asked = (
        _numbers(posts),
        _hex(keys),
        _numbers(post for post, _, _ in external),
        _hex(digest for _, digest, _ in external),
        _hex(sent.encode() for _, _, sent in external),
        _numbers(ids),
    )
    statements = [
        "BEGIN ISOLATION LEVEL READ COMMITTED",
        f"EXECUTE gateway_set ({patience})",
        *(
            f"EXECUTE gateway_claim ({_hex(some)}, {patience})"
            for some in claims.in_order(claims_of(batch))
        ),
        f"EXECUTE gateway_find ({', '.join(asked)})",
        "EXECUTE gateway_lead",
    ]
    if any(wanted.has_tags for wanted in batch):
        statements.append("EXECUTE gateway_tag")
    return "; ".join(statements)


def _numbers(values: Iterable[int]) -> str:
    return f"'{{{','.join(map(str, values))}}}'"


def _hex(values: Iterable[bytes]) -> str:
    # So written it does not rest on standard_conforming_strings.
    written = ",".join([rf"\\\\x{each.hex()}" for each in values])
    return f"E'{{{written}}}'"


def _rows(cursor: Any) -> Iterator[list[Any]]:
    """Yield the rows of each statement of a text that gives some."""
    is_one = True
    while is_one:
        # Not its description, which tells far more and is made for it.
        if cursor.pgresult.nfields:
            yield cursor.fetchall()
        is_one = cursor.nextset()
