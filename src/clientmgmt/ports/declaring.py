"""Collections: what a store is told about the entities that it holds."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any, ClassVar, Generic, TypeAlias, TypeVar, cast

import attrs

from clientmgmt.errors import ConfigurationError
from clientmgmt.ports.fields import Entity, Field, Ordered

__all__ = ["ARRIVAL", "Collection", "Indexes", "Join", "Keys", "References", "Source"]

E = TypeVar("E", bound=Entity)
E2 = TypeVar("E2", bound=Entity)
R = TypeVar("R")
C_co = TypeVar("C_co", covariant=True)


ARRIVAL = ("seq",)
"""The path of the field by which :attr:`Collection.arrival` orders."""


class Source(Generic[R, C_co]):
    """What can be asked: a collection, or a join of two. ``R`` is what a row is."""


class Collection(Source[E, E], Generic[E]):
    """Entities of one type. Subclass it, name the fields that are asked for, make one instance.

    ``name`` is stable and part of the public interface, as are the names of fields and keys. ``unique`` names the
    unique keys (each within its tenant; a key with a ``None`` part never collides; no two keys over the same
    fields). ``indexes`` are the orders in which pages are read: equal fields first, then the order field; the id
    follows by itself. ``references`` say which field holds the id of an entity of which other collection; that
    entity must be there. ``queue`` marks a collection for :meth:`UnitOfWork.claim`.
    """

    name: ClassVar[str]
    entity: type[E]
    unique: ClassVar[Keys] = {}
    indexes: ClassVar[Indexes] = ()
    references: ClassVar[References] = ()
    queue: ClassVar[bool] = False

    def __repr__(self) -> str:
        return f"<collection {self.name}>"

    @cached_property
    def arrival(self) -> Ordered[E, int]:
        """The order in which units added the entities of one lane of a queue.

        For ``order`` of :meth:`UnitOfWork.find` only, together with the condition that names the lane and without
        ``after``. It is the store's own: given when an entity is added, by no clock.
        """
        return Ordered(self.entity, ARRIVAL, _no_field)

    @cached_property
    def versioned(self) -> bool:
        """Whether its entities change, and so carry a ``version``."""
        return "version" in {field.name for field in attrs.fields(cast("type[attrs.AttrsInstance]", self.entity))}


def _no_field(_: object) -> int:
    message = "the order of arrival is no field of the entity"
    raise ConfigurationError(message)


Keys: TypeAlias = Mapping[str, tuple[Field[Any, Any], ...]]
"""Unique keys by name."""

Indexes: TypeAlias = tuple[tuple[Field[Any, Any], ...], ...]
"""The fields of each index."""

References: TypeAlias = tuple[tuple[Field[Any, Any], Collection[Any]], ...]
"""Which field refers to which collection."""


class Join(Source[tuple[E, E2], E | E2], Generic[E, E2]):
    """Pairs of entities along a declared reference of the left: inner, to one.

    ``Join(MEMBERSHIPS, MEMBERSHIPS.user_id, USERS)`` gives each membership with its user.
    """

    def __init__(self, left: Collection[E], on: Field[E, Any], right: Collection[E2]) -> None:
        if not any(field is on and target is right for field, target in left.references):
            message = f"{left!r} declares no reference {on!r} to {right!r}"
            raise ConfigurationError(message)
        self.left: Collection[E] = left
        self.on: Field[E, Any] = on
        self.right: Collection[E2] = right

    def __repr__(self) -> str:
        return f"<join {self.left.name} {self.right.name}>"
