"""Version 7: resets of passwords, confirmed addresses, external identities, and what strangers try."""

from __future__ import annotations

import sqlalchemy as sa

from clientmgmt.adapters.sqlalchemy.migrations.kinds import column, flag, json, number, text, timestamp, uuid
from clientmgmt.adapters.sqlalchemy.migrations.operations import Operations, primary_key, reference, unique

__all__ = ["downgrade", "upgrade"]

_MAIL = ("outbox", "deliveries")


def upgrade(ops: Operations) -> None:
    """Add columns and tables, all of them empty; mail need not be about a client any more.

    Whoever is suspended may have been so by staff: only staff takes that back.
    """
    ops.add_column("users", column("must_change", flag(), default="false"))
    ops.add_column("credentials", column("once_until", timestamp(), nullable=True))
    ops.add_column("memberships", column("suspended_by_staff", flag(), default="false"))
    memberships = ops.table("memberships")
    ops.execute(memberships.update().where(memberships.c.suspended_at.is_not(None)).values(suspended_by_staff=True))
    _add_identities(ops)
    _add_account_links(ops)
    _add_queued_resets(ops)
    _add_attempts(ops)
    for name in _MAIL:
        _make_client_optional(ops, name)


def downgrade(ops: Operations) -> None:
    """Take them away. Nobody gets more by it: identities, and passwords that were generated, are no credential there.

    Mail about users as such is gone, as are its links. The column that may be empty since then may stay so.
    """
    users = ops.table("users")
    identities, credentials = ops.table("identities"), ops.table("credentials")
    generated = credentials.c.once_until.is_not(None)
    for found in (sa.select(identities), sa.select(credentials).where(generated)):
        lost = found.subquery()
        same = (lost.c.tenant_id == users.c.tenant_id) & (lost.c.id == users.c.id)
        ops.execute(users.update().where(sa.exists().where(same)).values(credential_at=None))
    ops.execute(credentials.delete().where(generated))
    for name in _MAIL:
        mails = ops.table(name)
        ops.execute(mails.delete().where(mails.c.client_id.is_(None)))
    for name in ("attempts", "queued_resets", "account_links", "identities"):
        ops.drop_table(name)
    ops.drop_column("memberships", "suspended_by_staff")
    ops.drop_column("credentials", "once_until")
    ops.drop_column("users", "must_change")


def _make_client_optional(ops: Operations, name: str) -> None:
    """Put the column aside and back: SQLite cannot change one that is there."""
    ops.drop_index(f"{name}_by_client_id_created_at", name)
    ops.add_column(name, column("known_client_id", uuid(), nullable=True))
    ops.execute(ops.table(name).update().values(known_client_id=ops.table(name).c.client_id))
    ops.drop_column(name, "client_id")
    ops.add_column(name, column("client_id", uuid(), nullable=True))
    ops.execute(ops.table(name).update().values(client_id=ops.table(name).c.known_client_id))
    ops.drop_column(name, "known_client_id")
    ops.create_index(f"{name}_by_client_id_created_at", name, "tenant_id", "client_id", "created_at", "id")


def _add_identities(ops: Operations) -> None:
    ops.create_table(
        "identities",
        column("tenant_id", text()),
        column("id", uuid()),
        column("issuer", text()),
        column("subject", text()),
        column("set_at", timestamp()),
        primary_key("identities_pkey", "tenant_id", "id"),
        unique("identity", "tenant_id", "issuer", "subject"),
        reference("identities_id_fkey", "id", "users"),
    )


def _add_account_links(ops: Operations) -> None:
    ops.create_table(
        "account_links",
        column("tenant_id", text()),
        column("user_id", uuid()),
        column("email_key", text()),
        column("key_id", text()),
        column("sent_at", timestamp()),
        column("sent_by", text()),
        column("expires_at", timestamp()),
        column("state", text()),
        column("closed_at", timestamp(), nullable=True),
        column("version", number()),
        column("id", uuid()),
        column("purpose", text()),
        column("new_email_address", text(), nullable=True),
        column("new_email_key", text(), nullable=True),
        column("old_email_address", text(), nullable=True),
        column("old_email_key", text(), nullable=True),
        primary_key("account_links_pkey", "tenant_id", "id"),
        reference("account_links_user_id_fkey", "user_id", "users"),
    )
    ops.create_index("account_links_by_expires_at", "account_links", "tenant_id", "expires_at", "id")
    ops.create_index("account_links_by_state_expires_at", "account_links", "tenant_id", "state", "expires_at", "id")
    ops.create_index("account_links_by_user_id_sent_at", "account_links", "tenant_id", "user_id", "sent_at", "id")


def _add_queued_resets(ops: Operations) -> None:
    ops.create_table(
        "queued_resets",
        column("tenant_id", text()),
        column("id", uuid()),
        column("lane", text()),
        column("due_at", timestamp()),
        column("attempts", number()),
        column("email_key", text()),
        column("asked_at", timestamp()),
        column("asked_by", text()),
        column("version", number()),
        column("seq", number(), identity=True),
        primary_key("queued_resets_pkey", "tenant_id", "id"),
    )
    ops.create_index("queued_resets_by_due_at", "queued_resets", "tenant_id", "due_at", "id")
    ops.create_index("queued_resets_lanes", "queued_resets", "tenant_id", "lane", "seq")


def _add_attempts(ops: Operations) -> None:
    ops.create_table(
        "attempts",
        column("tenant_id", text()),
        column("id", uuid()),
        column("times", json()),
        column("over_at", timestamp()),
        column("version", number()),
        primary_key("attempts_pkey", "tenant_id", "id"),
    )
    ops.create_index("attempts_by_over_at", "attempts", "tenant_id", "over_at", "id")
