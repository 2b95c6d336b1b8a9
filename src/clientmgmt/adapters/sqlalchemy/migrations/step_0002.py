"""Version 2: idempotency keys, the feed of events, mail that can be listed and cancelled, times for upkeep."""

from __future__ import annotations

from clientmgmt.adapters.sqlalchemy.migrations.kinds import column, number, text, timestamp, uuid
from clientmgmt.adapters.sqlalchemy.migrations.operations import Operations, primary_key, unique

__all__ = ["downgrade", "upgrade"]

_INDEXES = (
    ("invitations_by_expires_at", "invitations"),
    ("logins_by_at", "logins"),
    ("outbox_by_about_created_at", "outbox"),
    ("outbox_by_client_id_created_at", "outbox"),
    ("outbox_by_created_at", "outbox"),
    ("deliveries_by_about_created_at", "deliveries"),
    ("deliveries_by_at", "deliveries"),
    ("deliveries_by_client_id_created_at", "deliveries"),
    ("deliveries_by_created_at", "deliveries"),
    ("deliveries_by_state_created_at", "deliveries"),
    ("deliveries_by_type_created_at", "deliveries"),
)
_COLUMNS = (
    ("outbox", "not_after"),
    ("outbox", "settled"),
    ("outbox", "cancelled_at"),
    ("deliveries", "created_at"),
    ("deliveries", "not_after"),
)
_TABLES = ("idempotency_keys", "new_events", "feed", "feed_heads", "feed_readers")


def upgrade(ops: Operations) -> None:
    """Add tables, columns and indexes.

    Mail that was delivered counts as made when that was written down; mail that failed once is in nobody's hand.
    """
    _change_logs(ops)
    _change_mail(ops)
    _create_idempotency_keys(ops)
    _create_new_events(ops)
    _create_feed(ops)
    _create_feed_heads(ops)
    _create_feed_readers(ops)


def downgrade(ops: Operations) -> None:
    """Take all of it away."""
    for name in reversed(_TABLES):
        ops.drop_table(name)
    for index, name in reversed(_INDEXES):
        ops.drop_index(index, name)
    for name, column_name in reversed(_COLUMNS):
        ops.drop_column(name, column_name)
    ops.create_index("deliveries_by_client_id_at", "deliveries", "tenant_id", "client_id", "at", "id")


def _change_logs(ops: Operations) -> None:
    ops.create_index("invitations_by_expires_at", "invitations", "tenant_id", "expires_at", "id")
    ops.create_index("logins_by_at", "logins", "tenant_id", "at", "id")


def _change_mail(ops: Operations) -> None:
    ops.drop_index("deliveries_by_client_id_at", "deliveries")
    ops.add_column("outbox", column("not_after", timestamp(), nullable=True))
    ops.add_column("outbox", column("settled", number(), default="0"))
    outbox = ops.table("outbox")
    ops.execute(outbox.update().where(outbox.c.error.is_not(None)).values(settled=outbox.c.attempts))
    ops.add_column("outbox", column("cancelled_at", timestamp(), nullable=True))
    ops.create_index("outbox_by_about_created_at", "outbox", "tenant_id", "about", "created_at", "id")
    ops.create_index("outbox_by_client_id_created_at", "outbox", "tenant_id", "client_id", "created_at", "id")
    ops.create_index("outbox_by_created_at", "outbox", "tenant_id", "created_at", "id")
    ops.add_column("deliveries", column("created_at", timestamp(), default="'epoch'"))
    deliveries = ops.table("deliveries")
    ops.execute(deliveries.update().values(created_at=deliveries.c.at))
    ops.add_column("deliveries", column("not_after", timestamp(), nullable=True))
    ops.create_index("deliveries_by_about_created_at", "deliveries", "tenant_id", "about", "created_at", "id")
    ops.create_index("deliveries_by_at", "deliveries", "tenant_id", "at", "id")
    ops.create_index("deliveries_by_client_id_created_at", "deliveries", "tenant_id", "client_id", "created_at", "id")
    ops.create_index("deliveries_by_created_at", "deliveries", "tenant_id", "created_at", "id")
    ops.create_index("deliveries_by_state_created_at", "deliveries", "tenant_id", "state", "created_at", "id")
    ops.create_index("deliveries_by_type_created_at", "deliveries", "tenant_id", "type", "created_at", "id")


def _create_idempotency_keys(ops: Operations) -> None:
    ops.create_table(
        "idempotency_keys",
        column("tenant_id", text()),
        column("id", uuid()),
        column("key", text()),
        column("fingerprint", text()),
        column("answer", text(), nullable=True),
        column("at", timestamp()),
        column("version", number()),
        primary_key("idempotency_keys_pkey", "tenant_id", "id"),
        unique("idempotency_key", "tenant_id", "key"),
    )
    ops.create_index("idempotency_keys_by_at", "idempotency_keys", "tenant_id", "at", "id")


def _create_new_events(ops: Operations) -> None:
    ops.create_table(
        "new_events",
        column("tenant_id", text()),
        column("id", uuid()),
        column("lane", text()),
        column("due_at", timestamp()),
        column("attempts", number()),
        column("name", text()),
        column("data", text()),
        column("seq", number(), identity=True),
        primary_key("new_events_pkey", "tenant_id", "id"),
    )
    ops.create_index("new_events_by_due_at", "new_events", "tenant_id", "due_at", "id")
    ops.create_index("new_events_lanes", "new_events", "tenant_id", "lane", "seq")


def _create_feed(ops: Operations) -> None:
    ops.create_table(
        "feed",
        column("tenant_id", text()),
        column("id", uuid()),
        column("position", number()),
        column("name", text()),
        column("at", timestamp()),
        column("data", text()),
        primary_key("feed_pkey", "tenant_id", "id"),
        unique("feed_position", "tenant_id", "position"),
    )
    ops.create_index("feed_by_at", "feed", "tenant_id", "at", "id")


def _create_feed_heads(ops: Operations) -> None:
    ops.create_table(
        "feed_heads",
        column("tenant_id", text()),
        column("id", uuid()),
        column("position", number()),
        column("version", number()),
        primary_key("feed_heads_pkey", "tenant_id", "id"),
    )


def _create_feed_readers(ops: Operations) -> None:
    ops.create_table(
        "feed_readers",
        column("tenant_id", text()),
        column("id", uuid()),
        column("name", text()),
        column("position", number()),
        column("version", number()),
        primary_key("feed_readers_pkey", "tenant_id", "id"),
        unique("feed_reader", "tenant_id", "name"),
    )
