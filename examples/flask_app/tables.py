"""The helpdesk's own table, in the same database as the library's."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from clientmgmt import ClientId
from clientmgmt.adapters.sqlalchemy import build_tables


class Base(DeclarativeBase):
    """What the helpdesk maps."""


CLIENTS = build_tables(Base.metadata)["clients"]  # declared, so that our tables may refer to it


class Ticket(Base):
    """What a client asks for. Keys of the library begin with the tenant, so what refers to them does."""

    __tablename__ = "tickets"
    __table_args__ = (
        sa.ForeignKeyConstraint(["tenant", "client_id"], [CLIENTS.c.tenant_id, CLIENTS.c.id]),
        sa.UniqueConstraint("tenant", "reference"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    tenant: Mapped[str] = mapped_column(CLIENTS.c.tenant_id.type)
    client_id: Mapped[ClientId] = mapped_column(CLIENTS.c.id.type)
    reference: Mapped[str]
    subject: Mapped[str]
    remark: Mapped[str] = mapped_column(default="")


def create_tables(connection: sa.Connection) -> None:
    """Create what is ours; ``manager.upgrade()`` has created the rest."""
    Base.metadata.create_all(connection, tables=[Base.metadata.tables["tickets"]])
