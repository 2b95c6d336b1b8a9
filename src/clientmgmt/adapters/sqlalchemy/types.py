"""Column types: each keeps one kind of Python value and gives the same value back, whatever the database.

The converters are handed to SQLAlchemy as they are, without the wrapping of ``process_bind_param``: they run
for every value of every row.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from functools import partial
from typing import Any, get_args, get_origin
from uuid import UUID

import attrs
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from clientmgmt.adapters.sqlalchemy import converters
from clientmgmt.errors import ConfigurationError

__all__ = ["ChoiceType", "DateType", "DecimalType", "JsonType", "TimestampType", "UuidType", "column_type", "text_type"]

Converter = Callable[[Any], Any]


class TimestampType(sa.types.TypeDecorator[datetime]):
    """An aware time, read back in UTC: ``timestamptz`` on PostgreSQL, microseconds since 1970 on SQLite.

    Times without a zone are refused.
    """

    impl: sa.types.TypeEngine[Any] | type[sa.types.TypeEngine[Any]] = sa.BigInteger
    cache_ok: bool | None = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> sa.types.TypeEngine[Any]:
        """The database's own type."""
        native = postgresql.TIMESTAMP(timezone=True) if _is_postgresql(dialect) else sa.BigInteger()
        return dialect.type_descriptor(native)

    def bind_processor(self, dialect: sa.Dialect) -> Converter:
        """What turns a value into a parameter."""
        return converters.aware if _is_postgresql(dialect) else converters.to_microseconds

    def result_processor(self, dialect: sa.Dialect, coltype: object) -> Converter:  # noqa: ARG002 - the base's
        """What turns a column into a value."""
        return converters.in_utc if _is_postgresql(dialect) else converters.from_microseconds


class UuidType(sa.types.TypeDecorator[UUID]):
    """An id: ``uuid`` on PostgreSQL, 16 bytes on SQLite."""

    impl: sa.types.TypeEngine[Any] | type[sa.types.TypeEngine[Any]] = sa.LargeBinary
    cache_ok: bool | None = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> sa.types.TypeEngine[Any]:
        """The database's own type."""
        native = postgresql.UUID() if _is_postgresql(dialect) else sa.LargeBinary(16)
        return dialect.type_descriptor(native)

    def bind_processor(self, dialect: sa.Dialect) -> Converter | None:
        """What turns a value into a parameter."""
        return None if _is_postgresql(dialect) else converters.to_bytes

    def result_processor(self, dialect: sa.Dialect, coltype: object) -> Converter | None:  # noqa: ARG002 - the base's
        """What turns a column into a value."""
        if dialect.driver == "asyncpg":
            return converters.plain_id
        return None if _is_postgresql(dialect) else converters.from_bytes


class DecimalType(sa.types.TypeDecorator[Decimal]):
    """A decimal number of at most six places: ``numeric(24, 6)`` on PostgreSQL, millionths on SQLite.

    More places, and numbers whose millionths exceed 64 bits, are refused rather than rounded.
    """

    impl: sa.types.TypeEngine[Any] | type[sa.types.TypeEngine[Any]] = sa.BigInteger
    cache_ok: bool | None = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> sa.types.TypeEngine[Any]:
        """The database's own type."""
        return dialect.type_descriptor(sa.Numeric(24, 6) if _is_postgresql(dialect) else sa.BigInteger())

    def bind_processor(self, dialect: sa.Dialect) -> Converter:
        """What turns a value into a parameter."""
        return converters.exact if _is_postgresql(dialect) else converters.to_millionths

    def result_processor(self, dialect: sa.Dialect, coltype: object) -> Converter | None:  # noqa: ARG002 - the base's
        """What turns a column into a value."""
        return None if _is_postgresql(dialect) else converters.from_millionths


class DateType(sa.types.TypeDecorator[date]):
    """A day: ``date`` on PostgreSQL, ISO 8601 text on SQLite, where some drivers make a date of it by themselves."""

    impl: sa.types.TypeEngine[Any] | type[sa.types.TypeEngine[Any]] = sa.Date
    cache_ok: bool | None = True

    def bind_processor(self, dialect: sa.Dialect) -> Converter | None:
        """What turns a value into a parameter."""
        return converters.plain_day if _is_postgresql(dialect) else converters.to_iso

    def result_processor(self, dialect: sa.Dialect, coltype: object) -> Converter | None:  # noqa: ARG002 - the base's
        """What turns a column into a value."""
        return None if _is_postgresql(dialect) else converters.from_iso


