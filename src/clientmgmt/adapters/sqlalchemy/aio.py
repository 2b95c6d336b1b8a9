"""The store for event loops: asynchronous drivers, and the same units of work as everywhere."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from clientmgmt.adapters.sqlalchemy.engine import BUSY_SECONDS, open_async_engine, require_greenlet
from clientmgmt.adapters.sqlalchemy.greenlets import GreenletStorage
from clientmgmt.adapters.sqlalchemy.storage import SQLStorage
from clientmgmt.adapters.sqlalchemy.turns import TaskTurn
from clientmgmt.errors import ConfigurationError
from clientmgmt.ports.collections import COLLECTIONS
from clientmgmt.ports.storage import AsyncStorage, Collection

if TYPE_CHECKING:  # at run time it would load the ORM, for everybody who only wants Core
    import sqlalchemy.ext.asyncio  # noqa: TC004 - what is used at run time is `sa`

__all__ = ["AsyncSQLStorage"]


class AsyncSQLStorage(GreenletStorage):
    """An :class:`~clientmgmt.ports.storage.AsyncStorage` in PostgreSQL, through asyncpg or psycopg.

    Units of work are those of :class:`SQLStorage`, statement for statement; work runs in the event loop, so it must not
    do anything slow besides. For SQLite lift a :class:`SQLStorage` into threads
    (:class:`~clientmgmt.adapters.threads.ThreadedStorage`): ``sqlite+aiosqlite:///file.db`` works here as well, but
    goes to a thread and back for every statement. A store belongs to one event loop.

    A task that is cancelled waits until its statement is cancelled on the server and its connection is closed.

    Args:
        engine_or_url: ``postgresql+asyncpg://…``, ``postgresql://…`` (psycopg), or the host's ``AsyncEngine``, which
            stays its own.
        prefix: what the names of tables, keys and indexes start with.
        schema: the schema of the tables.
        collections: what is stored, each after those that it refers to.
        row_level_security: as for :class:`SQLStorage`.

    Raises:
        ConfigurationError: another kind of database, a driver that is not asynchronous, or collections that fit no
            tables.
        MissingExtraError: the driver is not installed, or what asynchronous engines need.
    """

    def __init__(
        self,
        engine_or_url: sqlalchemy.ext.asyncio.AsyncEngine | sqlalchemy.URL | str,
        *,
        prefix: str = "cm_",
        schema: str | None = None,
        collections: Iterable[Collection[Any]] = COLLECTIONS,
        row_level_security: bool = False,
    ) -> None:
        self._owned = isinstance(engine_or_url, sa.URL | str)
        self._engine: sqlalchemy.ext.asyncio.AsyncEngine = (
            open_async_engine(engine_or_url) if isinstance(engine_or_url, sa.URL | str) else _checked(engine_or_url)
        )
        engine = self._engine.sync_engine
        self._inner = SQLStorage(
            engine, prefix=prefix, schema=schema, collections=collections, row_level_security=row_level_security
        )
        self._interrupts = engine.dialect.name != "sqlite"
        turn = None if self._interrupts else TaskTurn(BUSY_SECONDS)
        super().__init__(self._inner, turn=turn, interrupts=self._interrupts)

    async def upgrade(self, *, to: int | None = None) -> tuple[str, ...]:
        """Bring the schema to this release, or to version ``to``, in one transaction; answer what was done.

        Processes that do it at the same time wait for each other. :class:`~clientmgmt.errors.SchemaError` if
        the schema is newer than this release, or damaged.
        """
        return await self._upgraded(lambda: self._inner.upgrade(to=to))

    async def close(self) -> None:
        """Undo what is open, wait for what runs, and close the connections, unless the engine is the host's."""
        await super().close()
        if self._owned:
            await self._engine.dispose()

    def joined(
        self, host: sqlalchemy.ext.asyncio.AsyncConnection | sqlalchemy.ext.asyncio.AsyncSession
    ) -> AsyncStorage:
        """This store inside a transaction of the host, which alone commits it or rolls it back.

        Units of work run in savepoints. A session is flushed when one begins, so that they see what it holds. A
        cancellation in a unit ends the host's transaction as well.

        Args:
            host: a connection that is open, or a session. It is asked for its transaction whenever a unit begins.

        Raises:
            ConfigurationError: neither of both, or a connection that is not open.
        """
        inside = getattr(host, "sync_session", None) or getattr(host, "sync_connection", None)
        if inside is None:
            message = "join an AsyncConnection that is open, or an AsyncSession"
            raise ConfigurationError(message)
        return GreenletStorage(self._inner.joined(inside), interrupts=self._interrupts, gives_up=False)


def _checked(engine: sqlalchemy.ext.asyncio.AsyncEngine) -> sqlalchemy.ext.asyncio.AsyncEngine:
    require_greenlet()
    if isinstance(getattr(engine, "sync_engine", None), sa.Engine):
        return engine
    message = "hand in an AsyncEngine or a URL; for an Engine there is SQLStorage"
    raise ConfigurationError(message)
