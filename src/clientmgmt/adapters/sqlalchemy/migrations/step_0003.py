"""Version 3: what a contact is granted and denied besides its role."""

from __future__ import annotations

from clientmgmt.adapters.sqlalchemy.migrations.kinds import column, json
from clientmgmt.adapters.sqlalchemy.migrations.operations import Operations

__all__ = ["downgrade", "upgrade"]

_COLUMNS = ("grants", "denies")


def upgrade(ops: Operations) -> None:
    """Add the columns; nobody is granted or denied anything yet."""
    for name in _COLUMNS:
        ops.add_column("memberships", column(name, json(), default="'[]'"))


def downgrade(ops: Operations) -> None:
    """Take them away; contacts have what their roles give."""
    for name in reversed(_COLUMNS):
        ops.drop_column("memberships", name)
