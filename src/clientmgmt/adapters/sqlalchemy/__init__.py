"""A store in SQLite or PostgreSQL, through SQLAlchemy Core."""

from clientmgmt.adapters.sqlalchemy.aio import AsyncSQLStorage
from clientmgmt.adapters.sqlalchemy.embedding import (
    AutogenContext,
    IncludeName,
    include_name,
    include_name_for,
    render_item,
)
from clientmgmt.adapters.sqlalchemy.joined import HostSession
from clientmgmt.adapters.sqlalchemy.migrations import downgrade, schema_version, stamp, upgrade, upgrade_sql
from clientmgmt.adapters.sqlalchemy.row_security import row_level_security_sql
from clientmgmt.adapters.sqlalchemy.storage import SQLStorage, connection_of
from clientmgmt.adapters.sqlalchemy.tables import build_tables

__all__ = [
    "AsyncSQLStorage",
    "AutogenContext",
    "HostSession",
    "IncludeName",
    "SQLStorage",
    "build_tables",
    "connection_of",
    "downgrade",
    "include_name",
    "include_name_for",
    "render_item",
    "row_level_security_sql",
    "schema_version",
    "stamp",
    "upgrade",
    "upgrade_sql",
]