class ChoiceType(sa.types.TypeDecorator[StrEnum]):
    """A member of ``choices``, stored as its value; the database knows plain text only."""

    impl: sa.types.TypeEngine[Any] | type[sa.types.TypeEngine[Any]] = sa.Text
    cache_ok: bool | None = True

    def __init__(self, choices: type[StrEnum]) -> None:
        super().__init__()
        self.choices = choices

    def load_dialect_impl(self, dialect: sa.Dialect) -> sa.types.TypeEngine[Any]:
        """The database's own type."""
        return _native_text(dialect)

    def bind_processor(self, dialect: sa.Dialect) -> Converter:  # noqa: ARG002 - the base's
        """What turns a value into a parameter."""
        return converters.plain_text

    def result_processor(self, dialect: sa.Dialect, coltype: object) -> Converter:  # noqa: ARG002 - the base's
        """What turns a column into a value."""
        members: dict[str | None, StrEnum | None] = {member.value: member for member in self.choices}
        return {**members, None: None}.__getitem__


class JsonType(sa.types.TypeDecorator[Any]):
    """A tuple or a mapping of plain values: ``json`` on PostgreSQL, which keeps the order, compact JSON text on SQLite.

    ``shape`` is ``tuple`` or ``dict``, which is what is read back; ``parts`` is the class of value objects in a tuple,
    whose attributes are plain.
    """

    impl: sa.types.TypeEngine[Any] | type[sa.types.TypeEngine[Any]] = sa.Text
    cache_ok: bool | None = True

    def __init__(self, shape: type, parts: type | None = None) -> None:
        super().__init__()
        self.shape = shape
        self.parts = parts

    def load_dialect_impl(self, dialect: sa.Dialect) -> sa.types.TypeEngine[Any]:
        """The database's own type."""
        return dialect.type_descriptor(postgresql.JSON() if _is_postgresql(dialect) else sa.Text())

    def bind_processor(self, dialect: sa.Dialect) -> Converter:  # noqa: ARG002 - the base's
        """What turns a value into a parameter."""
        return converters.to_json

    def result_processor(self, dialect: sa.Dialect, coltype: object) -> Converter:  # noqa: ARG002 - the base's
        """What turns a column into a value."""
        shape, parts = self.shape, self.parts
        if parts is not None:
            return partial(_parts, parts, loads=None if _is_postgresql(dialect) else json.loads)
        if _is_postgresql(dialect):
            return lambda loaded: None if loaded is None else shape(loaded)
        return lambda text: None if text is None else shape(json.loads(text))


def _parts(parts: type, stored: Any, *, loads: Converter | None) -> tuple[Any, ...] | None:  # noqa: ANN401 - JSON
    if stored is None:
        return None
    return tuple(parts(**attributes) for attributes in (stored if loads is None else loads(stored)))


def text_type() -> sa.types.TypeEngine[str]:
    """Text that compares by code point on both databases."""
    return sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")


def column_type(hint: Any) -> sa.types.TypeEngine[Any]:  # noqa: ANN401 - type hints have no common type
    """The column type for values of the type ``hint``; ``ConfigurationError`` if there is none."""
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return ChoiceType(hint)
    origin, arguments = get_origin(hint) or hint, get_args(hint)
    if origin is tuple and arguments and attrs.has(arguments[0]):
        return JsonType(tuple, arguments[0])
    if origin in _MADE:
        return _MADE[origin]()
    message = f"values of the type {hint} cannot be stored in a column"
    raise ConfigurationError(message)


_MADE: Mapping[object, Callable[[], sa.types.TypeEngine[Any]]] = {
    UUID: UuidType,
    datetime: TimestampType,
    date: DateType,
    str: text_type,
    bool: sa.Boolean,
    int: sa.BigInteger,
    Decimal: DecimalType,
    tuple: lambda: JsonType(tuple),
    dict: lambda: JsonType(dict),
    Mapping: lambda: JsonType(dict),
}


def _is_postgresql(dialect: sa.Dialect) -> bool:
    return dialect.name == "postgresql"


def _native_text(dialect: sa.Dialect) -> sa.types.TypeEngine[str]:
    return postgresql.TEXT(collation="C") if _is_postgresql(dialect) else sa.Text()
