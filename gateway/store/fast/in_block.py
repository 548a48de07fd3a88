"""Rows of many posts for MariaDB: a statement a table with the values in it, sent as one block.

A statement a table costs a way to the server and back each; what that takes was a third of a post.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from sqlalchemy import Dialect, Table

from gateway.conflicts import AT_ONCE
from gateway.store.fast.columns import columns_named, columns_of, insert_into
from gateway.store.fast.rows import KEY, LEAD, Row, Rows, together

_LONGEST_BLOCK = 1_000_000
"""Characters of up to four bytes; MariaDB takes 16 MB in one packet and breaks the connection over
more, which would look as if it were away. A single row may be longer."""


# The driver does not say whether a transaction is still the one that it was.
_BEGUN = (
    "IF @@in_transaction=0 THEN SIGNAL SQLSTATE '45000' "
    "SET MESSAGE_TEXT='the transaction with the claims is gone'; END IF"
)


def write(
    driver: Any,
    dialect: Dialect,
    posts: Sequence[Rows],
    *,
    soon: bool,
    commit: bool,
    begun: bool,
    **_: Any,
) -> list[int]:
    """Write the rows of ``posts``, with ``commit`` for good, and return the ids of their leads.

    With ``soon`` nothing is waited for that another holds; with ``begun`` nothing is written where
    no transaction has begun.
    """
    cursor, literals = driver.cursor(), _Literals(driver, dialect)
    leads = [row for post in posts for row in post.tables[LEAD]]
    into_lead = list(_inserts(literals, dialect, LEAD, leads))
    # Variables stand for the ids, so that all of it is one way to the server.
    names = [f"@lead_{number}" for number in range(len(posts))]
    # By no value of a caller's could it be taken for one.
    standing = [object() for _ in names]
    literals.update(zip(standing, names, strict=True))
    rows = together(posts, standing)
    del rows[LEAD]
    start = [_BEGUN] if begun else []
    statements = [*start, *into_lead, _numbering(names), *_inserts_of_all(literals, dialect, rows)]
    end = ["COMMIT"] if commit else []
    asked = f"SELECT {names[0]},@@auto_increment_increment"
    if len(into_lead) == 1 and _fit([*statements, *end, asked]):
        cursor.execute(_hurried(_block([*statements, *end, asked]), soon=soon))
        first, step = cursor.fetchone()
        # What the server says of the block itself.
        while cursor.nextset():
            pass
        return list(range(first, first + len(posts) * step, step))
    if start:
        _run(cursor, start, soon=False)
    return _write_long(cursor, literals, dialect, posts, into_lead, soon=soon, end=end)


def _write_long(
    cursor: Any,
    literals: "_Literals",
    dialect: Dialect,
    posts: Sequence[Rows],
    into_lead: Sequence[str],
    *,
    soon: bool,
    end: Sequence[str],
) -> list[int]:
    """Write the rows statement by statement, as ``into_lead`` begins it."""
    ids: list[int] = []
    for statement in into_lead:
        cursor.execute(_hurried(f"{statement} RETURNING lead_id", soon=soon))
        ids += [lead_id for (lead_id,) in cursor]
    rows = together(posts, ids)
    del rows[LEAD]
    _run(cursor, [*_inserts_of_all(literals, dialect, rows), *end], soon=soon)
    return ids


def _numbering(names: Sequence[str]) -> str:
    """Return the statement that gives the variables the ids of the leads just inserted.

    Rows of one statement get consecutive ones, also where the nodes of a cluster leave gaps.
    """
    first, *others = names
    steps = [
        f"{name}={before}+@@auto_increment_increment"
        for before, name in zip(names, others, strict=False)
    ]
    return f"SET {','.join([f'{first}=LAST_INSERT_ID()', *steps])}"


def add(
    driver: Any,
    dialect: Dialect,
    rows: Mapping[Table, Sequence[Row]],
    changes: Sequence[Row],
    *,
    gone: Sequence[Row],
    soon: bool,
    commit: bool,
) -> None:
    """Write ``rows`` of leads that are there, what changes of these, and which keys are ``gone``;
    ``commit`` as above."""
    literals = _Literals(driver, dialect)
    # One by one: for a list MariaDB may walk the table, and meet the rows that others hold.
    statements = [
        f"DELETE FROM match_key WHERE digest={literals[key['digest']]} AND lead_id={key[KEY]}"  # noqa: S608
        for key in gone
    ]
    statements += [_update(literals, dialect, each) for each in changes]
    statements += _inserts_of_all(literals, dialect, rows)
    _run(driver.cursor(), [*statements, "COMMIT"] if commit else statements, soon=soon)


def _run(cursor: Any, statements: list[str], *, soon: bool) -> None:
    for statement in [_block(statements)] if _fit(statements) else statements:
        cursor.execute(_hurried(statement, soon=soon))


def _fit(statements: Sequence[str]) -> bool:
    """Whether the statements can be sent as one block."""
    return sum(map(len, statements)) <= _LONGEST_BLOCK


def _block(statements: Sequence[str]) -> str:
    """Return a compound statement of MariaDB's; several statements in one text would open a door to
    whoever found a hole in the quoting."""
    return f"BEGIN NOT ATOMIC {'; '.join(statements)}; END"


def _hurried(statement: str, *, soon: bool) -> str:
    # SET STATEMENT is not for a COMMIT, which waits for no row.
    return f"{AT_ONCE}{statement}" if soon and statement != "COMMIT" else statement


class _Literals(dict[Any, str]):
    """Values as the driver writes them; the same ones come in row after row."""

    def __init__(self, driver: Any, dialect: Dialect) -> None:
        super().__init__()
        # Both have this method; mysqlclient's gives bytes.
        is_text = dialect.driver != "mysqldb"
        self._write = driver.escape if is_text else partial(_as_text, driver)

    def __missing__(self, value: Any) -> str:
        kind = type(value)
        text: str
        # The drivers take three times as long for what hardly ever needs more.
        if kind is str and _is_plain(value):
            text = f"'{value}'"
        elif kind is bytes:
            text = f"X'{value.hex()}'"
        elif kind is int:
            text = str(value)
        else:
            text = self._write(value)
        self[value] = text
        return text


def _is_plain(value: str) -> bool:
    """Whether ``value`` need only stand in quotes, as nearly every text does."""
    return value.isascii() and value.isprintable() and "'" not in value and "\\" not in value


def _as_text(driver: Any, value: Any) -> str:
    """Return ``value`` as mysqlclient writes it into a statement, as text."""
    text: str = driver.literal(value).decode(driver.encoding)
    return text


def _update(literals: _Literals, dialect: Dialect, change: Row) -> str:
    columns = columns_named(LEAD, dialect, tuple(change))
    quote = dialect.identifier_preparer.quote
    values = [
        f"{quote(name)}={literals[value]}"
        for name, value in zip(columns.names, columns.values([change]), strict=True)
        if name != KEY
    ]
    return f"UPDATE lead SET {','.join(values)} WHERE lead_id={literals[change[KEY]]}"  # noqa: S608


def _inserts_of_all(
    literals: _Literals, dialect: Dialect, rows: Mapping[Table, Sequence[Row]]
) -> Iterator[str]:
    for table, each in rows.items():
        yield from _inserts(literals, dialect, table, each)


def _inserts(
    literals: _Literals, dialect: Dialect, table: Table, rows: Sequence[Row]
) -> Iterator[str]:
    """Yield the statements that insert ``rows``: one, or as many as keep each in a packet."""
    columns = columns_of(table, dialect, with_key=False)
    values = [literals[value] for value in columns.values(rows)]
    width = len(columns.names)
    begin = insert_into(table, dialect, columns)
    written: list[str] = []
    length = 0
    for start in range(0, len(values), width):
        row = f"({','.join(values[start : start + width])})"
        if written and length + len(row) > _LONGEST_BLOCK:
            yield f"{begin} {','.join(written)}"
            written, length = [], 0
        written.append(row)
        length += len(row)
    if written:
        yield f"{begin} {','.join(written)}"
