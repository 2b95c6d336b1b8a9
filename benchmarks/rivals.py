"""*Add contact* beside other ways to write the same rows: raw drivers, and the ORMs of SQLAlchemy and Django.

Every side locks the client, looks for the e-mail, and writes user, contact, audit entry and event in one transaction.
None of the others checks anything, and Django's tables have neither unique keys nor references.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

import psycopg
import sqlalchemy as sa
from sqlalchemy.orm import Session, registry, relationship

from benchmarks import hand
from benchmarks.commands import CLOCK, Stage
from benchmarks.django_side import DjangoSide
from benchmarks.harness import Result, compare

WRITTEN = ("users", "memberships", "audit", "new_events")
GOALS = {
    "sqlite": {"raw sqlite3": 6.0, "Django ORM": 0.6, "SQLAlchemy ORM": 0.4},
    "postgresql": {"raw psycopg": 2.0, "Django ORM": 0.6, "SQLAlchemy ORM": 0.4},
}


class Rival(Protocol):
    """One other way."""

    def add(self, client: UUID, email: str, ids: tuple[UUID, ...], now: datetime) -> None:
        """Add a contact, with these ids for user, contact and event."""

    def close(self) -> None:
        """Give connections back."""


def measure(stage: Stage, django: DjangoSide) -> Iterator[Result]:
    """Our command beside each of the others, on clients of the same kind."""
    dialect = stage.engine.dialect.name
    client = stage.ids.new()
    with hand.transaction(stage.engine) as connection:
        connection.execute(hand.INSERT["clients"], hand.client_row(client, 0, CLOCK.now()))
    django.insert_clients([hand.client_row(client, 0, CLOCK.now())])
    raw: Rival = RawSqlite(stage) if dialect == "sqlite" else RawPsycopg(stage)
    rivals: tuple[Rival, ...] = (raw, DjangoOrm(django), SqlalchemyOrm(stage))
    for (name, goal), rival in zip(GOALS[dialect].items(), rivals, strict=True):
        yield _beside(stage, rival, client, baseline=name, goal=goal)
        rival.close()


def _beside(stage: Stage, rival: Rival, client: UUID, *, baseline: str, goal: float) -> Result:
    new = stage.ids.new

    def theirs() -> None:
        rival.add(client, stage.email(), (new(), new(), new()), CLOCK.now())

    return compare(
        f"add contact, {stage.engine.dialect.name}",
        stage.contact,
        theirs,
        baseline=baseline,
        goal=goal,
        repeat=15,
        by="wall" if baseline == "raw psycopg" else "cpu",
    )


def rows_of(client: Any, email: str, ids: tuple[Any, ...], now: Any) -> dict[str, dict[str, Any]]:  # noqa: ANN401
    """What adding a contact writes, with ids and times of whatever types the driver wants."""
    user, contact, event = ids
    facts = {"user_id": str(user), "title": "Jane Doe", "email": email, "role": "client_standard"}
    entry = hand.audit_row(event, "contact_added", client, contact, now, **facts)
    return {
        "users": hand.user_row(user, email, now),
        "memberships": hand.membership_row(contact, user, client, now),
        "audit": entry,
        "new_events": hand.event_row(entry),
    }


def _raw(rows: dict[str, dict[str, Any]], write: Mapping[type, Callable[[Any], Any]]) -> None:
    """Turn the values of rows into those of a driver."""
    for row in rows.values():
        for name, value in row.items():
            if (convert := write.get(type(value))) is not None:
                row[name] = convert(value)


class RawSqlite:
    """The statements as text on one connection of the standard library's driver."""

    _PRAGMAS = ("synchronous = FULL", "foreign_keys = ON", "secure_delete = ON")
    _WRITE: Mapping[type, Callable[[Any], Any]] = {
        UUID: lambda key: key.bytes,
        datetime: lambda at: int(at.timestamp() * 1_000_000),
        tuple: lambda _: "[]",
        dict: json.dumps,
    }

    def __init__(self, stage: Stage) -> None:
        self._connection = sqlite3.connect(str(stage.engine.url.database), isolation_level=None)
        for pragma in self._PRAGMAS:
            self._connection.execute(f"PRAGMA {pragma}")
        self._inserts = {name: _insert(name, ":{}") for name in WRITTEN}
        self._inserts["new_events"] = _insert("new_events", ":{}", seq=_FOLLOWING)

    def add(self, client: UUID, email: str, ids: tuple[UUID, ...], now: datetime) -> None:
        """Add a contact."""
        rows = rows_of(client, email, ids, now)
        _raw(rows, self._WRITE)
        connection = self._connection
        connection.execute("BEGIN IMMEDIATE")
        connection.execute(_LOCK.format("?", "?", ""), (hand.TENANT, client.bytes)).fetchone()
        connection.execute(_BY_EMAIL.format("?", "?"), (hand.TENANT, email)).fetchall()
        for name, insert in self._inserts.items():
            connection.execute(insert, rows[name])
        connection.execute("COMMIT")

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


