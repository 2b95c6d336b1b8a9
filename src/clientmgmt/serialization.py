"""Values to JSON-ready data and back: the one place that knows how.

=================  =================================================================
value              data
=================  =================================================================
UUID, typed id     text in the canonical form
datetime           ISO 8601 in UTC with ``Z``; read with any offset, never without
date               ISO 8601
timedelta          seconds
Decimal            text, without an exponent
Email              the address as text
enumeration        its value
Secret             ``***``; never read back
tuple, frozenset   list
event              its fields and its ``name``
other values       an object with all fields
=================  =================================================================
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from functools import cache
from inspect import isclass
from types import GenericAlias, NoneType
from typing import Any, NoReturn, TypeVar, get_args, get_origin
from uuid import UUID

import attrs
from cattrs import Converter
from cattrs.errors import (
    AttributeValidationNote,
    ClassValidationError,
    ForbiddenExtraKeysError,
    IterableValidationError,
    IterableValidationNote,
    StructureHandlerNotFoundError,
)

from clientmgmt.domain.email import Email, parse_email
from clientmgmt.domain.events import Event
from clientmgmt.domain.secret import Secret
from clientmgmt.errors import ConfigurationError, InvalidInputError, Violation

__all__ = ["dump", "load"]

T = TypeVar("T")

_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?(Z|[+-][0-9]{2}:[0-9]{2})?"
)
_DECIMAL = re.compile(r"-?[0-9]{1,40}(\.[0-9]{1,40})?")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")


def dump(value: object) -> Any:  # noqa: ANN401 - JSON has no type that is of use to a caller
    """What ``value`` is in JSON: ``dict``, ``list``, ``str``, ``int``, ``float``, ``bool`` and ``None`` only.

    Raises:
        ConfigurationError: something in it is not a value of this package, or a time has no zone.

    >>> dump(Violation("required", "must not be empty", "name"))
    {'code': 'required', 'message': 'must not be empty', 'field': 'name', 'data': {}}
    """
    return _converter().unstructure(value)


def load(kind: type[T], data: object, /) -> T:
    """The value that :func:`dump` made ``data`` of; ``kind`` may be generic: ``Page[Contact]``.

    Nothing is guessed: unknown keys are refused, text is no number and a number is no switch.

    Raises:
        InvalidInputError: everything that is wrong, by path (``items[0].email``); values are not repeated.
        ConfigurationError: there is no way from JSON to this type.

    >>> load(Violation, {"code": 1, "message": "must not be empty", "colour": "red"})
    Traceback (most recent call last):
    clientmgmt.errors.InvalidInputError: code must be text; colour is not a known field
    """
    try:
        return _converter().structure(data, kind)
    except Exception as error:  # noqa: BLE001 - whatever a constructor objects to is a reason
        violations = tuple(_violations(error, ""))
    raise InvalidInputError(violations)


class _Wrong(Exception):  # noqa: N818 - never leaves this module
    """One value is refused; the arguments are those of a violation."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code, message)
        self.code, self.message = code, message


def _violations(error: Exception, path: str) -> Iterator[Violation]:
    match error:
        case ClassValidationError() | IterableValidationError():
            yield from _grouped(error, path)
        case _Wrong():
            yield Violation(error.code, error.message, path or None)
        case ForbiddenExtraKeysError():
            for name in sorted(error.extra_fields, key=str):
                yield Violation("unknown_field", "is not a known field", _below(path, name))
        case StructureHandlerNotFoundError():
            message = f"{error.type_} cannot be read from JSON"
            raise ConfigurationError(message) from None
        case _:
            yield Violation("invalid", "is not allowed", path or None)


def _grouped(error: ClassValidationError | IterableValidationError, path: str) -> Iterator[Violation]:
    for reason in error.exceptions:
        below = next((_below(path, note) for note in getattr(reason, "__notes__", ())), path)
        if isinstance(reason, KeyError):
            yield Violation("required", "must not be missing", below)
        else:
            yield from _violations(reason, below)


