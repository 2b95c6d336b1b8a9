"""A storage in LMDB, a key-value store in a file: one writer at a time, readers that wait for nobody.

``ClientManager("lmdb:///srv/clients")`` opens it once this project is installed; ``LmdbStorage(path)`` does so without.

Keys begin with the tenant and the name of the collection. Under ``e`` and the id lies the entity as JSON, after its
position in a queue. Under ``i``, the number of a lookup, a digest of the values and the id lies that id: these keys
are the indexes. Under ``l``, a digest of the lane and the position lies the id as well: these are the queues.
"""

# The verbs take entities of any class, and their docstrings stand at the port.
# ruff: noqa: A002, ANN401, D102

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from decimal import Decimal
from hashlib import blake2b
from pathlib import Path
from threading import local
from typing import Any
from urllib.parse import unquote, urlsplit
from uuid import UUID

import attrs
import lmdb

from clientmgmt import ports
from clientmgmt.domain import Note
from clientmgmt.errors import ConfigurationError, NotFoundError, StorageError, TransactionError
from clientmgmt.ports import COLLECTIONS, Collection, Condition, Field, Join, Operator
from clientmgmt.serialization import dump, load

ID, POSITION = 16, 8


def digest(*values: object) -> bytes:
    """The same for equal values, and for no others that anybody will ever meet."""
    plain = [str(value.normalize()) if isinstance(value, Decimal) else dump(value) for value in values]
    return blake2b(json.dumps(plain).encode(), digest_size=16).digest()


