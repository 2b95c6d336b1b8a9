"""Fields of entities, and what can be asked of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import Any, Generic, Protocol, TypeVar, cast
from uuid import UUID

import attrs

from clientmgmt.errors import ConfigurationError

__all__ = ["Among", "Condition", "Entity", "Field", "Fields", "Operator", "Order", "Ordered", "any_of", "fields_of"]


class Entity(Protocol):
    """Whatever is stored is a frozen value with an ``id`` that never changes."""

    @property
    def id(self) -> UUID:
        """What it is found by, within its tenant and collection."""


E = TypeVar("E", bound=Entity)
P = TypeVar("P")
X = TypeVar("X", bound=Entity)
T = TypeVar("T")
C_co = TypeVar("C_co", covariant=True)


class Operator(StrEnum):
    """How a condition compares."""

    EQ = "eq"
    PRESENT = "present"
    IN = "in"
    LT = "lt"
    LE = "le"
    GT = "gt"
    GE = "ge"
    PREFIX = "prefix"
    ANY = "any"
    AMONG = "among"


@attrs.frozen(repr=False, eq=False)
class Condition(Generic[C_co]):
    """What :meth:`UnitOfWork.find` filters by: a field, an operator and a value, or several as alternatives.

    Made by the methods of :class:`Field` and by :func:`any_of`. Covariant: a condition on one side of a join is a
    condition on the join.
    """

    field: Field[Any, Any] | None
    operator: Operator
    value: Any = None
    alternatives: tuple[Condition[Any], ...] = ()


@attrs.frozen(repr=False, eq=False)
class Among:
    """Where the values of :meth:`Field.among` come from: a field of the entities of a collection that ``where`` finds.

    ``collection`` is a :class:`Collection`.
    """

    collection: Any
    field: Field[Any, Any]
    where: tuple[Condition[Any], ...]


def any_of(*conditions: Condition[C_co]) -> Condition[C_co]:
    """At least one of these holds; of none, none does."""
    return Condition(None, Operator.ANY, alternatives=conditions)


@attrs.frozen(repr=False, eq=False)
class Order(Generic[C_co]):
    """By which field, and in which direction, rows come; ties by the id of the left part, same direction."""

    field: Ordered[Any, Any]
    descending: bool = False


class Field(Generic[E, T]):
    """A queryable field of an entity.

    ``path`` is how it is reached (``("email", "key")``), ``get`` reaches it, ``entity`` is where it belongs.
    """

    __slots__ = ("entity", "get", "path")

    def __init__(self, entity: type[E], path: tuple[str, ...], get: Callable[[E], T]) -> None:
        self.entity: type[E] = entity
        self.path: tuple[str, ...] = path
        self.get: Callable[[E], T] = get

    def __repr__(self) -> str:
        return f"{self.entity.__name__}.{'.'.join(self.path)}"

    def eq(self, value: T | None) -> Condition[E]:
        """Equal to ``value``; ``None`` means that the field is missing."""
        return Condition(self, Operator.EQ, value)

    def present(self) -> Condition[E]:
        """Not missing."""
        return Condition(self, Operator.PRESENT)

    def in_(self, values: Iterable[T]) -> Condition[E]:
        """Equal to one of ``values``; of none, nothing is."""
        return Condition(self, Operator.IN, tuple(values))

    def among(self, collection: object, field: Field[X, T], *where: Condition[X]) -> Condition[E]:
        """Equal to what ``field`` is of some entity of ``collection`` for which all of ``where`` hold."""
        return Condition(self, Operator.AMONG, Among(collection, field, where))

    def prefix(self: Field[E, str], text: str) -> Condition[E]:
        """Starts with ``text``, compared by code point."""
        return Condition(self, Operator.PREFIX, text)


class Ordered(Field[E, T]):
    """A field that orders and compares, and is never missing. Text compares by code point."""

    __slots__ = ()

    def lt(self, value: T) -> Condition[E]:
        """Less than ``value``."""
        return Condition(self, Operator.LT, value)

    def le(self, value: T) -> Condition[E]:
        """At most ``value``."""
        return Condition(self, Operator.LE, value)

    def gt(self, value: T) -> Condition[E]:
        """Greater than ``value``."""
        return Condition(self, Operator.GT, value)

    def ge(self, value: T) -> Condition[E]:
        """At least ``value``."""
        return Condition(self, Operator.GE, value)

    def asc(self) -> Order[E]:
        """Smallest first."""
        return Order(self)

    def desc(self) -> Order[E]:
        """Greatest first."""
        return Order(self, descending=True)


class _Recorder:
    """Stands in for an entity while a lambda is read: remembers which attributes it reaches for."""

    __slots__ = ("_path",)

    def __init__(self, path: tuple[str, ...] = ()) -> None:
        self._path = path

    def __getattr__(self, name: str) -> _Recorder:
        return _Recorder((*self._path, name))


class Fields(Generic[E]):
    """Makes the fields of one entity from lambdas: ``of(lambda client: client.email.key)``."""

    __slots__ = ("_entity",)

    def __init__(self, entity: type[E]) -> None:
        self._entity = entity

    def __call__(self, get: Callable[[E], T]) -> Field[E, T]:
        """A field that can be compared for equality."""
        return Field(self._entity, self._path(get), get)

    def ordered(self, get: Callable[[E], T]) -> Ordered[E, T]:
        """A field that can order; it must never be ``None``."""
        return Ordered(self._entity, self._path(get), get)

    def when_present(self, get: Callable[[E], T | None]) -> Ordered[E, T]:
        """A field that can order although it may be missing: only together with :meth:`Field.present`."""
        return Ordered(self._entity, self._path(get), cast("Callable[[E], T]", get))

    def inside(self, part: Callable[[E], P | None], get: Callable[[P], T]) -> Field[E, T | None]:
        """A field of a value object that may be missing.

        For instance ``of.inside(lambda book: book.loan, lambda loan: loan.due)``.
        """

        def reach(entity: E) -> T | None:
            found = part(entity)
            return None if found is None else get(found)

        return Field(self._entity, self._path(part) + self._path(get), reach)

    @staticmethod
    def _path(get: Callable[[Any], object]) -> tuple[str, ...]:
        reached = get(_Recorder())
        if isinstance(reached, _Recorder) and (path := reached._path):  # noqa: SLF001 - its own recorder
            return path
        message = "a field is declared by a lambda that only reaches for attributes"
        raise ConfigurationError(message)


def fields_of(entity: type[E]) -> Fields[E]:
    """The maker of fields of ``entity``."""
    return Fields(entity)
