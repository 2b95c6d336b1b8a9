"""Fills a database with many clients, faster than through commands: plain inserts, and COPY on PostgreSQL."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import attrs
import sqlalchemy as sa

from benchmarks import hand
from benchmarks.commands import CLOCK
from clientmgmt.adapters.sqlalchemy import build_tables
from clientmgmt.adapters.system import Uuid7Source

TABLES = build_tables(sa.MetaData())
FILLED = ("clients", "client_references", "users", "memberships", "deliveries", "audit")
_PART = 10_000

Rows = list[dict[str, Any]]
Write = Callable[[sa.Table, Rows], None]


@attrs.frozen
class Known:
    """A client that was filled in, its only contact, and the contact's user; ``number`` is in their names."""

    number: int
    client: UUID
    contact: UUID
    user: UUID


def fill(engine: sa.Engine, size: int, *, keep: int) -> list[Known]:
    """Write ``size`` clients, each with a reference, a contact, a mail that was sent and two audit entries.

    ``keep`` of them, evenly spread, are answered.
    """
    known: list[Known] = []
    new = Uuid7Source().new
    with _copying(engine) if engine.dialect.name == "postgresql" else _inserting(engine) as write:
        for start in range(0, size, _PART):
            people = [Known(number, new(), new(), new()) for number in range(start, min(start + _PART, size))]
            for name, rows in _tables(people, new).items():
                write(TABLES[name], rows)
            known += [person for person in people if person.number * keep % size < keep]
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("VACUUM ANALYZE" if engine.dialect.name == "postgresql" else "ANALYZE")
    return known


def _tables(people: Iterable[Known], new: Callable[[], UUID]) -> dict[str, Rows]:
    """The rows of each table, after those that they refer to."""
    made: dict[str, Rows] = {name: [] for name in FILLED}
    now = CLOCK.now()
    for person in people:
        number, client, contact, user = person.number, person.client, person.contact, person.user
        made["clients"].append(hand.client_row(client, number, now))
        link = {"tenant_id": hand.TENANT, "id": new(), "client_id": client, "system": "crm", "value": f"R-{number}"}
        made["client_references"].append(link)
        made["users"].append(hand.user_row(user, f"jane{number}@filled.example", now))
        made["memberships"].append(hand.membership_row(contact, user, client, now))
        mail = {
            "tenant_id": hand.TENANT, "id": new(), "type": "contact_added", "client_id": client, "user_id": user,
            "about": contact, "created_at": now, "not_after": None, "state": "delivered", "at": now, "attempts": 1,
            "error": None,
        }  # fmt: skip
        made["deliveries"].append(mail)
        made["audit"].append(hand.audit_row(client, "client_added", client, client, now, title=f"Client {number}"))
        made["audit"].append(hand.audit_row(contact, "contact_added", client, contact, now, title="Jane Doe"))
    return made


@contextmanager
def _inserting(engine: sa.Engine) -> Iterator[Write]:
    """Inserts without waiting for the disk, and without looking for what is referred to."""
    connection = sqlite3.connect(str(engine.url.database))
    for pragma in ("foreign_keys = OFF", "synchronous = OFF", "cache_size = -500000"):
        connection.execute(f"PRAGMA {pragma}")

    def write(table: sa.Table, rows: Rows) -> None:
        names, values = _reader(table, engine.dialect)
        marks = ", ".join("?" * len(names))
        statement = f"INSERT INTO {table.name} ({', '.join(names)}) VALUES ({marks})"  # noqa: S608 - our own names
        connection.executemany(statement, map(values, rows))

    yield write
    connection.commit()
    connection.close()


@contextmanager
def _copying(engine: sa.Engine) -> Iterator[Write]:
    """COPY, without looking for what is referred to."""
    with engine.begin() as connection:
        connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
        driver: Any = connection.connection.dbapi_connection

        def write(table: sa.Table, rows: Rows) -> None:
            names, values = _reader(table, engine.dialect)
            with driver.cursor().copy(f"COPY {table.name} ({', '.join(names)}) FROM STDIN") as copy:
                for row in rows:
                    copy.write_row(values(row))

        yield write


def _reader(table: sa.Table, dialect: sa.Dialect) -> tuple[list[str], Callable[[dict[str, Any]], list[Any]]]:
    """The columns of a table, and what makes the driver's values of a row."""
    columns = [(column.name, column.type.dialect_impl(dialect).bind_processor(dialect)) for column in table.c]

    def values(row: dict[str, Any]) -> list[Any]:
        return [row[name] if convert is None else convert(row[name]) for name, convert in columns]

    return [name for name, _ in columns], values
