"""Hosts that open a transaction around every unit of work, and commit it whatever becomes of the unit."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa

from clientmgmt.adapters.sqlalchemy import SQLStorage
from clientmgmt.domain.results import Note
from clientmgmt.ports import Collection, UnitOfWork

Opener = Callable[[sa.Engine], Any]


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
        with self.open_host(self.engine) as host:
            done = self.storage.joined(host).upgrade()
            host.commit()
        return done

    def check(self) -> tuple[Note, ...]:
        with self.open_host(self.engine) as host:
            return self.storage.joined(host).check()

    def close(self) -> None:
        pass
