"""Rows and indexes: what one tenant has in one collection, and how it is found."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache, partial
from inspect import isclass
from operator import attrgetter
from typing import Any, TypeAlias, get_origin, get_type_hints

import attrs

from clientmgmt.errors import ConfigurationError
from clientmgmt.ports.storage import Collection, Field, Ordered

Path: TypeAlias = tuple[str, ...]
Getter: TypeAlias = Callable[[Any], Any]
Undo: TypeAlias = Callable[[], None]

ID: Path = ("id",)


@cache
def reach(path: Path) -> Getter:
    """How to read the field at ``path``: ``None`` where a part before its end is missing."""
    own = attrgetter(path[0])
    if len(path) == 1:
        return own
    below = reach(path[1:])
    return lambda entity: None if (part := own(entity)) is None else below(part)


class Bucket:
    """Rows by the number of their id. Asked in an order, it sorts itself once and keeps that order up."""

    __slots__ = ("_sorted", "rows")

    def __init__(self, rows: dict[int, Any] | None = None) -> None:
        self.rows: dict[int, Any] = {} if rows is None else rows
        self._sorted: dict[Path, tuple[Getter, list[tuple[Any, int]]]] = {}

    def move(self, key: int, new: object | None) -> None:
        """Put the row ``new`` at ``key``; without one, drop what is there."""
        old = self.rows.get(key)
        for get, entries in self._sorted.values():
            _sort_anew(entries, key, None if old is None else get(old), None if new is None else get(new))
        if new is None:
            self.rows.pop(key, None)
        else:
            self.rows[key] = new

    def sorted_by(self, path: Path) -> list[tuple[Any, int]]:
        """(value, key) of all rows in which the field at ``path`` is not missing, in order."""
        if path not in self._sorted:
            get = reach(path)
            values = ((get(row), key) for key, row in self.rows.items())
            self._sorted[path] = get, sorted(entry for entry in values if entry[0] is not None)
        return self._sorted[path][1]


def _sort_anew(entries: list[tuple[Any, int]], key: int, old: object | None, new: object | None) -> None:
    if old == new:
        return
    if old is not None:
        del entries[bisect_left(entries, (old, key))]
    if new is not None:
        insort(entries, (new, key))


class Index:
    """Buckets of rows that agree in some fields; of a unique key, if it has a ``name``."""

    __slots__ = ("buckets", "name", "paths", "value")

    def __init__(self, paths: tuple[Path, ...], name: str | None) -> None:
        self.paths, self.name = paths, name
        getters = [reach(path) for path in paths]
        self.value: Getter = getters[0] if len(paths) == 1 else lambda row: tuple(get(row) for get in getters)
        self.buckets: dict[Any, Bucket] = {}

    def move(self, key: int, old: object | None, new: object | None) -> None:
        """Take over that the row at ``key`` was ``old`` and is ``new``."""
        if old is not None:
            self._leave(key, self.value(old), stays=new is not None and self.value(new) == self.value(old))
        if new is not None:
            value = self.value(new)
            bucket = self.buckets.get(value)
            if bucket is None:
                bucket = self.buckets[value] = Bucket()
            bucket.move(key, new)

    def _leave(self, key: int, value: object, *, stays: bool) -> None:
        if not stays:
            bucket = self.buckets[value]
            bucket.move(key, None)
            if not bucket.rows:
                del self.buckets[value]

    def taken(self, key: int, row: object) -> bool:
        """Whether another row than the one at ``key`` has the values of ``row``, none of them missing."""
        value = self.value(row)
        if value is None or (len(self.paths) > 1 and None in value):
            return False
        bucket = self.buckets.get(value)
        return bucket is not None and not (len(bucket.rows) == 1 and key in bucket.rows)


class Queue:
    """The lanes of a queue: keys in the order of the numbers that they were given when they were added."""

    __slots__ = ("_last", "lanes", "numbers")

    def __init__(self) -> None:
        self.lanes: dict[str, list[tuple[int, int]]] = {}
        self.numbers: dict[int, int] = {}
        self._last = 0

    def move(self, key: int, old: Any, new: Any, number: int | None) -> None:  # noqa: ANN401 - queue entities
        """Take over that the row at ``key`` was ``old`` and is ``new``; ``number`` if it comes back."""
        if old is not None:
            number = self.numbers.pop(key)
            lane = self.lanes[old.lane]
            lane.remove((number, key))
            if not lane:
                del self.lanes[old.lane]
        if new is not None:
            self._last = max(self._last, number or self._last + 1)
            self.numbers[key] = number or self._last
            insort(self.lanes.setdefault(new.lane, []), (self.numbers[key], key))

    def heads(self) -> Iterator[int]:
        """The key of the oldest row of each lane, oldest first."""
        return (key for _, key in sorted(lane[0] for lane in self.lanes.values()))


@attrs.frozen(kw_only=True)
class Layout:
    """What a store knows about one collection, computed once.

    ``loose`` are the fields whose values could be changed in place: mappings. ``references`` are (how to read the
    field, name of the other collection); ``referrers`` are (name of a collection that refers to this one, its
    field). ``ordered`` are the fields by which rows are kept in
    order; ``choices`` remembers which index serves which equal fields.
    """

    collection: Collection[Any]
    loose: tuple[str, ...]
    unique: Mapping[tuple[Path, ...], str]
    indexes: tuple[tuple[Path, ...], ...]
    ordered: frozenset[Path]
    references: tuple[tuple[Getter, str], ...]
    referrers: tuple[tuple[str, Path], ...]
    choices: dict[tuple[Path, ...], tuple[Path, ...] | None] = attrs.field(factory=dict)

    def own(self, entity: Any) -> Any:  # noqa: ANN401 - any entity
        """``entity``, with copies of what in it could be changed in place; itself, if nothing could."""
        if not self.loose:
            return entity
        return attrs.evolve(entity, **{name: dict(getattr(entity, name)) for name in self.loose})

    def choose(self, equal: tuple[Path, ...]) -> tuple[Path, ...] | None:
        """The index with the most fields among ``equal``, if any."""
        if equal not in self.choices:
            fitting = [paths for paths in self.indexes if set(paths) <= set(equal)]
            self.choices[equal] = max(fitting, key=len, default=None)
        return self.choices[equal]


def layouts(collections: Iterable[Collection[Any]]) -> dict[str, Layout]:
    """The layouts of ``collections`` by name."""
    known = {collection.name: collection for collection in collections}
    referrers: dict[str, list[tuple[str, Path]]] = {name: [] for name in known}
    for collection in known.values():
        for field, target in collection.references:
            if target.name not in known:
                message = f"{collection!r} refers to {target!r}, which the store is not given"
                raise ConfigurationError(message)
            referrers[target.name].append((collection.name, field.path))
    return {name: _layout(collection, referrers[name]) for name, collection in known.items()}


def _layout(collection: Collection[Any], referrers: list[tuple[str, Path]]) -> Layout:
    unique = {_paths(fields): name for name, fields in collection.unique.items()}
    equal = [fields[:-1] if isinstance(fields[-1], Ordered) else fields for fields in collection.indexes]
    referring = [(field.path,) for field, _ in collection.references if field.path != ID]
    return Layout(
        collection=collection,
        loose=_loose(collection.entity),  # type: ignore[arg-type] # every class is hashable
        unique=unique,
        indexes=tuple(dict.fromkeys([*unique, *(_paths(fields) for fields in equal if fields), *referring])),
        ordered=frozenset(fields[-1].path for fields in collection.indexes if isinstance(fields[-1], Ordered)),
        references=tuple((reach(field.path), target.name) for field, target in collection.references),
        referrers=tuple(referrers),
    )


@cache
def _loose(entity: type) -> tuple[str, ...]:
    hints = get_type_hints(entity).items()
    return tuple(name for name, hint in hints if isclass(origin := get_origin(hint)) and issubclass(origin, Mapping))


def _paths(fields: tuple[Field[Any, Any], ...]) -> tuple[Path, ...]:
    return tuple(sorted(field.path for field in fields))


class Table:
    """The rows of one tenant in one collection, with their indexes."""

    __slots__ = ("all", "indexes", "layout", "queue")

    def __init__(self, layout: Layout) -> None:
        self.layout: Layout = layout
        self.all: Bucket = Bucket()
        self.indexes: dict[tuple[Path, ...], Index] = {
            paths: Index(paths, layout.unique.get(paths)) for paths in layout.indexes
        }
        self.queue: Queue | None = Queue() if layout.collection.queue else None

    @property
    def rows(self) -> dict[int, Any]:
        """The rows by the number of their id."""
        return self.all.rows

    def move(self, key: int, new: object | None, number: int | None = None) -> Undo:
        """Put the row ``new`` at ``key``, or drop what is there without one; answer how to undo it."""
        old = self.all.rows.get(key)
        before = None if self.queue is None else self.queue.numbers.get(key)
        self.all.move(key, new)
        for index in self.indexes.values():
            index.move(key, old, new)
        if self.queue is not None:
            self.queue.move(key, old, new, number)
        return partial(self._move_back, key, old, before)

    def _move_back(self, key: int, old: object | None, number: int | None) -> None:
        self.move(key, old, number)

    def taken_key(self, key: int, row: object) -> str | None:
        """The name of a unique key of ``row`` that another row than that at ``key`` has, if any."""
        for index in self.indexes.values():
            if index.name is not None and index.taken(key, row):
                return index.name
        return None

    def where(self, path: Path, value: Any) -> dict[int, Any]:  # noqa: ANN401 - the value of any field
        """The rows whose field at ``path``, the id or one that has an index, is ``value``."""
        if path == ID:
            return {} if value is None or value.int not in self.rows else {value.int: self.rows[value.int]}
        bucket = self.indexes[(path,)].buckets.get(value)
        return {} if bucket is None else bucket.rows

    def in_order(self) -> tuple[Any, ...]:
        """All rows; those of a queue in its order."""
        if self.queue is None:
            return tuple(self.rows.values())
        return tuple(self.rows[key] for key in sorted(self.rows, key=self.queue.numbers.__getitem__))
