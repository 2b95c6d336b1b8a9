"""Version 1: clients, their users and what opens doors to them; mail, and the audit trail."""

from __future__ import annotations

from clientmgmt.adapters.sqlalchemy.migrations.kinds import column, json, number, small, text, timestamp, uuid
from clientmgmt.adapters.sqlalchemy.migrations.operations import Operations, primary_key, reference, unique

__all__ = ["downgrade", "upgrade"]

_TABLES = (
    "clients",
    "client_references",
    "users",
    "credentials",
    "memberships",
    "invitations",
    "logins",
    "outbox",
    "deliveries",
    "audit",
    "numbers",
    "schema",
)


def upgrade(ops: Operations) -> None:
    """Create all tables."""
    _create_clients(ops)
    _create_client_references(ops)
    _create_users(ops)
    _create_credentials(ops)
    _create_memberships(ops)
    _create_invitations(ops)
    _create_logins(ops)
    _create_outbox(ops)
    _create_deliveries(ops)
    _create_audit(ops)
    _create_numbers(ops)
    _create_schema(ops)


def downgrade(ops: Operations) -> None:
    """Drop all tables."""
    for name in reversed(_TABLES):
        ops.drop_table(name)


def _create_clients(ops: Operations) -> None:
    ops.create_table(
        "clients",
        column("tenant_id", text()),
        column("id", uuid()),
        column("kind", text()),
        column("name", text()),
        column("name_key", text()),
        column("email_address", text()),
        column("email_key", text()),
        column("status", text()),
        column("status_since", timestamp()),
        column("language", text(), nullable=True),
        column("created_at", timestamp()),
        column("created_by", text()),
        column("version", number()),
        primary_key("clients_pkey", "tenant_id", "id"),
    )
    ops.create_index("clients_by_email_key_name_key", "clients", "tenant_id", "email_key", "name_key", "id")
    ops.create_index("clients_by_name_key", "clients", "tenant_id", "name_key", "id")
    ops.create_index("clients_by_status_name_key", "clients", "tenant_id", "status", "name_key", "id")


def _create_client_references(ops: Operations) -> None:
    ops.create_table(
        "client_references",
        column("tenant_id", text()),
        column("id", uuid()),
        column("client_id", uuid()),
        column("system", text()),
        column("value", text()),
        primary_key("client_references_pkey", "tenant_id", "id"),
        unique("client_reference", "tenant_id", "system", "value"),
        reference("client_references_client_id_fkey", "client_id", "clients"),
    )
    ops.create_index("client_references_by_client_id", "client_references", "tenant_id", "client_id", "id")


def _create_users(ops: Operations) -> None:
    ops.create_table(
        "users",
        column("tenant_id", text()),
        column("id", uuid()),
        column("kind", text()),
        column("first_name", text()),
        column("last_name", text()),
        column("name_key", text()),
        column("email_address", text()),
        column("email_key", text()),
        column("phone", text(), nullable=True),
        column("reference", text(), nullable=True),
        column("roles", json()),
        column("credential_at", timestamp(), nullable=True),
        column("first_login_at", timestamp(), nullable=True),
        column("last_login_at", timestamp(), nullable=True),
        column("deactivated_at", timestamp(), nullable=True),
        column("reactivated_at", timestamp(), nullable=True),
        column("created_at", timestamp()),
        column("version", number()),
        primary_key("users_pkey", "tenant_id", "id"),
        unique("user_email", "tenant_id", "email_key"),
        unique("user_reference", "tenant_id", "reference"),
    )
    ops.create_index("users_by_kind_name_key", "users", "tenant_id", "kind", "name_key", "id")


def _create_credentials(ops: Operations) -> None:
    ops.create_table(
        "credentials",
        column("tenant_id", text()),
        column("id", uuid()),
        column("hash", text()),
        column("set_at", timestamp()),
        column("version", number()),
        primary_key("credentials_pkey", "tenant_id", "id"),
        reference("credentials_id_fkey", "id", "users"),
    )


def _create_memberships(ops: Operations) -> None:
    ops.create_table(
        "memberships",
        column("tenant_id", text()),
        column("id", uuid()),
        column("user_id", uuid()),
        column("client_id", uuid()),
        column("role", text()),
        column("job_title", text(), nullable=True),
        column("name_key", text()),
        column("invitation_id", uuid(), nullable=True),
        column("suspended_at", timestamp(), nullable=True),
        column("created_at", timestamp()),
        column("created_by", text()),
        column("version", number()),
        primary_key("memberships_pkey", "tenant_id", "id"),
        unique("membership", "tenant_id", "client_id", "user_id"),
        reference("memberships_client_id_fkey", "client_id", "clients"),
        reference("memberships_user_id_fkey", "user_id", "users"),
    )
    ops.create_index("memberships_by_client_id_name_key", "memberships", "tenant_id", "client_id", "name_key", "id")
    ops.create_index("memberships_by_name_key", "memberships", "tenant_id", "name_key", "id")
    ops.create_index("memberships_by_user_id_name_key", "memberships", "tenant_id", "user_id", "name_key", "id")


