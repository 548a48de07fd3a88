"""What all tables share: types that mean the same on every engine, and how constraints are named.

Text is compared byte for byte on every engine (``utf8mb4_nopad_bin`` on MariaDB, where the default
takes José for Jose and "a " for "a"); whatever is compared without regard to case has a stored
folded key of its own. Times are UTC.
"""

from datetime import UTC, datetime
from typing import Any

from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import (
    BigInteger,
    DateTime,
    Dialect,
    Integer,
    LargeBinary,
    MetaData,
    Text,
    TypeDecorator,
)
from sqlalchemy.dialects import mysql
from sqlalchemy.orm import DeclarativeBase

LONG_TEXT = 1_000_000
"""Characters that a long text holds (contract, "size")."""


class UtcDateTime(TypeDecorator[datetime]):
    """An aware UTC time in Python, a plain time to the microsecond in the database."""

    impl = DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> Any:
        if dialect.name in ("mysql", "mariadb"):
            return dialect.type_descriptor(mysql.DATETIME(fsp=6))
        return dialect.type_descriptor(DateTime())

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.replace(tzinfo=UTC)


# SQLite numbers rows by itself only where the key is an INTEGER.
Key = BigInteger().with_variant(Integer(), "sqlite")
# TEXT and BLOB on MariaDB end at 64 kB.
LongText = Text().with_variant(mysql.MEDIUMTEXT(), "mysql", "mariadb")
Bytes = LargeBinary().with_variant(mysql.MEDIUMBLOB(), "mysql", "mariadb")

# A digest is compared and indexed, which a BLOB is not on MariaDB.
Digest = LargeBinary(16).with_variant(mysql.BINARY(16), "mysql", "mariadb")

FOLDED = 300
"""Characters of a folded key of 100: folding can make three of one."""


class Base(DeclarativeBase):
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


db = SQLAlchemy(model_class=Base, disable_autonaming=True)

_OPTIONS = {"engine": "InnoDB", "charset": "utf8mb4", "collate": "utf8mb4_nopad_bin"}
MARIADB = {f"{name}_{key}": _OPTIONS[key] for name in ("mysql", "mariadb") for key in _OPTIONS}
