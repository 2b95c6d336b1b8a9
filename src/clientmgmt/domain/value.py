"""The base of all frozen values: how they print and compare.

``attrs`` can generate these methods for every class, at the price of compiling them whenever the package is
imported. Values are seldom compared, so one implementation that goes through the fields serves them all.
"""

from __future__ import annotations

from typing import Any, ClassVar

__all__ = ["Value"]


class Value:
    """A frozen value: equal to another of its class with equal fields, hashable, printed with its fields.

    Subclasses are made with ``@attrs.frozen(repr=False, eq=False)``; fields with ``repr=False`` are not printed.
    """

    __slots__ = ()
    __attrs_attrs__: ClassVar[tuple[Any, ...]]

    def __repr__(self) -> str:
        shown = (f"{field.name}={getattr(self, field.name)!r}" for field in self.__attrs_attrs__ if field.repr)
        return f"{type(self).__name__}({', '.join(shown)})"

    def __eq__(self, other: object) -> bool:
        if other.__class__ is not self.__class__:
            return NotImplemented
        return all(getattr(self, field.name) == getattr(other, field.name) for field in self.__attrs_attrs__)

    def __hash__(self) -> int:
        return hash((type(self), *(getattr(self, field.name) for field in self.__attrs_attrs__)))