def _create_invitations(ops: Operations) -> None:
    ops.create_table(
        "invitations",
        column("tenant_id", text()),
        column("id", uuid()),
        column("contact_id", uuid()),
        column("user_id", uuid()),
        column("client_id", uuid()),
        column("email_key", text()),
        column("key_id", text()),
        column("first_sent_at", timestamp()),
        column("sent_at", timestamp()),
        column("sent_by", text()),
        column("expires_at", timestamp()),
        column("state", text()),
        column("closed_at", timestamp(), nullable=True),
        column("version", number()),
        primary_key("invitations_pkey", "tenant_id", "id"),
        reference("invitations_client_id_fkey", "client_id", "clients"),
        reference("invitations_user_id_fkey", "user_id", "users"),
    )
    ops.create_index("invitations_by_client_id", "invitations", "tenant_id", "client_id", "id")
    ops.create_index("invitations_by_contact_id_sent_at", "invitations", "tenant_id", "contact_id", "sent_at", "id")
    ops.create_index("invitations_by_state_expires_at", "invitations", "tenant_id", "state", "expires_at", "id")
    ops.create_index("invitations_by_user_id", "invitations", "tenant_id", "user_id", "id")


def _create_logins(ops: Operations) -> None:
    ops.create_table(
        "logins",
        column("tenant_id", text()),
        column("id", uuid()),
        column("user_id", uuid()),
        column("client_id", uuid(), nullable=True),
        column("name", text()),
        column("at", timestamp()),
        primary_key("logins_pkey", "tenant_id", "id"),
    )
    ops.create_index("logins_by_user_id_at", "logins", "tenant_id", "user_id", "at", "id")


def _create_outbox(ops: Operations) -> None:
    ops.create_table(
        "outbox",
        column("tenant_id", text()),
        column("id", uuid()),
        column("lane", text()),
        column("due_at", timestamp()),
        column("attempts", number()),
        column("type", text()),
        column("client_id", uuid()),
        column("user_id", uuid()),
        column("about", uuid()),
        column("created_at", timestamp()),
        column("error", text(), nullable=True),
        column("version", number()),
        column("seq", number(), identity=True),
        primary_key("outbox_pkey", "tenant_id", "id"),
    )
    ops.create_index("outbox_by_due_at", "outbox", "tenant_id", "due_at", "id")
    ops.create_index("outbox_lanes", "outbox", "tenant_id", "lane", "seq")


def _create_deliveries(ops: Operations) -> None:
    ops.create_table(
        "deliveries",
        column("tenant_id", text()),
        column("id", uuid()),
        column("type", text()),
        column("client_id", uuid()),
        column("user_id", uuid()),
        column("about", uuid()),
        column("state", text()),
        column("at", timestamp()),
        column("attempts", number()),
        column("error", text(), nullable=True),
        primary_key("deliveries_pkey", "tenant_id", "id"),
    )
    ops.create_index("deliveries_by_client_id_at", "deliveries", "tenant_id", "client_id", "at", "id")


def _create_audit(ops: Operations) -> None:
    ops.create_table(
        "audit",
        column("tenant_id", text()),
        column("id", uuid()),
        column("at", timestamp()),
        column("actor", text()),
        column("on_behalf_of", text(), nullable=True),
        column("action", text()),
        column("client_id", uuid(), nullable=True),
        column("subject", uuid(), nullable=True),
        column("old", json()),
        column("new", json()),
        primary_key("audit_pkey", "tenant_id", "id"),
    )
    ops.create_index("audit_by_action_at", "audit", "tenant_id", "action", "at", "id")
    ops.create_index("audit_by_actor_at", "audit", "tenant_id", "actor", "at", "id")
    ops.create_index("audit_by_at", "audit", "tenant_id", "at", "id")
    ops.create_index("audit_by_client_id_at", "audit", "tenant_id", "client_id", "at", "id")


def _create_numbers(ops: Operations) -> None:
    ops.create_table(
        "numbers",
        column("tenant_id", text()),
        column("name", text()),
        column("value", number()),
        primary_key("numbers_pkey", "tenant_id", "name"),
    )


def _create_schema(ops: Operations) -> None:
    ops.create_table(
        "schema",
        column("version", small()),
        primary_key("schema_pkey", "version"),
    )
