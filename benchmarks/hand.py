"""The baseline: the same statements as the package's, written by hand in SQLAlchemy Core.

Statements stand at module level, values go in as dictionaries, columns have the same types; there are no entities,
no checks and no permissions.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from clientmgmt.adapters.sqlalchemy import build_tables

TENANT = "northwind"
TABLES = build_tables(sa.MetaData(), prefix="hand_")
CLIENTS, USERS = TABLES["clients"], TABLES["users"]
MEMBERSHIPS, INVITATIONS = TABLES["memberships"], TABLES["invitations"]
CREDENTIALS, LOGINS = TABLES["credentials"], TABLES["logins"]
OUTBOX, DELIVERIES, AUDIT = TABLES["outbox"], TABLES["deliveries"], TABLES["audit"]
REFERENCES = TABLES["client_references"]


def _by_id(table: sa.Table) -> sa.Select[Any]:
    return sa.select(*_columns(table)).where(
        table.c.tenant_id == sa.bindparam("t"), table.c.id == sa.bindparam("i", type_=table.c.id.type)
    )


def _by_ids(table: sa.Table) -> sa.Select[Any]:
    ids = sa.bindparam("ids", type_=table.c.id.type, expanding=True)
    return sa.select(*_columns(table)).where(table.c.tenant_id == sa.bindparam("t"), table.c.id.in_(ids))


def _columns(table: sa.Table) -> list[sa.Column[Any]]:
    return [column for column in table.c if column.name not in {"tenant_id", "seq"}]


def _change(table: sa.Table) -> sa.Update:
    where = (
        table.c.tenant_id == sa.bindparam("t"),
        table.c.id == sa.bindparam("i", type_=table.c.id.type),
        table.c.version == sa.bindparam("v"),
    )
    names = [column.name for column in _columns(table) if column.name != "id"]
    return sa.update(table).where(*where).values({name: sa.bindparam(name) for name in names})


GET = {name: _by_id(table) for name, table in TABLES.items() if "id" in table.c}
LOCK = {name: select.with_for_update(key_share=True) for name, select in GET.items()}
GET_MANY = {name: _by_ids(table) for name, table in TABLES.items() if "id" in table.c}
INSERT = {name: sa.insert(table) for name, table in TABLES.items()}
CHANGE = {name: _change(TABLES[name]) for name in ("users", "memberships", "invitations")}
USER_BY_EMAIL = sa.select(*_columns(USERS)).where(
    USERS.c.tenant_id == sa.bindparam("t"), USERS.c.email_key == sa.bindparam("key")
)
LATEST_INVITATIONS = (
    sa.select(*_columns(INVITATIONS))
    .where(
        INVITATIONS.c.tenant_id == sa.bindparam("t"),
        INVITATIONS.c.contact_id == sa.bindparam("contact", type_=INVITATIONS.c.contact_id.type),
    )
    .order_by(INVITATIONS.c.sent_at.desc(), INVITATIONS.c.id.desc())
    .limit(10)
)
OPEN_CLIENTS = (
    sa.select(*_columns(MEMBERSHIPS), *_columns(CLIENTS))
    .join(
        CLIENTS,
        sa.and_(CLIENTS.c.tenant_id == MEMBERSHIPS.c.tenant_id, CLIENTS.c.id == MEMBERSHIPS.c.client_id),
    )
    .where(
        MEMBERSHIPS.c.tenant_id == sa.bindparam("t"),
        MEMBERSHIPS.c.user_id == sa.bindparam("user", type_=MEMBERSHIPS.c.user_id.type),
        MEMBERSHIPS.c.suspended_at.is_(None),
    )
)
CONTACT_PAGE = (
    sa.select(*_columns(MEMBERSHIPS), *_columns(USERS))
    .join(USERS, sa.and_(USERS.c.tenant_id == MEMBERSHIPS.c.tenant_id, USERS.c.id == MEMBERSHIPS.c.user_id))
    .where(
        MEMBERSHIPS.c.tenant_id == sa.bindparam("t"),
        MEMBERSHIPS.c.client_id == sa.bindparam("client", type_=MEMBERSHIPS.c.client_id.type),
    )
    .order_by(MEMBERSHIPS.c.name_key, MEMBERSHIPS.c.id)
    .limit(51)
)
REFERENCES_OF = sa.select(*_columns(REFERENCES)).where(
    REFERENCES.c.tenant_id == sa.bindparam("t"),
    REFERENCES.c.client_id == sa.bindparam("client", type_=REFERENCES.c.client_id.type),
)


class Queues:
    """Inserts into the queues, which PostgreSQL numbers by itself; on SQLite the statement does."""

    def __init__(self, engine: sa.Engine) -> None:
        self._numbers = engine.dialect.name == "sqlite"
        self._inserts = {name: self._insert(TABLES[name]) for name in ("outbox", "new_events")}

    def insert(self, connection: sa.Connection, name: str, rows: list[dict[str, Any]]) -> None:
        """Put rows at the end of their lanes."""
        if self._numbers:
            rows = [row | {"of_lane": row["lane"]} for row in rows]
        connection.execute(self._inserts[name], rows)

    def _insert(self, table: sa.Table) -> sa.Insert:
        if not self._numbers:
            return sa.insert(table)
        earlier = table.alias()
        in_lane = (earlier.c.tenant_id == sa.literal(TENANT), earlier.c.lane == sa.bindparam("of_lane"))
        last = sa.select(sa.func.max(earlier.c.seq)).where(*in_lane).scalar_subquery()
        return sa.insert(table).values(seq=sa.func.coalesce(last, 0) + 1)


def insert_if_absent(engine: sa.Engine) -> sa.Insert:
    """``INSERT … ON CONFLICT DO NOTHING`` for users, in the dialect of ``engine``."""
    dialect: Any = sqlite if engine.dialect.name == "sqlite" else postgresql
    statement: sa.Insert = dialect.insert(USERS).on_conflict_do_nothing().execution_options(preserve_rowcount=True)
    return statement


@contextmanager
def transaction(engine: sa.Engine) -> Iterator[sa.Connection]:
    """A writing transaction as the package opens it."""
    with engine.connect() as connection:
        connection.begin()
        if engine.dialect.name == "sqlite":
            connection.connection.dbapi_connection.execute("BEGIN IMMEDIATE")  # type: ignore[union-attr]
        yield connection
        connection.commit()


def client_row(key: UUID, number: int, now: datetime) -> dict[str, Any]:
    """A client."""
    return {
        "tenant_id": TENANT, "id": key, "kind": "company", "name": f"Client {number}",
        "name_key": f"client {number}", "email_address": f"ap{number}@client.example",
        "email_key": f"ap{number}@client.example", "status": "active", "status_since": now,
        "language": None, "created_at": now, "created_by": "staff:ada", "version": 1,
    }  # fmt: skip


def user_row(key: UUID, email: str, now: datetime) -> dict[str, Any]:
    """A client user."""
    return {
        "tenant_id": TENANT, "id": key, "kind": "client_user", "first_name": "Jane", "last_name": "Doe",
        "name_key": "doe jane", "email_address": email, "email_key": email, "phone": None, "reference": None,
        "roles": (), "credential_at": None, "first_login_at": None, "last_login_at": None,
        "deactivated_at": None, "reactivated_at": None, "epoch": 0, "must_change": False,
        "created_at": now, "version": 1,
    }  # fmt: skip


def membership_row(key: UUID, user: UUID, client: UUID, now: datetime) -> dict[str, Any]:
    """A contact."""
    return {
        "tenant_id": TENANT, "id": key, "user_id": user, "client_id": client, "role": "client_standard",
        "grants": (), "denies": (), "job_title": None, "name_key": "doe jane", "invitation_id": None,
        "suspended_at": None, "suspended_by_staff": False, "has_scope": False,
        "typed_first_name": None, "typed_last_name": None,
        "typed_email_address": None, "typed_email_key": None, "typed_phone": None,
        "created_at": now, "created_by": "staff:ada", "version": 1,
    }  # fmt: skip


def invitation_row(key: UUID, contact: UUID, user: UUID, client: UUID, now: datetime) -> dict[str, Any]:
    """An open invitation."""
    return {
        "tenant_id": TENANT, "id": key, "contact_id": contact, "user_id": user, "client_id": client,
        "email_key": "jane@client.example", "key_id": "00000000", "first_sent_at": now, "sent_at": now,
        "sent_by": "staff:ada", "expires_at": now + timedelta(days=7), "state": "open", "closed_at": None,
        "version": 1,
    }  # fmt: skip


def outbox_row(key: UUID, contact: UUID, user: UUID, client: UUID, now: datetime) -> dict[str, Any]:
    """A mail that waits."""
    return {
        "tenant_id": TENANT, "id": key, "lane": f"mail:{key}", "due_at": now, "attempts": 0,
        "type": "invitation", "client_id": client, "user_id": user, "about": contact, "created_at": now,
        "error": None, "not_after": now + timedelta(days=7), "settled": 0, "cancelled_at": None, "version": 1,
    }  # fmt: skip


def audit_row(key: UUID, action: str, client: UUID, subject: UUID, now: datetime, **new: str) -> dict[str, Any]:
    """An audit entry."""
    return {
        "tenant_id": TENANT, "id": key, "at": now, "actor": "staff:ada", "on_behalf_of": None,
        "action": action, "client_id": client, "subject": subject, "old": {}, "new": new,
    }  # fmt: skip


def event_row(entry: Mapping[str, Any]) -> dict[str, Any]:
    """The event of an audit entry, on its way to the feed."""
    stamp = {"id": str(entry["id"]), "tenant": TENANT, "at": entry["at"].isoformat(), "actor": entry["actor"]}
    known = {"name": entry["action"], "stamp": stamp, "subject": str(entry["subject"])}
    data = json.dumps(known | {"client_id": str(entry["client_id"])} | entry["new"])
    return {
        "tenant_id": TENANT, "id": entry["id"], "lane": "feed", "due_at": entry["at"], "attempts": 0,
        "name": entry["action"], "data": data,
    }  # fmt: skip


def import_values(
    rows: Iterable[Mapping[str, object]], new: Callable[[], UUID], now: datetime
) -> dict[str, list[dict[str, Any]]]:
    """What an import of new clients with one person each inserts, by table, in the order of the references."""
    made: dict[str, list[dict[str, Any]]] = {
        name: [] for name in ("clients", "client_references", "users", "memberships", "audit")
    }
    for row in rows:
        client, user, contact = new(), new(), new()
        email = str(row["email"])
        made["clients"].append(client_row(client, 1, now))
        link = {"id": new(), "client_id": client, "system": "import", "value": row["reference"]}
        made["client_references"].append({"tenant_id": TENANT, **link})
        made["users"].append(user_row(user, email, now))
        made["memberships"].append(membership_row(contact, user, client, now))
        facts = {"title": str(row["client"]), "email": str(row["client_email"]), "status": "active"}
        made["audit"].append(audit_row(client, "client_added", client, client, now, **facts))
        facts = {"user_id": str(user), "title": "Jane Doe", "email": email, "role": "client_standard"}
        made["audit"].append(audit_row(contact, "contact_added", client, contact, now, **facts))
    made["new_events"] = list(map(event_row, made["audit"]))
    return made
