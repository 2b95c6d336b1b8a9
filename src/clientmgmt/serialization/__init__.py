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

import re
from collections.abc import Callable, Iterator, Mapping
from enum import Enum
from functools import cache
from inspect import isclass
from types import GenericAlias
from typing import Any, TypeVar, get_args, get_origin

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

from clientmgmt.domain.events import Event
from clientmgmt.errors import ConfigurationError, InvalidInputError, Violation
from clientmgmt.serialization._leaves import READERS, WRITERS, Wrong, member, missing_or, no_value

__all__ = ["dump", "load"]

T = TypeVar("T")

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


def _violations(error: Exception, path: str) -> Iterator[Violation]:
    match error:
        case ClassValidationError() | IterableValidationError():
            yield from _grouped(error, path)
        case Wrong():
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


_Reader = Callable[[Any, Any], Any]


@cache
def _converter() -> Converter:
    converter = Converter(
        forbid_extra_keys=True,
        unstruct_collection_overrides={tuple: list, frozenset: sorted},
        unstructure_fallback_factory=lambda _: no_value,
    )
    converter.register_structure_hook_factory(_is_list, lambda kind: _list_reader(converter, kind))
    converter.register_structure_hook_factory(
        _is_mapping, lambda kind: _of_object(converter.gen_structure_mapping(kind))
    )
    converter.register_structure_hook_factory(attrs.has, lambda kind: _class_reader(converter, kind))
    converter.register_structure_hook_func(_is_enum, lambda data, kind: member(kind, data))
    converter.register_structure_hook_factory(_is_event, lambda kind: _event_reader(converter, kind))
    converter.register_unstructure_hook_factory(_is_event, lambda kind: _event_writer(converter, kind))
    for kind, read in READERS.items():
        converter.register_structure_hook(kind, _leaf(read))
    for kind, write in WRITERS.items():
        converter.register_unstructure_hook(kind, write)
    return converter


def _leaf(read: Callable[[object], object]) -> _Reader:
    # The hook of a class is also asked for its subclasses: that of str for enumerations of texts.
    return lambda data, kind: member(kind, data) if _is_enum(kind) else read(data)


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
            raise Wrong(*missing_or(data, "not_a_list", "must be a list"))
        return make(read(data, plain))

    return reader


def _of_object(read: _Reader) -> _Reader:
    def reader(data: object, kind: object) -> object:
        if not isinstance(data, Mapping):
            raise Wrong(*missing_or(data, "not_an_object", "must be an object"))
        return read(data, kind)

    return reader


def _class_reader(converter: Converter, kind: Any) -> _Reader:  # noqa: ANN401 - any annotation
    # cattrs before 26 would resolve the annotations of `Page[Contact]`, which has none of its own.
    attrs.resolve_types(get_origin(kind) or kind)
    return _of_object(converter.gen_structure_attrs_fromdict(kind))


def _event_reader(converter: Converter, kind: type[Event]) -> _Reader:
    readers: dict[type[Event], _Reader] = {}

    def reader(data: Mapping[str, object], _: object) -> object:
        kinds = {event.name: event for event in (kind, *kind.__subclasses__())}
        name = data.get("name")
        event = kinds.get(name) if isinstance(name, str) else None
        if event is None:
            raise _at_field(kind, "name", Wrong(*missing_or(name, "unknown_name", "must be the name of an event")))
        rest = {key: value for key, value in data.items() if key != "name"}
        if event not in readers:
            readers[event] = converter.gen_structure_attrs_fromdict(event)
        return readers[event](rest, event)

    return _of_object(reader)


def _at_field(kind: type, field: str, reason: Wrong) -> ClassValidationError:
    reason.add_note(AttributeValidationNote("", field, str))
    return ClassValidationError("", [reason], kind)


def _event_writer(converter: Converter, kind: type[Event]) -> Callable[[Event], dict[str, Any]]:
    write = converter.gen_unstructure_attrs_fromdict(kind)
    return lambda event: {"name": kind.name} | write(event)
