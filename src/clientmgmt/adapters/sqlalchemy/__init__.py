"""A store in SQLite or PostgreSQL, through SQLAlchemy Core."""

from clientmgmt.adapters.sqlalchemy.aio import AsyncSQLStorage
from clientmgmt.adapters.sqlalchemy.savepoints import HostSession
from clientmgmt.adapters.sqlalchemy.storage import SQLStorage, connection_of
from clientmgmt.adapters.sqlalchemy.tables import build_tables

__all__ = ["AsyncSQLStorage", "HostSession", "SQLStorage", "build_tables", "connection_of"]
