"""A store in SQLite or PostgreSQL, through SQLAlchemy Core."""

from clientmgmt.adapters.sqlalchemy.embedding import include_name, include_name_for, render_item
from clientmgmt.adapters.sqlalchemy.migrations import downgrade, schema_version, stamp, upgrade, upgrade_sql
from clientmgmt.adapters.sqlalchemy.storage import SQLStorage, connection_of
from clientmgmt.adapters.sqlalchemy.tables import build_tables

__all__ = [
    "SQLStorage",
    "build_tables",
    "connection_of",
    "downgrade",
    "include_name",
    "include_name_for",
    "render_item",
    "schema_version",
    "stamp",
    "upgrade",
    "upgrade_sql",
]
