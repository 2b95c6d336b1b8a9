"""The statements of one collection, each built once; only values are bound when it runs.

Names of parameters start with ``p_``: plain column names are reserved where columns are set.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from clientmgmt.adapters.sqlalchemy.mapping import LANE_BINDS, Mapper, mapper_of
from clientmgmt.adapters.sqlalchemy.prepared import (
    Bulk,
    Question,
    Reading,
    Writing,
    bulk,
    is_any_of,
    question,
    reading,
    writing,
)
from clientmgmt.adapters.sqlalchemy.tables import NUMBERS
from clientmgmt.adapters.sqlalchemy.types import text_type
from clientmgmt.ports.storage import Collection

__all__ = ["CollectionPlan", "next_number"]

_INSERT: Mapping[str, Callable[[sa.Table], Any]] = {"postgresql": postgresql.insert, "sqlite": sqlite.insert}


class CollectionPlan:
    """Everything that is known about one collection before a unit of work begins.

    ``columns`` are those of a row, of which ``mapper`` makes an entity; ``mine`` holds for rows of the tenant.
    """

    def __init__(self, collection: Collection[Any], table: sa.Table, dialect: sa.Dialect) -> None:
        self.collection: Collection[Any] = collection
        self.table: sa.Table = table
        self._dialect = dialect
        self._numbers_lanes = collection.queue and dialect.name == "sqlite"
        self.mapper: Mapper[Any] = mapper_of(collection, lane_binds=self._numbers_lanes)
        self.columns: tuple[sa.Column[Any], ...] = tuple(table.c[name] for name in self.mapper.columns)
        self.mine: sa.ColumnElement[bool] = table.c.tenant_id == sa.bindparam("p_tenant", type_=text_type())

    @cached_property
    def get(self) -> Reading:
        """One row by ``p_id``."""
        return self._of_one(self._one)

    @cached_property
    def get_locked(self) -> Reading:
        """The same, locked against changes but not against references to it."""
        return self._of_one(self._one.with_for_update(key_share=True))

    @cached_property
    def get_many(self) -> Question:
        """The rows with ``p_ids``."""
        return question(self._many, self.mapper.entity, self._dialect)

    @cached_property
    def get_many_locked(self) -> Question:
        """The same, locked in the order of their ids, which keeps two units from waiting for each other."""
        locked = self._many.order_by(self.table.c.id).with_for_update(key_share=True)
        return question(locked, self.mapper.entity, self._dialect)

    @cached_property
    def insert(self) -> Writing[Any]:
        """One row, or any number of them."""
        return writing(self._numbered(sa.insert(self.table)), self.mapper.reads, self._dialect)

    @cached_property
    def bulk(self) -> Bulk[Any] | None:
        """Many rows with one statement, where the database knows how."""
        return bulk(self.table, self.mapper.reads, self._dialect) if self._dialect.name == "postgresql" else None

    @cached_property
    def insert_if_absent(self) -> Writing[Any]:
        """One row unless a key of it is taken; the count of rows tells."""
        insert: sa.Insert = _INSERT[self._dialect.name](self.table).on_conflict_do_nothing()
        return writing(self._numbered(insert), self.mapper.reads, self._dialect)

    @cached_property
    def update(self) -> Writing[Any]:
        """One row if it has the version of the entity; the count of rows tells."""
        version = self.table.c.version == sa.bindparam("p_version", type_=sa.BigInteger)
        return writing(sa.update(self.table).where(self.mine, self._is_id, version), self.mapper.changes, self._dialect)

    @cached_property
    def exists(self) -> sa.Select[Any]:
        """Whether there is a row ``p_id``."""
        return sa.select(sa.literal_column("1")).select_from(self.table).where(self.mine, self._is_id)

    @cached_property
    def delete(self) -> sa.Delete:
        """The rows with ``p_ids``."""
        return sa.delete(self.table).where(self.mine, self._in_ids)

    @cached_property
    def heads(self) -> sa.Select[Any]:
        """Up to ``p_limit`` rows due at ``p_now`` that are the oldest of their lanes and not held."""
        table, earlier = self.table.c, self.table.alias("earlier")
        before = (
            earlier.c.tenant_id == table.tenant_id,
            earlier.c.lane == table.lane,
            earlier.c.seq < table.seq,
        )
        due = table.due_at <= sa.bindparam("p_now", type_=table.due_at.type)
        oldest = ~sa.exists(sa.literal_column("1")).where(*before).correlate(self.table)
        found = sa.select(*self.columns).where(self.mine, due, oldest).order_by(table.due_at, table.id)
        limited = found.limit(sa.bindparam("p_limit", type_=sa.Integer))
        return limited.with_for_update(of=self.table, key_share=True, skip_locked=True)

    @cached_property
    def hold(self) -> sa.Update:
        """The rows with ``p_ids`` are not due before ``p_until``."""
        columns = self.table.c
        values: dict[str, Any] = {
            "due_at": sa.bindparam("p_until", type_=columns.due_at.type),
            "attempts": columns.attempts + sa.literal_column("1"),
        }
        if self.collection.versioned:
            values["version"] = columns.version + sa.literal_column("1")
        return sa.update(self.table).where(self.mine, self._in_ids).values(values)

    @cached_property
    def next_tenant(self) -> sa.Select[Any]:
        """The first tenant after ``p_after`` that has a row."""
        tenant = self.table.c.tenant_id
        later = tenant > sa.bindparam("p_after", type_=text_type())
        return sa.select(tenant).where(later).order_by(tenant).limit(sa.literal_column("1"))

    @property
    def _one(self) -> sa.Select[Any]:
        return sa.select(*self.columns).where(self.mine, self._is_id)

    @property
    def _many(self) -> sa.Select[Any]:
        return sa.select(*self.columns).where(self.mine, self._in_ids)

    def _of_one(self, select: sa.Select[Any]) -> Reading:
        return cast("Reading", reading(select, self.mapper.entity, self._dialect))  # it looks for no list

    @property
    def _is_id(self) -> sa.ColumnElement[bool]:
        return self.table.c.id == sa.bindparam("p_id", type_=self.table.c.id.type)

    @property
    def _in_ids(self) -> sa.ColumnElement[bool]:
        return is_any_of(self.table.c.id, "p_ids", self._dialect)

    def _numbered(self, insert: sa.Insert) -> sa.Insert:
        if not self._numbers_lanes:
            return insert
        columns = self.table.c
        tenant, lane = (sa.bindparam(name, type_=text_type()) for name in LANE_BINDS)
        last = sa.select(sa.func.max(columns.seq)).where(columns.tenant_id == tenant, columns.lane == lane)
        following = sa.func.coalesce(last.scalar_subquery(), sa.literal_column("0")) + sa.literal_column("1")
        return insert.values(seq=following)


def next_number(tables: Mapping[str, sa.Table], dialect: str) -> Any:  # noqa: ANN401 - an insert of either dialect
    """The statement that counts ``p_name`` on and answers with the number."""
    numbers = tables[NUMBERS]
    insert: Any = _INSERT[dialect](numbers)
    first = insert.values(
        tenant_id=sa.bindparam("p_tenant", type_=text_type()),
        name=sa.bindparam("p_name", type_=text_type()),
        value=sa.literal_column("1"),
    )
    keys = [numbers.c.tenant_id, numbers.c.name]
    following = {"value": numbers.c.value + sa.literal_column("1")}
    return first.on_conflict_do_update(index_elements=keys, set_=following).returning(numbers.c.value)
