"""How the schema came to be, step by step: each step is frozen once it was released.

A step never asks what the package stores today: it imports no collection and derives no table. What it makes is
written down in it, so that a database that starts now and one that was upgraded for years end up the same.
"""

from clientmgmt.adapters.sqlalchemy.migrations.runner import downgrade, stamp, upgrade, upgrade_sql
from clientmgmt.adapters.sqlalchemy.migrations.versions import schema_version

__all__ = ["downgrade", "schema_version", "stamp", "upgrade", "upgrade_sql"]