def _below(path: str, part: object) -> str:
    """The path of a part; a name that no field could have is not repeated."""
    match part:
        case IterableValidationNote(index=int(number)):
            return f"{path}[{number}]"
        case IterableValidationNote(index=name) | AttributeValidationNote(name=name):
            pass
        case name:
            pass
    shown = name if isinstance(name, str) and _NAME.fullmatch(name) else "?"
    return f"{path}.{shown}" if path else shown


# Reading: each function takes JSON and answers with a value, or raises _Wrong.


def _text(data: object) -> str:
    if type(data) is not str:
        raise _Wrong(*_missing_or(data, "not_text", "must be text"))
    return data


def _integer(data: object) -> int:
    if type(data) is not int:
        raise _Wrong(*_missing_or(data, "not_an_integer", "must be a whole number"))
    return data


def _number(data: object) -> float:
    if type(data) is float and math.isfinite(data):
        return data
    if type(data) is int:
        return _tried(float, data, "not_a_number", "must be a number")
    raise _Wrong(*_missing_or(data, "not_a_number", "must be a number"))


def _flag(data: object) -> bool:
    if type(data) is not bool:
        raise _Wrong(*_missing_or(data, "not_a_flag", "must be true or false"))
    return data


def _text_or_int(data: object) -> str | int:
    if type(data) is not str and type(data) is not int:
        raise _Wrong(*_missing_or(data, "not_text", "must be text or a whole number"))
    return data


def _uuid(data: object) -> UUID:
    return UUID(_matching(_UUID, data, "not_an_id", "must be a UUID"))


def _moment(data: object) -> datetime:
    message = "must be a time in ISO 8601, such as 2026-01-31T12:00:00Z"
    text = _matching(_TIME, data, "not_a_time", message)
    at = _tried(datetime.fromisoformat, text, "not_a_time", message)
    if at.tzinfo is None:
        code, missing = "no_zone", "must have a zone, such as Z"
        raise _Wrong(code, missing)
    return _tried(_to_utc, at, "not_a_time", message)


def _to_utc(at: datetime) -> datetime:
    return at.astimezone(UTC)


def _day(data: object) -> date:
    message = "must be a date in ISO 8601, such as 2026-01-31"
    return _tried(date.fromisoformat, _matching(_DATE, data, "not_a_date", message), "not_a_date", message)


def _duration(data: object) -> timedelta:
    message = "must be a number of seconds"
    if type(data) is not int and not (type(data) is float and math.isfinite(data)):
        raise _Wrong(*_missing_or(data, "not_a_duration", message))
    return _tried(lambda seconds: timedelta(seconds=seconds), data, "not_a_duration", message)


def _decimal(data: object) -> Decimal:
    return Decimal(
        _matching(_DECIMAL, data, "not_a_decimal", "must be a decimal number as text, such as '12.50'")
    )


def _email(data: object) -> Email:
    email, violations = parse_email(data, field="")
    for violation in violations:
        raise _Wrong(violation.code, violation.message)
    return email


def _secret(_: object) -> NoReturn:
    code, message = "secret", "is secret and never read back"
    raise _Wrong(code, message)


def _member(kind: type[Enum], data: object) -> Enum:
    known = {member.value: member for member in kind}
    if type(data) is str and data in known:
        return known[data]
    raise _Wrong(*_missing_or(data, "unknown_name", f"must be one of {', '.join(map(str, known))}"))


def _missing_or(data: object, code: str, message: str) -> tuple[str, str]:
    return ("required", "must not be empty") if data is None else (code, message)


def _matching(pattern: re.Pattern[str], data: object, code: str, message: str) -> str:
    if type(data) is str and pattern.fullmatch(data):
        return data
    raise _Wrong(*_missing_or(data, code, message))


def _tried(read: Callable[[Any], T], data: object, code: str, message: str) -> T:
    try:
        return read(data)
    except (OverflowError, ValueError):
        raise _Wrong(code, message) from None


