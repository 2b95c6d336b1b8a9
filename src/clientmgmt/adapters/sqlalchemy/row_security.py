"""Row-level security of PostgreSQL: the database itself shows a transaction the rows of one tenant only.

It is a second line. Every statement of the store names the tenant already; this also binds the statements that a
host sends on the same connection.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from clientmgmt.adapters.sqlalchemy.tables import SCHEMA, build_tables
from clientmgmt.adapters.sqlalchemy.types import text_type
from clientmgmt.domain.results import Note
from clientmgmt.ports.collections import COLLECTIONS
from clientmgmt.ports.storage import Collection

__all__ = ["ENTER_ALL", "ENTER_TENANT", "LEAVE_ALL", "row_level_security_sql", "security_notes"]

_OWN, _ALL = "clientmgmt.tenant", "clientmgmt.all_tenants"
_DIALECT: Callable[[], sa.Dialect] = postgresql.dialect
_POLICIES = {
    "clientmgmt_tenant": f"USING (tenant_id = (SELECT current_setting('{_OWN}', true)))",
    "clientmgmt_all_tenants": f"FOR SELECT USING ((SELECT current_setting('{_ALL}', true)) = 'on')",
}

ENTER_TENANT: sa.Executable = sa.select(
    sa.func.set_config(sa.literal_column(f"'{_OWN}'"), sa.bindparam("p_tenant", type_=text_type()), sa.true())
)
"""Until the transaction ends, show the rows of ``p_tenant``, and take no others."""

ENTER_ALL: sa.Executable = sa.select(
    sa.func.set_config(sa.literal_column(f"'{_ALL}'"), sa.literal_column("'on'"), sa.true())
)
"""Until the transaction ends, or :data:`LEAVE_ALL`, show the rows of all tenants."""

LEAVE_ALL: sa.Executable = sa.select(
    sa.func.set_config(sa.literal_column(f"'{_ALL}'"), sa.literal_column("''"), sa.true())
)
"""No longer show the rows of all tenants."""


def row_level_security_sql(
    *, prefix: str = "cm_", schema: str | None = None, collections: Iterable[Collection[Any]] = COLLECTIONS
) -> str:
    """The script that turns row-level security on for all tables that hold rows of tenants.

    Run it as the owner of the tables, and again after each upgrade: new tables do not have it by themselves.

    Args:
        prefix: what the names of tables start with.
        schema: the schema of the tables.
        collections: what the store keeps.
    """
    tables = build_tables(sa.MetaData(), collections=collections, prefix=prefix, schema=schema)
    lines = ["BEGIN", *(line for table in _tenants_tables(tables) for line in _secured(table)), "COMMIT"]
    return "".join(f"{line};\n" for line in lines)


def security_notes(connection: sa.Connection, tables: Mapping[str, sa.Table], *, wanted: bool) -> Iterator[Note]:
    """Why row-level security would not do what is ``wanted``: bind the units of work, or not be there."""
    bound = _is_bound(connection)
    if wanted and not bound:
        message = "the role is a superuser or has BYPASSRLS, so row-level security does not bind it: use another role"
        yield Note("role_not_bound", message)
    if not wanted and not bound:
        return
    secured = _secured_tables(connection, tables)
    for table in _tenants_tables(tables):
        if wanted and table.name not in secured:
            message = f"row-level security is not on for {table.fullname}: run the script of row_level_security_sql()"
            yield Note("row_security_off", message)
        if not wanted and table.name in secured:
            message = f"row-level security is on for {table.fullname}, and would hide all rows: say row_level_security"
            yield Note("row_security_on", message)


def _tenants_tables(tables: Mapping[str, sa.Table]) -> list[sa.Table]:
    return [table for name, table in tables.items() if name != SCHEMA]


def _secured(table: sa.Table) -> Iterator[str]:
    name = _DIALECT().identifier_preparer.format_table(table)
    yield f"ALTER TABLE {name} ENABLE ROW LEVEL SECURITY"
    yield f"ALTER TABLE {name} FORCE ROW LEVEL SECURITY"
    for policy, rule in _POLICIES.items():
        yield f"DROP POLICY IF EXISTS {policy} ON {name}"
        yield f"CREATE POLICY {policy} ON {name} {rule}"


def _is_bound(connection: sa.Connection) -> bool:
    bound = "SELECT NOT (rolsuper OR rolbypassrls) FROM pg_roles WHERE rolname = current_user"
    return bool(connection.exec_driver_sql(bound).scalar_one())


def _secured_tables(connection: sa.Connection, tables: Mapping[str, sa.Table]) -> set[str]:
    """The names of those that have row-level security, forced, with our policies."""
    format_table = connection.dialect.identifier_preparer.format_table
    names = [format_table(table) for table in tables.values()]
    values = {"p_names": names, "p_policies": list(_POLICIES), "p_count": len(_POLICIES)}
    return set(connection.execute(_SECURED, values).scalars())


_SECURED = sa.text(
    "SELECT relname FROM unnest(CAST(:p_names AS text[])) AS named JOIN pg_class ON pg_class.oid = to_regclass(named)"
    " WHERE relrowsecurity AND relforcerowsecurity AND :p_count = (SELECT count(*) FROM pg_policy"
    " WHERE polrelid = pg_class.oid AND polname = ANY(CAST(:p_policies AS text[])))"
)