class LmdbUnit:
    """The verbs, over one transaction of LMDB. What each promises stands at ``clientmgmt.ports.UnitOfWork``."""

    def __init__(self, env: lmdb.Environment, everything: list[Collection[Any]], tenant: str, *, reads: bool) -> None:
        self._env, self._everything, self._tenant, self._reads = env, everything, tenant.encode(), reads
        self._txn = env.begin(write=not reads)
        self._refusal: str | None = None

    def get(self, collection: Collection[Any], id: UUID, *, lock: bool = False) -> Any:
        """Writers are alone, so that whatever they read is locked."""
        if found := self.get_many(collection, (id,), lock=lock):
            return found[id]
        raise NotFoundError

    def get_many(self, collection: Collection[Any], ids: Iterable[UUID], *, lock: bool = False) -> dict[UUID, Any]:
        self._check(writes=lock)
        return {entity.id: entity for entity in self._read(collection, ids)}

    def find(self, source: Any, *where: Condition[Any], **page: Any) -> tuple[Any, ...]:
        self._check()
        where = ports.resolve(self.find, where)
        rows = self._pairs(source, where) if isinstance(source, Join) else self._candidates(source, where)
        return ports.select_rows(source, rows, *where, **page)

    def count(self, source: Any, *where: Condition[Any]) -> int:
        return len(self.find(source, *where))

    def add(self, collection: Collection[Any], *entities: Any) -> None:
        self._check(writes=True)
        for entity in entities:
            if key := self._taken(collection, entity):
                raise self._spoil(ports.UniqueViolation(collection.name, key))
            self._write(collection, entity, self._next("p", collection.name) if collection.queue else 0)
        self._check_references(collection, entities)

    def add_if_absent(self, collection: Collection[Any], entity: Any) -> bool:
        self._check(writes=True)
        if self._taken(collection, entity):
            return False
        self.add(collection, entity)
        return True

    def save(self, collection: Collection[Any], entity: Any) -> Any:
        self._check(writes=True)
        stored = self.get(collection, entity.id)
        if stored.version != entity.version:
            raise ports.StaleVersion(collection.name)
        saved = attrs.evolve(entity, version=entity.version + 1)
        position = self._erase(collection, stored)
        if key := self._taken(collection, saved):
            raise self._spoil(ports.UniqueViolation(collection.name, key))
        self._write(collection, saved, position)
        self._check_references(collection, (saved,))
        return saved

    def remove(self, collection: Collection[Any], *ids: UUID) -> int:
        self._check(writes=True)
        found = self.get_many(collection, ids)
        for entity in found.values():
            self._erase(collection, entity)
        for other, field in ports.referrers_of(collection, self._everything):
            if any(self._indexed(other, (field,), id_) for id_ in found):
                raise self._spoil(ports.ReferenceViolation())
        return len(found)

    def next_number(self, name: str) -> int:
        self._check(writes=True)
        return self._next("n", name)

    def claim(self, collection: Collection[Any], *, now: datetime, lease: timedelta, limit: int) -> tuple[Any, ...]:
        self._check(writes=True)
        due = [head for head in self._read(collection, self._heads(collection)) if head.due_at <= now][:limit]
        claimed = [attrs.evolve(head, due_at=now + lease, attempts=head.attempts + 1) for head in due]
        if collection.versioned:
            claimed = [attrs.evolve(head, version=head.version + 1) for head in claimed]
        for head in claimed:
            self._write(collection, head, self._erase(collection, head))
        return tuple(claimed)

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """A transaction within the transaction; whoever only reads has nothing to undo."""
        self._check()
        outer = inner = self._txn
        if not self._reads:
            self._txn = inner = self._env.begin(parent=outer, write=True)
        try:
            yield
            self._check()
        except BaseException:
            self._txn, self._refusal = outer, None
            if inner is not outer:
                inner.abort()
            raise
        self._txn = outer
        if inner is not outer:
            self._guarded(inner.commit)

    def commit(self) -> None:
        """End the unit well, unless it is spoilt."""
        self._check()
        self._guarded(self._txn.commit)

    def close(self) -> None:
        """End it at any rate: what is not committed is undone."""
        self._refusal = "this unit of work has ended"
        self._txn.abort()

    def _check(self, *, writes: bool = False) -> None:
        if self._refusal is not None or (writes and self._reads):
            raise TransactionError(self._refusal or "this unit of work only reads")

    def _spoil(self, error: StorageError) -> StorageError:
        self._refusal = f"this unit of work is spoilt: {error}"
        return error

    def _guarded(self, call: Callable[..., Any], *args: bytes) -> Any:
        try:
            return call(*args)
        except lmdb.Error as error:
            raise self._spoil(StorageError(f"LMDB: {type(error).__name__}")) from None

    def _key(self, collection: Collection[Any] | None, kind: str, *parts: bytes) -> bytes:
        name = "" if collection is None else collection.name
        return b"\0".join((self._tenant, name.encode(), kind.encode())) + b"".join(parts)

    def _values(self, prefix: bytes) -> Iterator[bytes]:
        with self._txn.cursor() as cursor:
            cursor.set_range(prefix)
            for key, value in cursor:
                if not key.startswith(prefix):
                    return
                yield value

    def _read(self, collection: Collection[Any], ids: Iterable[UUID]) -> list[Any]:
        rows = (self._txn.get(self._key(collection, "e", id_.bytes)) for id_ in ids)
        return [load(collection.entity, json.loads(row[POSITION:])) for row in rows if row is not None]

    def _places(self, collection: Collection[Any], entity: Any, position: bytes) -> Iterator[bytes]:
        """The keys that lead to an entity."""
        for number, fields in enumerate(ports.lookups_of(collection)):
            values = digest(*(field.get(entity) for field in fields))
            yield self._key(collection, "i", bytes([number]), values, entity.id.bytes)
        if collection.queue:
            yield self._key(collection, "l", digest(entity.lane), position)

    def _write(self, collection: Collection[Any], entity: Any, position: int) -> None:
        at = position.to_bytes(POSITION, "big")
        row = at + json.dumps(dump(entity)).encode()
        self._guarded(self._txn.put, self._key(collection, "e", entity.id.bytes), row)
        for place in self._places(collection, entity, at):
            self._guarded(self._txn.put, place, entity.id.bytes)

    def _erase(self, collection: Collection[Any], entity: Any) -> int:
        """Take an entity away; answer its position, so that it can be put back there."""
        row = self._guarded(self._txn.pop, self._key(collection, "e", entity.id.bytes))
        for place in self._places(collection, entity, row[:POSITION]):
            self._guarded(self._txn.delete, place)
        return int.from_bytes(row[:POSITION], "big")

    def _next(self, kind: str, name: str) -> int:
        key = self._key(None, kind, digest(name))
        number = int.from_bytes(self._txn.get(key, b""), "big") + 1
        self._guarded(self._txn.put, key, number.to_bytes(POSITION, "big"))
        return number

    def _indexed(self, collection: Collection[Any], fields: tuple[Field[Any, Any], ...], *values: object) -> list[UUID]:
        """The ids of the entities that have these values."""
        number = ports.lookups_of(collection).index(fields)
        prefix = self._key(collection, "i", bytes([number]), digest(*values))
        return [UUID(bytes=value) for value in self._values(prefix)]

    def _heads(self, collection: Collection[Any]) -> Iterator[UUID]:
        """The ids of the oldest entities of the lanes: the first key of each, and then on to the next lane."""
        prefix = self._key(collection, "l")
        with self._txn.cursor() as cursor:
            more = cursor.set_range(prefix)
            while more and cursor.key().startswith(prefix):
                yield UUID(bytes=cursor.value())
                more = cursor.set_range(cursor.key()[:-POSITION] + b"\xff" * (POSITION + 1))

    def _taken(self, collection: Collection[Any], entity: Any) -> str | None:
        if self._txn.get(self._key(collection, "e", entity.id.bytes)) is not None:
            return "id"
        for key, fields in collection.unique.items():
            values = tuple(field.get(entity) for field in fields)
            if None not in values and self._indexed(collection, fields, *values):
                return key
        return None

    def _check_references(self, collection: Collection[Any], entities: Iterable[Any]) -> None:
        for field, target in collection.references:
            for id_ in {field.get(entity) for entity in entities} - {None}:
                if self._txn.get(self._key(target, "e", id_.bytes)) is None:
                    raise self._spoil(ports.ReferenceViolation())

    def _candidates(self, collection: Collection[Any], where: Iterable[Condition[Any]]) -> list[Any]:
        """The entities that the best index finds for some of the conditions, else all."""
        fields = {one.field: one for one in where if one.field and one.field.entity is collection.entity}
        equal = {field: one.value for field, one in fields.items() if one.operator is Operator.EQ}
        named = [one for field, one in fields.items() if field.path == ("id",)]
        wanted = [one.value if one.operator is Operator.IN else (one.value,) for one in named if one.value]
        fitting = [lookup for lookup in ports.lookups_of(collection) if equal.keys() >= set(lookup)]
        if wanted:
            return self._read(collection, set(wanted[0]))
        if fitting:
            best = max(fitting, key=len)
            return self._read(collection, self._indexed(collection, best, *(equal[field] for field in best)))
        rows = sorted(self._values(self._key(collection, "e")), key=lambda row: row[:POSITION])
        return [load(collection.entity, json.loads(row[POSITION:])) for row in rows]

    def _pairs(self, join: Join[Any, Any], where: Iterable[Condition[Any]]) -> Iterator[tuple[Any, Any]]:
        for left in self._candidates(join.left, where):
            if (id_ := join.on.get(left)) is not None:
                yield left, self._read(join.right, (id_,))[0]