_READERS: Mapping[Any, Callable[[object], object]] = {
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


# Writing.


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


def _no_value(value: object) -> NoReturn:
    message = f"{type(value).__name__} cannot be written to JSON"
    raise ConfigurationError(message)


def _finite(value: float) -> float:
    return value if math.isfinite(value) else _no_value(value)


_WRITERS: Mapping[Any, Callable[[Any], object]] = {
    NoneType: _itself,
    bytes: _no_value,
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


# Putting it together.

_Reader = Callable[[Any, Any], Any]


@cache
def _converter() -> Converter:
    converter = Converter(
        forbid_extra_keys=True,
        unstruct_collection_overrides={tuple: list, frozenset: sorted},
        unstructure_fallback_factory=lambda _: _no_value,
    )
    converter.register_structure_hook_factory(_is_list, lambda kind: _list_reader(converter, kind))
    converter.register_structure_hook_factory(
        _is_mapping, lambda kind: _of_object(converter.gen_structure_mapping(kind))
    )
    converter.register_structure_hook_factory(attrs.has, lambda kind: _class_reader(converter, kind))
    converter.register_structure_hook_func(_is_enum, lambda data, kind: _member(kind, data))
    converter.register_structure_hook_factory(_is_event, lambda kind: _event_reader(converter, kind))
    converter.register_unstructure_hook_factory(_is_event, lambda kind: _event_writer(converter, kind))
    for kind, read in _READERS.items():
        converter.register_structure_hook(kind, _leaf(read))
    for kind, write in _WRITERS.items():
        converter.register_unstructure_hook(kind, write)
    return converter


def _leaf(read: Callable[[object], object]) -> _Reader:
    # The hook of a class is also asked for its subclasses: that of str for enumerations of texts.
    return lambda data, kind: _member(kind, data) if _is_enum(kind) else read(data)


def _is_list(kind: object) -> bool:
    return get_origin(kind) is frozenset or (get_origin(kind) is tuple and get_args(kind)[1:] == (...,))


def _is_mapping(kind: object) -> bool:
    return get_origin(kind) in {Mapping, dict}


def _is_enum(kind: object) -> bool:
    return isclass(kind) and issubclass(kind, Enum)


def _is_event(kind: object) -> bool:
    return isclass(kind) and issubclass(kind, Event)


def _list_reader(converter: Converter, kind: Any) -> _Reader:  # noqa: ANN401 - any annotation
    plain = GenericAlias(list, get_args(kind)[:1])
    read, make = converter.get_structure_hook(plain), get_origin(kind)

    def reader(data: object, _: object) -> object:
        if not isinstance(data, list | tuple):
            raise _Wrong(*_missing_or(data, "not_a_list", "must be a list"))
        return make(read(data, plain))

    return reader


def _of_object(read: _Reader) -> _Reader:
    def reader(data: object, kind: object) -> object:
        if not isinstance(data, Mapping):
            raise _Wrong(*_missing_or(data, "not_an_object", "must be an object"))
        return read(data, kind)

    return reader


def _class_reader(converter: Converter, kind: Any) -> _Reader:  # noqa: ANN401 - any annotation
    return _of_object(converter.gen_structure_attrs_fromdict(kind))


def _event_reader(converter: Converter, kind: type[Event]) -> _Reader:
    readers: dict[type[Event], _Reader] = {}

    def reader(data: Mapping[str, object], _: object) -> object:
        kinds = {event.name: event for event in (kind, *kind.__subclasses__())}
        name = data.get("name")
        event = kinds.get(name) if isinstance(name, str) else None
        if event is None:
            raise _at_field(
                kind, "name", _Wrong(*_missing_or(name, "unknown_name", "must be the name of an event"))
            )
        rest = {key: value for key, value in data.items() if key != "name"}
        if event not in readers:
            readers[event] = converter.gen_structure_attrs_fromdict(event)
        return readers[event](rest, event)

    return _of_object(reader)


def _at_field(kind: type, field: str, reason: _Wrong) -> ClassValidationError:
    reason.add_note(AttributeValidationNote("", field, str))
    return ClassValidationError("", [reason], kind)


def _event_writer(converter: Converter, kind: type[Event]) -> Callable[[Event], dict[str, Any]]:
    write = converter.gen_unstructure_attrs_fromdict(kind)
    return lambda event: {"name": kind.name} | write(event)
