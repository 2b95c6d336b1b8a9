"""Version 6: sessions."""

from __future__ import annotations

from clientmgmt.adapters.sqlalchemy.migrations.kinds import column, number, text, timestamp, uuid
from clientmgmt.adapters.sqlalchemy.migrations.operations import Operations, primary_key, reference

__all__ = ["downgrade", "upgrade"]


def upgrade(ops: Operations) -> None:
    """Add the column and the table; nobody has signed in here yet."""
    ops.add_column("users", column("epoch", number(), default="0"))
    ops.create_table(
        "sessions",
        column("tenant_id", text()),
        column("id", uuid()),
        column("user_id", uuid()),
        column("client_id", uuid(), nullable=True),
        column("epoch", number()),
        column("began_at", timestamp()),
        column("expires_at", timestamp()),
        primary_key("sessions_pkey", "tenant_id", "id"),
        reference("sessions_user_id_fkey", "user_id", "users"),
    )
    ops.create_index("sessions_by_expires_at", "sessions", "tenant_id", "expires_at", "id")
    ops.create_index("sessions_by_user_id", "sessions", "tenant_id", "user_id", "id")


def downgrade(ops: Operations) -> None:
    """Take them away: all sessions end."""
    ops.drop_table("sessions")
    ops.drop_column("users", "epoch")
