"""The kinds of columns that steps use: what the database is told, without what turns values into rows.

A kind that a released step uses never changes; a new way of storing something is a new kind.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

__all__ = ["column", "day", "flag", "json", "number", "price", "small", "text", "timestamp", "uuid"]

Kind = sa.types.TypeEngine[Any]


def column(
    name: str, kind: Kind, *, nullable: bool = False, default: str | None = None, identity: bool = False
) -> sa.Column[Any]:
    """A column.

    Args:
        name: what it is called, in every database.
        kind: one of the kinds of this module.
        nullable: whether a value may be missing.
        default: SQL for rows that do not say; a column that is added to a table and not nullable needs it.
        identity: whether PostgreSQL numbers the rows.
    """
    given = [sa.Identity(always=True)] if identity else []
    return sa.Column(name, kind, *given, nullable=nullable, server_default=default and sa.text(default))


def uuid() -> Kind:
    """An id."""
    return sa.LargeBinary(16).with_variant(postgresql.UUID(), "postgresql")


def text() -> Kind:
    """Text that compares by code point; choices too."""
    return sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")


def timestamp() -> Kind:
    """A time; on SQLite microseconds since 1970."""
    return sa.BigInteger().with_variant(postgresql.TIMESTAMP(timezone=True), "postgresql")


def day() -> Kind:
    """A date."""
    return sa.Date()


def flag() -> Kind:
    """True or false."""
    return sa.Boolean()


def number() -> Kind:
    """A whole number of 64 bits."""
    return sa.BigInteger()


def small() -> Kind:
    """A whole number of 32 bits."""
    return sa.Integer()


def price() -> Kind:
    """A decimal number with up to six places; on SQLite millionths."""
    return sa.BigInteger().with_variant(sa.Numeric(24, 6), "postgresql")


def json() -> Kind:
    """A list or an object of plain values."""
    return sa.Text().with_variant(postgresql.JSON(), "postgresql")
