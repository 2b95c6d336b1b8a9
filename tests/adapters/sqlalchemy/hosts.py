"""Hosts with transactions of their own: through a connection, sessions, and Django, all with one table."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import attrs
import sqlalchemy as sa
from sqlalchemy.orm import Session, scoped_session, sessionmaker

from clientmgmt.adapters.sqlalchemy import SQLStorage
from clientmgmt.domain.results import Note
from clientmgmt.ports import Collection, Storage, UnitOfWork

Opener = Callable[[sa.Engine], Any]

NOTES = sa.Table("host_notes", sa.MetaData(), sa.Column("tenant", sa.Text), sa.Column("text", sa.Text))


class HostedStorage:
    """Every unit of work of ``storage``, inside a transaction that ``open_host`` opens on ``engine``.

    The transaction is committed also if the unit fails: what a failed unit leaves would be seen.
    """

    ephemeral = False
    in_host_transaction = True

    def __init__(self, storage: SQLStorage, engine: sa.Engine, open_host: Opener) -> None:
        self.storage, self.engine, self.open_host = storage, engine, open_host
        self.exclusive = storage.exclusive

    @contextmanager
    def unit_of_work(self, tenant: str, *, read_only: bool = False) -> Iterator[UnitOfWork]:
        with self.open_host(self.engine) as host:
            try:
                with self.storage.joined(host).unit_of_work(tenant, read_only=read_only) as uow:
                    yield uow
            finally:
                host.commit()

    def tenants(self, collection: Collection[Any], *, after: str = "", limit: int = 100) -> tuple[str, ...]:
        with self.open_host(self.engine) as host:
            return self.storage.joined(host).tenants(collection, after=after, limit=limit)

    def upgrade(self) -> tuple[str, ...]:
        return self.storage.upgrade()

    def check(self) -> tuple[Note, ...]:
        return self.storage.check()

    def close(self) -> None:
        pass


@attrs.frozen(eq=False)
class Host:
    """One application: its store, joined; ``begin`` and ``savepoint`` are its own, ``execute`` its statements."""

    storage: Storage
    tenant: str
    begin: Callable[[], AbstractContextManager[object]]
    savepoint: Callable[[], AbstractContextManager[object]]
    execute: Callable[[str, tuple[str, ...]], object]
    notes_table: str
    outside: sa.Engine
    swallowed: type[Exception]

    def unit(self, *, read_only: bool = False) -> AbstractContextManager[UnitOfWork]:
        return self.storage.unit_of_work(self.tenant, read_only=read_only)

    def note(self, text: str) -> None:
        """Write a row of the host's."""
        self.execute(f"INSERT INTO {self.notes_table} VALUES (%s, %s)", (self.tenant, text))  # noqa: S608 - a constant

    def notes(self) -> list[str]:
        """The rows of the host's that are committed."""
        with self.outside.connect() as connection:
            rows = connection.exec_driver_sql(
                f"SELECT text FROM {self.notes_table} WHERE tenant = '{self.tenant}' ORDER BY text"  # noqa: S608 - ours
            )
            return list(rows.scalars())


def on_connection(engine: sa.Engine, storage: SQLStorage, **same: Any) -> Iterator[Host]:  # noqa: ANN401 - of Host
    with engine.connect() as connection:
        yield Host(
            storage=storage.joined(connection),
            begin=connection.begin,
            savepoint=connection.begin_nested,
            execute=lambda sql, values: connection.exec_driver_sql(_styled(engine, sql), values),
            swallowed=sa.exc.DBAPIError,
            **same,
        )


def on_session(engine: sa.Engine, storage: SQLStorage, **same: Any) -> Iterator[Host]:  # noqa: ANN401 - of Host
    with Session(engine) as session:
        yield Host(
            storage=storage.joined(session),
            begin=session.begin,
            savepoint=session.begin_nested,
            execute=lambda sql, values: session.connection().exec_driver_sql(_styled(engine, sql), values),
            swallowed=sa.exc.DBAPIError,
            **same,
        )


def on_scoped_session(engine: sa.Engine, storage: SQLStorage, **same: Any) -> Iterator[Host]:  # noqa: ANN401 - of Host
    registry = scoped_session(sessionmaker(engine))
    yield Host(
        storage=storage.joined(registry),
        begin=registry.begin,
        savepoint=registry.begin_nested,
        execute=lambda sql, values: registry.connection().exec_driver_sql(_styled(engine, sql), values),
        swallowed=sa.exc.DBAPIError,
        **same,
    )
    registry.remove()


def on_django(alias: str, storage: Storage, **same: Any) -> Iterator[Host]:  # noqa: ANN401 - of Host
    from django.db import DatabaseError, connections, transaction  # noqa: PLC0415 - needs to be set up before

    def execute(sql: str, values: tuple[str, ...]) -> None:
        with connections[alias].cursor() as cursor:
            cursor.execute(sql, values)

    yield Host(
        storage=storage,
        begin=lambda: transaction.atomic(using=alias),
        savepoint=lambda: transaction.atomic(using=alias),
        execute=execute,
        swallowed=DatabaseError,
        **same,
    )
    connections[alias].close()


def _styled(engine: sa.Engine, sql: str) -> str:
    return sql.replace("%s", "?") if engine.dialect.name == "sqlite" else sql
