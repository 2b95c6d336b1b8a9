"""Version 5: owners, sites, the scopes of contacts, and contacts that wait for a person to accept."""

from __future__ import annotations

import sqlalchemy as sa

from clientmgmt.adapters.sqlalchemy.migrations.kinds import column, flag, json, number, text, timestamp, uuid
from clientmgmt.adapters.sqlalchemy.migrations.operations import Operations, primary_key, reference, unique

__all__ = ["downgrade", "upgrade"]

_TYPED = ("typed_first_name", "typed_last_name", "typed_email_address", "typed_email_key", "typed_phone")


def upgrade(ops: Operations) -> None:
    """Add columns and tables; nobody owns a client or has a scope yet, and everybody has accepted."""
    ops.add_column("memberships", column("has_scope", flag(), default="false"))
    for name in _TYPED:
        ops.add_column("memberships", column(name, text(), nullable=True))
    _add_owners(ops)
    _add_sites(ops)
    _add_site_access(ops)


def downgrade(ops: Operations) -> None:
    """Take them away. Nobody gets more by it: who has not accepted is gone, who had a scope of some sites suspended."""
    memberships = ops.table("memberships")
    limited = memberships.c.has_scope.is_(sa.true()) & memberships.c.suspended_at.is_(None)
    ops.execute(memberships.update().where(limited).values(suspended_at=memberships.c.created_at))
    for name in ("site_access", "sites", "owners"):
        ops.drop_table(name)
    ops.execute(memberships.delete().where(memberships.c.typed_first_name.is_not(None)))
    for name in reversed(("has_scope", *_TYPED)):
        ops.drop_column("memberships", name)


def _add_owners(ops: Operations) -> None:
    ops.create_table(
        "owners",
        column("tenant_id", text()),
        column("id", uuid()),
        column("contact_id", uuid()),
        column("since", timestamp()),
        column("version", number()),
        primary_key("owners_pkey", "tenant_id", "id"),
        reference("owners_id_fkey", "id", "clients"),
        reference("owners_contact_id_fkey", "contact_id", "memberships"),
    )
    ops.create_index("owners_by_contact_id", "owners", "tenant_id", "contact_id", "id")


def _add_sites(ops: Operations) -> None:
    ops.create_table(
        "sites",
        column("tenant_id", text()),
        column("id", uuid()),
        column("client_id", uuid()),
        column("name", text()),
        column("name_key", text()),
        column("address_street", text()),
        column("address_city", text()),
        column("address_country", text()),
        column("address_street2", text(), nullable=True),
        column("address_region", text(), nullable=True),
        column("address_postal_code", text(), nullable=True),
        column("timezone", text()),
        column("status", text()),
        column("archived_at", timestamp(), nullable=True),
        column("reference", text(), nullable=True),
        column("post_map", json(), nullable=True),
        column("details", json()),
        column("contacts", json()),
        column("created_at", timestamp()),
        column("created_by", text()),
        column("version", number()),
        primary_key("sites_pkey", "tenant_id", "id"),
        unique("site_reference", "tenant_id", "reference"),
        reference("sites_client_id_fkey", "client_id", "clients"),
    )
    ops.create_index("sites_by_client_id_name_key", "sites", "tenant_id", "client_id", "name_key", "id")


def _add_site_access(ops: Operations) -> None:
    ops.create_table(
        "site_access",
        column("tenant_id", text()),
        column("id", uuid()),
        column("contact_id", uuid()),
        column("site_id", uuid()),
        primary_key("site_access_pkey", "tenant_id", "id"),
        unique("scope_site", "tenant_id", "contact_id", "site_id"),
        reference("site_access_contact_id_fkey", "contact_id", "memberships"),
        reference("site_access_site_id_fkey", "site_id", "sites"),
    )
    ops.create_index("site_access_by_site_id", "site_access", "tenant_id", "site_id", "id")
