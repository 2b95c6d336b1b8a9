"""What columns hold in place of values for which SQLite has no type, and back again.

They run for every value of every row, so they are written for speed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, SafeUUID

__all__ = [
    "aware",
    "exact",
    "from_bytes",
    "from_iso",
    "from_microseconds",
    "from_millionths",
    "in_utc",
    "plain_day",
    "plain_id",
    "plain_int",
    "plain_text",
    "to_bytes",
    "to_iso",
    "to_json",
    "to_microseconds",
    "to_millionths",
]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY_SECONDS = 86_400
_SECOND = 1_000_000
_SCALE = 10**6
_LARGEST = 2**63
_EMPTY = ("[]", "{}")
_PLAIN = (tuple, dict)


def _attributes(value: Any) -> dict[str, Any]:  # noqa: ANN401 - a value object
    return {field.name: getattr(value, field.name) for field in value.__attrs_attrs__}


_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False, default=_attributes).encode


def plain_int(value: int | None) -> int | None:
    """The number of a member of an enumeration, and every other as it is."""
    return None if value is None else int(value)


def plain_text(value: str | None) -> str | None:
    """The value of a member, also from a plain string."""
    return None if value is None else str.__str__(value)


def aware(value: datetime | None) -> datetime | None:
    """The time as it is, refused without a zone."""
    if value is not None and value.tzinfo is None:
        message = "a time without a zone cannot be stored"
        raise ValueError(message)
    return value


def in_utc(value: datetime | None) -> datetime | None:
    """The same moment in UTC."""
    return None if value is None else value.astimezone(UTC)


def to_microseconds(value: datetime | None) -> int | None:
    """Microseconds since 1970."""
    if value is None:
        return None
    since = value - _EPOCH  # refuses a time without a zone
    return (since.days * _DAY_SECONDS + since.seconds) * _SECOND + since.microseconds


def from_microseconds(value: int | None) -> datetime | None:
    """The time, in UTC."""
    return None if value is None else _EPOCH + timedelta(0, 0, value)


def plain_day(value: date | None) -> date | None:
    """The day as it is; a time is refused, although it is one for Python."""
    if isinstance(value, datetime):
        message = "a time cannot be stored as a day"
        raise TypeError(message)
    return value


def to_iso(value: date | None) -> str | None:
    """The day as ISO 8601 text."""
    return None if value is None else date.isoformat(plain_day(value) or value)


def from_iso(value: date | str | None) -> date | None:
    """The day, also if the driver has read it already."""
    return date.fromisoformat(value) if isinstance(value, str) else value


def to_bytes(value: UUID | None) -> bytes | None:
    """The 16 bytes of an id."""
    return None if value is None else value.bytes


def from_bytes(value: bytes | None) -> UUID | None:
    """The UUID without the checks of its constructor, which cost more than all the rest of reading a row."""
    if value is None:
        return None
    made = object.__new__(UUID)
    object.__setattr__(made, "int", int.from_bytes(value))
    object.__setattr__(made, "is_safe", SafeUUID.unknown)
    return made


def plain_id(value: UUID | None) -> UUID | None:
    """The same id as an object of Python's own class, not of a driver's."""
    return None if value is None else from_bytes(value.bytes)


def _millionths(value: Decimal) -> int:
    numerator, denominator = value.as_integer_ratio()
    millionths, rest = divmod(numerator * _SCALE, denominator)
    if rest or not -_LARGEST <= millionths < _LARGEST:
        message = "a decimal number needs more places than can be stored"
        raise ValueError(message)
    return millionths


def exact(value: Decimal | None) -> Decimal | None:
    """The number as it is, refused if it would have to be rounded."""
    if value is None:
        return None
    _millionths(value)
    return Decimal(value)


def to_millionths(value: Decimal | None) -> int | None:
    """The number as an integer."""
    return None if value is None else _millionths(value)


def from_millionths(value: int | None) -> Decimal | None:
    """The number, with six places."""
    return None if value is None else Decimal(value).scaleb(-6)


def to_json(value: Any) -> str | None:  # noqa: ANN401 - whatever JSON can hold
    """Compact JSON text."""
    if not value:
        return None if value is None else _EMPTY[isinstance(value, Mapping)]
    return _encode(value if type(value) in _PLAIN else dict(value))
