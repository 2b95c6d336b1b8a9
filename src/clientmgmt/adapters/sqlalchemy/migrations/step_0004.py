"""Version 4: account managers."""

from __future__ import annotations

from clientmgmt.adapters.sqlalchemy.migrations.kinds import column, number, text, timestamp, uuid
from clientmgmt.adapters.sqlalchemy.migrations.operations import Operations, primary_key, reference, unique

__all__ = ["downgrade", "upgrade"]


def upgrade(ops: Operations) -> None:
    """Add the table; nobody looks after anybody yet."""
    ops.create_table(
        "managers",
        column("tenant_id", text()),
        column("id", uuid()),
        column("client_id", uuid()),
        column("user_id", uuid()),
        column("primary_for", uuid(), nullable=True),
        column("added_at", timestamp()),
        column("added_by", text()),
        column("version", number()),
        primary_key("managers_pkey", "tenant_id", "id"),
        unique("manager", "tenant_id", "client_id", "user_id"),
        unique("primary_manager", "tenant_id", "primary_for"),
        reference("managers_client_id_fkey", "client_id", "clients"),
        reference("managers_user_id_fkey", "user_id", "users"),
    )
    ops.create_index("managers_by_user_id", "managers", "tenant_id", "user_id", "id")


def downgrade(ops: Operations) -> None:
    """Take it away."""
    ops.drop_table("managers")