class LmdbStorage:
    """Keeps everything in the folder ``path``; for many threads and processes of one machine, not across ``fork``.

    Without ``durable`` a commit does not wait for the disk: the newest may be lost with the power.
    """

    ephemeral, exclusive, in_host_transaction = False, True, False

    def __init__(
        self,
        path: Path | str,
        *,
        collections: Iterable[Collection[Any]] = COLLECTIONS,
        durable: bool = True,
        **env: Any,
    ) -> None:
        self._everything = list(collections)
        self._env = lmdb.open(str(path), **{"map_size": 2**30, "sync": durable, "metasync": durable} | env)
        self._thread = local()

    @contextmanager
    def unit_of_work(self, tenant: str, *, read_only: bool = False) -> Iterator[LmdbUnit]:
        if not read_only and getattr(self._thread, "writes", False):  # LMDB would wait for ever
            message = "this thread is inside a unit of work that writes already"
            raise TransactionError(message)
        unit = LmdbUnit(self._env, self._everything, tenant, reads=read_only)
        before = getattr(self._thread, "writes", False)
        self._thread.writes = before or not read_only
        try:
            yield unit
            unit.commit()
        finally:
            self._thread.writes = before
            unit.close()

    def tenants(self, collection: Collection[Any], *, after: str = "", limit: int = 100) -> tuple[str, ...]:
        found: list[str] = []
        with self._env.begin() as txn, txn.cursor() as cursor:
            more = cursor.set_range(after.encode() + b"\1" if after else b"")
            while more and len(found) < limit:
                tenant = cursor.key().partition(b"\0")[0]
                entities = b"\0".join((tenant, collection.name.encode(), b"e"))
                if cursor.set_range(entities) and cursor.key().startswith(entities):
                    found.append(tenant.decode())
                more = cursor.set_range(tenant + b"\1")
        return tuple(found)

    def upgrade(self) -> tuple[str, ...]:
        return ()

    def check(self) -> tuple[Note, ...]:
        return ()

    def close(self) -> None:
        self._env.close()


def open_url(url: str) -> LmdbStorage:
    """What ``ClientManager("lmdb:///srv/clients")`` opens."""
    if path := unquote(urlsplit(url).path):
        return LmdbStorage(path)
    message = "the URL of the storage looks like lmdb:///srv/clients"
    raise ConfigurationError(message)