class RawPsycopg:
    """The statements as text on one connection of psycopg, which prepares them by itself."""

    _WRITE: Mapping[type, Callable[[Any], Any]] = {tuple: lambda _: "[]", dict: json.dumps}

    def __init__(self, stage: Stage) -> None:
        url = stage.engine.url.set(drivername="postgresql")
        self._connection = psycopg.connect(url.render_as_string(hide_password=False))
        self._inserts = {name: _insert(name, "%({})s") for name in WRITTEN}

    def add(self, client: UUID, email: str, ids: tuple[UUID, ...], now: datetime) -> None:
        """Add a contact."""
        rows = rows_of(client, email, ids, now)
        _raw(rows, self._WRITE)
        with self._connection.transaction():
            execute: Callable[..., Any] = self._connection.execute
            execute(_LOCK.format("%s", "%s", " FOR NO KEY UPDATE"), (hand.TENANT, client)).fetchone()
            execute(_BY_EMAIL.format("%s", "%s"), (hand.TENANT, email)).fetchall()
            for name, insert in self._inserts.items():
                execute(insert, rows[name])

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


class SqlalchemyOrm:
    """Mapped classes over the same tables, and a session per contact."""

    def __init__(self, stage: Stage) -> None:
        self._engine = stage.engine
        self._sqlite = stage.engine.dialect.name == "sqlite"
        mapper = registry()
        self._kinds: dict[str, Any] = {}
        for name in ("clients", *WRITTEN):
            self._kinds[name] = type(name, (), {})
            properties = {"user": relationship(self._kinds["users"])} if name == "memberships" else {}
            mapper.map_imperatively(self._kinds[name], hand.TABLES[name], properties=properties)

    def add(self, client: UUID, email: str, ids: tuple[UUID, ...], now: datetime) -> None:
        """Add a contact."""
        kinds, rows = self._kinds, rows_of(client, email, ids, now)
        with Session(self._engine) as session, session.begin():
            if self._sqlite:
                driver: Any = session.connection().connection.dbapi_connection
                driver.execute("BEGIN IMMEDIATE")
                rows["new_events"]["seq"] = self._following()
            session.get(kinds["clients"], (hand.TENANT, client), with_for_update={"key_share": True})
            user = kinds["users"]
            session.scalars(sa.select(user).where(user.tenant_id == hand.TENANT, user.email_key == email)).first()
            made = {name: kinds[name]() for name in WRITTEN}
            for name, entity in made.items():
                for field, value in rows[name].items():
                    setattr(entity, field, value)
            made["memberships"].user = made["users"]  # so that it is written after the user
            session.add_all(made.values())

    def close(self) -> None:
        """Nothing: the engine is the stage's."""

    def _following(self) -> sa.ColumnElement[int]:
        event = self._kinds["new_events"]
        last = sa.select(sa.func.max(event.seq)).where(event.tenant_id == hand.TENANT, event.lane == "feed")
        return sa.func.coalesce(last.scalar_subquery(), 0) + 1


class DjangoOrm:
    """Models, and an ``atomic`` block per contact."""

    def __init__(self, side: DjangoSide) -> None:
        self._side = side

    def add(self, client: UUID, email: str, ids: tuple[UUID, ...], now: datetime) -> None:
        """Add a contact."""
        rows = rows_of(client, email, ids, now)
        rows["new_events"]["seq"] = self._side.number()
        with self._side.atomic():
            self._side.model("clients").select_for_update(no_key=True).get(tenant_id=hand.TENANT, id=client)
            self._side.model("users").filter(tenant_id=hand.TENANT, email_key=email).first()
            for name in WRITTEN:
                self._side.model(name).create(**rows[name])

    def close(self) -> None:
        """Nothing: Django keeps its connections."""


def _table(name: str) -> str:
    return hand.TABLES[name].name


def _insert(name: str, style: str, **expressions: str) -> str:
    columns = [column.name for column in hand.TABLES[name].c if column.name != "seq"]
    values = [style.format(column) for column in columns]
    names = ", ".join([*columns, *expressions])
    return f"INSERT INTO {_table(name)} ({names}) VALUES ({', '.join([*values, *expressions.values()])})"  # noqa: S608


_LOCK = f"SELECT * FROM {_table('clients')} WHERE tenant_id = {{}} AND id = {{}}{{}}"  # noqa: S608 - our own names
_BY_EMAIL = f"SELECT * FROM {_table('users')} WHERE tenant_id = {{}} AND email_key = {{}}"  # noqa: S608 - the same
_FOLLOWING = (
    f"(SELECT coalesce(max(seq), 0) + 1 FROM {_table('new_events')} "  # noqa: S608 - the same
    "WHERE tenant_id = :tenant_id AND lane = :lane)"
)
