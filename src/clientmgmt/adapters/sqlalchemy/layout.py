"""How an entity lies in columns: value objects flattened, names joined by underscores."""

from __future__ import annotations

import types
from collections.abc import Iterator
from typing import Any, NewType, Union, cast, get_args, get_origin, get_type_hints

import attrs

from clientmgmt.errors import ConfigurationError

__all__ = ["Leaf", "Part", "leaves_of", "parts_of"]


@attrs.frozen
class Part:
    """One attribute of a class: its name, that in the constructor, its type, and whether it may be missing.

    ``parts`` are the attributes of a value object, and empty for everything else.
    """

    name: str
    alias: str
    type: Any
    optional: bool
    parts: tuple[Part, ...] = ()


@attrs.frozen
class Leaf:
    """One column: the attributes that lead to it, its type, and whether it may be ``NULL``."""

    path: tuple[str, ...]
    type: Any
    optional: bool

    @property
    def column(self) -> str:
        """The name of the column."""
        return "_".join(self.path)


def parts_of(entity: type) -> tuple[Part, ...]:
    """The attributes of an attrs class in their order.

    ``ConfigurationError`` where one cannot be stored: the first attribute of an optional value object may not
    be optional, because it says whether the object is there.
    """
    hints = get_type_hints(entity)
    fields = attrs.fields(cast("type[attrs.AttrsInstance]", entity))
    return tuple(_part(entity, field, hints[field.name]) for field in fields)


def leaves_of(parts: tuple[Part, ...], above: tuple[str, ...] = (), *, optional: bool = False) -> Iterator[Leaf]:
    """The columns that ``parts`` need."""
    for part in parts:
        path = (*above, part.name)
        if part.parts:
            yield from leaves_of(part.parts, path, optional=optional or part.optional)
        else:
            yield Leaf(path, part.type, optional or part.optional)


def _part(entity: type, field: attrs.Attribute[Any], hint: Any) -> Part:  # noqa: ANN401 - a type hint
    kind, optional = _required(hint)
    parts = parts_of(kind) if isinstance(kind, type) and attrs.has(kind) else ()
    if parts and optional and parts[0].optional:
        message = f"{entity.__name__}.{field.name}: nothing tells whether it is there"
        raise ConfigurationError(message)
    if not field.init:
        message = f"{entity.__name__}.{field.name}: an attribute that the constructor does not take"
        raise ConfigurationError(message)
    return Part(field.name, field.alias or field.name, kind, optional, parts)


def _required(hint: Any) -> tuple[Any, bool]:  # noqa: ANN401 - type hints have no common type
    if isinstance(hint, NewType):
        return _required(hint.__supertype__)
    if get_origin(hint) in {Union, types.UnionType}:
        others = [argument for argument in get_args(hint) if argument is not types.NoneType]
        if len(others) == 1:
            return _required(others[0])[0], True
    return hint, False
