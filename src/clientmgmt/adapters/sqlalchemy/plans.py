"""What every way into a database shares: tables, statements and the meaning of errors, made once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from clientmgmt.adapters.sqlalchemy.database import Integrity
from clientmgmt.adapters.sqlalchemy.failures import Keys, unique_keys
from clientmgmt.adapters.sqlalchemy.queries import Catalogue
from clientmgmt.adapters.sqlalchemy.tables import build_tables
from clientmgmt.adapters.sqlalchemy.unit import SQLUnitOfWork
from clientmgmt.ports.storage import Collection

__all__ = ["Plans"]


class Plans:
    """The tables of some collections under a prefix in a schema, and the statements over them in one dialect."""

    def __init__(
        self, collections: tuple[Collection[Any], ...], dialect: sa.Dialect, *, prefix: str, schema: str | None
    ) -> None:
        self.tables: Mapping[str, sa.Table] = build_tables(
            sa.MetaData(), collections=collections, prefix=prefix, schema=schema
        )
        self.catalogue = Catalogue(collections, self.tables, dialect)
        self.keys: Keys = unique_keys(collections, self.tables, prefix)

    def unit(self, connection: sa.Connection, tenant: str, *, database: Integrity, read_only: bool) -> SQLUnitOfWork:
        """A unit of work on a connection that is inside a transaction."""
        return SQLUnitOfWork(
            connection, tenant, database=database, catalogue=self.catalogue, keys=self.keys, read_only=read_only
        )

    def tenants(
        self, connection: sa.Connection, collection: Collection[Any], *, after: str, limit: int
    ) -> tuple[str, ...]:
        """The tenants that have entities in ``collection``: one short look into the index for each."""
        statement = self.catalogue.plan(collection).next_tenant
        found: list[str] = []
        while len(found) < limit:
            tenant = connection.execute(statement, {"p_after": after}).scalar_one_or_none()
            if tenant is None:
                break
            found.append(tenant)
            after = tenant
        return tuple(found)
