"""A store in SQLite or PostgreSQL, through SQLAlchemy Core."""

from clientmgmt.adapters.sqlalchemy.migrations import downgrade, stamp, upgrade, upgrade_sql
from clientmgmt.adapters.sqlalchemy.storage import SQLStorage, connection_of
from clientmgmt.adapters.sqlalchemy.tables import build_tables

__all__ = ["SQLStorage", "build_tables", "connection_of", "downgrade", "stamp", "upgrade", "upgrade_sql"]
