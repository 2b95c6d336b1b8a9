"""A store in SQLite or PostgreSQL, through SQLAlchemy Core."""

from clientmgmt.adapters.sqlalchemy.storage import SQLStorage
from clientmgmt.adapters.sqlalchemy.tables import build_tables
from clientmgmt.adapters.sqlalchemy.unit import connection_of

__all__ = ["SQLStorage", "build_tables", "connection_of"]
