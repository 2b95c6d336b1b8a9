"""Single values: each has a reader that takes JSON and answers with the value, and a writer that does the reverse."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from types import NoneType
from typing import Any, NoReturn, TypeVar
from uuid import UUID

from clientmgmt.domain.email import Email, parse_email
from clientmgmt.domain.secret import Secret
from clientmgmt.errors import ConfigurationError

__all__ = ["READERS", "WRITERS", "Wrong", "member", "missing_or", "no_value"]

T = TypeVar("T")

_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?(Z|[+-][0-9]{2}:[0-9]{2})?")
_DECIMAL = re.compile(r"-?[0-9]{1,40}(\.[0-9]{1,40})?")


class Wrong(Exception):  # noqa: N818 - never leaves this package
    """One value is refused; the arguments are those of a violation."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code, message)
        self.code, self.message = code, message


def _text(data: object) -> str:
    if type(data) is not str:
        raise Wrong(*missing_or(data, "not_text", "must be text"))
    return data


def _integer(data: object) -> int:
    if type(data) is not int:
        raise Wrong(*missing_or(data, "not_an_integer", "must be a whole number"))
    return data


def _number(data: object) -> float:
    if type(data) is float and math.isfinite(data):
        return data
    if type(data) is int:
        return _tried(float, data, "not_a_number", "must be a number")
    raise Wrong(*missing_or(data, "not_a_number", "must be a number"))


def _flag(data: object) -> bool:
    if type(data) is not bool:
        raise Wrong(*missing_or(data, "not_a_flag", "must be true or false"))
    return data


def _text_or_int(data: object) -> str | int:
    if type(data) is not str and type(data) is not int:
        raise Wrong(*missing_or(data, "not_text", "must be text or a whole number"))
    return data


def _uuid(data: object) -> UUID:
    return UUID(_matching(_UUID, data, "not_an_id", "must be a UUID"))


def _moment(data: object) -> datetime:
    message = "must be a time in ISO 8601, such as 2026-01-31T12:00:00Z"
    text = _matching(_TIME, data, "not_a_time", message)
    at = _tried(datetime.fromisoformat, text, "not_a_time", message)
    if at.tzinfo is None:
        code, missing = "no_zone", "must have a zone, such as Z"
        raise Wrong(code, missing)
    return _tried(_to_utc, at, "not_a_time", message)


def _to_utc(at: datetime) -> datetime:
    return at.astimezone(UTC)


def _day(data: object) -> date:
    message = "must be a date in ISO 8601, such as 2026-01-31"
    return _tried(date.fromisoformat, _matching(_DATE, data, "not_a_date", message), "not_a_date", message)


def _duration(data: object) -> timedelta:
    message = "must be a number of seconds"
    if type(data) is not int and not (type(data) is float and math.isfinite(data)):
        raise Wrong(*missing_or(data, "not_a_duration", message))
    return _tried(lambda seconds: timedelta(seconds=seconds), data, "not_a_duration", message)


def _decimal(data: object) -> Decimal:
    return Decimal(_matching(_DECIMAL, data, "not_a_decimal", "must be a decimal number as text, such as '12.50'"))


def _email(data: object) -> Email:
    email, violations = parse_email(data, field="")
    for violation in violations:
        raise Wrong(violation.code, violation.message)
    return email


def _secret(_: object) -> NoReturn:
    code, message = "secret", "is secret and never read back"
    raise Wrong(code, message)


def member(kind: type[Enum], data: object) -> Enum:
    """The member of ``kind`` with this value, written exactly."""
    known = {member.value: member for member in kind}
    if type(data) is str and data in known:
        return known[data]
    raise Wrong(*missing_or(data, "unknown_name", f"must be one of {', '.join(map(str, known))}"))


def missing_or(data: object, code: str, message: str) -> tuple[str, str]:
    """What is wrong: that it is missing, else the given code and message."""
    return ("required", "must not be empty") if data is None else (code, message)


def _matching(pattern: re.Pattern[str], data: object, code: str, message: str) -> str:
    if type(data) is str and pattern.fullmatch(data):
        return data
    raise Wrong(*missing_or(data, code, message))


def _tried(read: Callable[[Any], T], data: object, code: str, message: str) -> T:
    try:
        return read(data)
    except (OverflowError, ValueError):
        raise Wrong(code, message) from None


READERS: Mapping[Any, Callable[[object], object]] = {
    str: _text,
    int: _integer,
    float: _number,
    bool: _flag,
    UUID: _uuid,
    datetime: _moment,
    date: _day,
    timedelta: _duration,
    Decimal: _decimal,
    Email: _email,
    Secret: _secret,
    str | int: _text_or_int,
}


def _instant(at: datetime) -> str:
    if at.tzinfo is None:
        message = "a time without a zone cannot be written to JSON"
        raise ConfigurationError(message)
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _seconds(duration: timedelta) -> int | float:
    """Whole seconds as an integer; parts of a second are exact up to 272 years, where a float gets coarse."""
    whole = duration // timedelta(seconds=1)
    return whole if duration == timedelta(seconds=whole) else duration.total_seconds()


def _itself(value: T) -> T:
    return value


def no_value(value: object) -> NoReturn:
    """Refuse what has no form in JSON."""
    message = f"{type(value).__name__} cannot be written to JSON"
    raise ConfigurationError(message)


def _finite(value: float) -> float:
    return value if math.isfinite(value) else no_value(value)


WRITERS: Mapping[Any, Callable[[Any], object]] = {
    NoneType: _itself,
    bytes: no_value,
    str: str.__str__,  # plain text also of a member of an enumeration
    int: _itself,
    float: _finite,
    bool: _itself,
    UUID: str,
    datetime: _instant,
    date: date.isoformat,
    timedelta: _seconds,
    Decimal: "{:f}".format,
    Email: str,
    Secret: str,
}
