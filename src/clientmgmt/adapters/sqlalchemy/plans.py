"""What every way into a database shares: tables, statements and the meaning of errors, made once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import sqlalchemy as sa

from clientmgmt.adapters.sqlalchemy.database import Integrity
from clientmgmt.adapters.sqlalchemy.failures import Keys, unique_keys
from clientmgmt.adapters.sqlalchemy.queries import Catalogue
from clientmgmt.adapters.sqlalchemy.row_security import ENTER_ALL, LEAVE_ALL, security_notes
from clientmgmt.adapters.sqlalchemy.tables import build_tables
from clientmgmt.adapters.sqlalchemy.unit import SQLUnitOfWork
from clientmgmt.domain.results import Note
from clientmgmt.errors import ConfigurationError
from clientmgmt.ports.storage import Collection

__all__ = ["Plans"]


class Plans:
    """The tables of some collections under a prefix in a schema, and the statements over them in one dialect.

    With ``row_level_security`` every unit says whose rows the database may show.
    """

    def __init__(
        self,
        collections: tuple[Collection[Any], ...],
        dialect: sa.Dialect,
        *,
        prefix: str,
        schema: str | None,
        row_level_security: bool = False,
    ) -> None:
        if row_level_security and dialect.name != "postgresql":
            message = "row-level security is for PostgreSQL only"
            raise ConfigurationError(message)
        if dialect.name == "sqlite" and not dialect.positional:
            dialect = type(dialect)()  # the engine names its parameters; our statements have places for them
        self._row_level_security = row_level_security
        self.dialect: str = dialect.name
        self.tables: Mapping[str, sa.Table] = build_tables(
            sa.MetaData(), collections=collections, prefix=prefix, schema=schema
        )
        self.catalogue: Catalogue = Catalogue(collections, self.tables, dialect)
        self.keys: Keys = unique_keys(collections, self.tables, prefix)

    def unit(self, connection: sa.Connection, tenant: str, *, database: Integrity, read_only: bool) -> SQLUnitOfWork:
        """A unit of work on a connection that is inside a transaction; see :meth:`SQLUnitOfWork.enter`."""
        return SQLUnitOfWork(
            connection,
            tenant,
            database=database,
            catalogue=self.catalogue,
            keys=self.keys,
            read_only=read_only,
            says_tenant=self._row_level_security,
        )

    def security_notes(self, connection: sa.Connection) -> Iterator[Note]:
        """Why the database would show too many rows, or none at all."""
        if self.dialect == "postgresql":
            yield from security_notes(connection, self.tables, wanted=self._row_level_security)

    def tenants(
        self, connection: sa.Connection, collection: Collection[Any], *, after: str, limit: int
    ) -> tuple[str, ...]:
        """The tenants that have entities in ``collection``: one short look into the index for each."""
        if not self._row_level_security:
            return self._tenants(connection, collection, after=after, limit=limit)
        connection.execute(ENTER_ALL)
        found = self._tenants(connection, collection, after=after, limit=limit)
        connection.execute(LEAVE_ALL)  # the transaction may be a host's, and go on
        return found

    def _tenants(
        self, connection: sa.Connection, collection: Collection[Any], *, after: str, limit: int
    ) -> tuple[str, ...]:
        statement = self.catalogue.plan(collection).next_tenant
        found: list[str] = []
        while len(found) < limit:
            tenant = connection.execute(statement, {"p_after": after}).scalar_one_or_none()
            if tenant is None:
                break
            found.append(tenant)
            after = tenant
        return tuple(found)
