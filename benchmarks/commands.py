"""Commands of the package beside the same statements written by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from itertools import count as numbers
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from benchmarks import hand
from benchmarks.harness import Result, compare, count
from clientmgmt import (
    Client,
    ClientId,
    ClientManager,
    Contact,
    Email,
    ExternalReference,
    InviteRules,
    Links,
    Rules,
    Settings,
    Staff,
    ThrottleRules,
    generate_key,
)
from clientmgmt.adapters.sqlalchemy import SQLStorage
from clientmgmt.adapters.system import SystemClock, Uuid7Source
from clientmgmt.testing import FastHasher, RecordingNotifier

GOAL = 1.25
IMPORT_GOAL = 1.3
PASSWORD = "quite a long password"  # noqa: S105 - of nobody
CLOCK = SystemClock()
NOW = datetime(2026, 1, 5, 9, tzinfo=UTC)
Compared = Callable[[], Result]


class Stage:
    """A database with both sides' tables, a client on each, and fresh people on demand."""

    def __init__(self, engine: sa.Engine) -> None:
        self.engine = engine
        self.ids = Uuid7Source()
        self.numbers = numbers()
        self.mails = RecordingNotifier()
        self.hasher = FastHasher()
        self.key = generate_key()
        storage = SQLStorage(engine)
        self.manager = ClientManager(
            storage,
            secret_keys=[self.key],
            settings=Settings(
                sender="Northwind <hello@northwind.example>",
                links=Links(
                    invite="https://portal.northwind.example/accept?t={token}",
                    reset="https://portal.northwind.example/reset?t={token}",
                ),
                rules=Rules(invites=InviteRules(per_day=10), throttle=ThrottleRules(resets=1000, failures=1000)),
            ),
            notifier=self.mails,
            passwords=self.hasher,
        )
        self.manager.upgrade()
        hand.USERS.metadata.create_all(engine)
        self.ws = self.manager.workspace(hand.TENANT, actor=Staff("ada", roles={"administrator"}))
        self.door = self.manager.entrance(hand.TENANT, origin="benchmark")
        self.ours = self.ws.clients.add(name="Acme Retail", email="ap@acme.example").id
        self.theirs = self.ids.new()
        self.absent = hand.insert_if_absent(engine)
        self.queues = hand.Queues(engine)
        with hand.transaction(engine) as connection:
            connection.execute(hand.INSERT["clients"], hand.client_row(self.theirs, 0, NOW))

    def email(self) -> str:
        """An address that nobody has."""
        return f"jane{next(self.numbers)}@client.example"

    def contact(self, client: ClientId | None = None) -> Contact:
        """A staged contact of our side."""
        return self.ws.contacts.add(client or self.ours, first_name="Jane", last_name="Doe", email=self.email())

    def their_contact(self) -> tuple[UUID, UUID]:
        """The ids of a staged contact and its user on the other side."""
        user, contact = self.ids.new(), self.ids.new()
        with hand.transaction(self.engine) as connection:
            connection.execute(hand.INSERT["users"], hand.user_row(user, self.email(), NOW))
            row = hand.membership_row(contact, user, self.theirs, NOW)
            connection.execute(hand.INSERT["memberships"], row)
        return contact, user


def add_contact(stage: Stage) -> Compared:
    """Add a contact with a new e-mail address."""

    def ours() -> None:
        stage.contact()

    def theirs() -> None:
        ids, now = stage.ids, CLOCK.now()
        user, contact, email = ids.new(), ids.new(), stage.email()
        with hand.transaction(stage.engine) as connection:
            connection.execute(hand.LOCK["clients"], {"t": hand.TENANT, "i": stage.theirs}).fetchall()
            connection.execute(hand.USER_BY_EMAIL, {"t": hand.TENANT, "key": email}).fetchall()
            connection.execute(stage.absent, hand.user_row(user, email, now))
            row = hand.membership_row(contact, user, stage.theirs, now)
            connection.execute(hand.INSERT["memberships"], row)
            facts = {"user_id": str(user), "title": "Jane Doe", "email": email, "role": "client_standard"}
            _record(stage, connection, hand.audit_row(ids.new(), "contact_added", stage.theirs, contact, now, **facts))

    return _command(stage, "add contact", ours, theirs)


def send_invite(stage: Stage, *, size: int = 400) -> Compared:
    """Send the first invitation of a contact."""
    mine: Iterator[Contact] = iter([stage.contact() for _ in range(size)])
    others = iter([stage.their_contact() for _ in range(size)])

    def ours() -> None:
        stage.ws.contacts.send_invite(next(mine).id)

    def theirs() -> None:
        _send_by_hand(stage, *next(others))

    return _command(stage, "send invite", ours, theirs)


def accept(stage: Stage, *, size: int = 400) -> Compared:
    """Accept an invitation, with a hash that costs nothing on both sides."""
    contacts = [stage.contact() for _ in range(size)]
    stage.ws.contacts.send_invites(stage.ours)
    stage.manager.deliver(limit=100_000)
    tokens = iter([stage.mails.token(str(contact.email)) for contact in contacts])
    others = []
    for _ in range(size):
        contact, user = stage.their_contact()
        others.append((contact, user, _send_by_hand(stage, contact, user)))
    invited = iter(others)

    def ours() -> None:
        stage.door.accept_invite(next(tokens), password=PASSWORD)

    def theirs() -> None:
        contact, user, invitation = next(invited)
        _accept_by_hand(stage, contact, user, invitation)

    return _command(stage, "accept", ours, theirs)


def list_page(stage: Stage, *, size: int = 400) -> Compared:
    """A page of 50 contacts with badge, link and mail; all have been invited."""
    client = stage.ws.clients.add(name="Bolt", email="ap@bolt.example").id
    for _ in range(size):
        stage.contact(client)
    stage.ws.contacts.send_invites(client)
    stage.manager.deliver(limit=100_000)
    copy_tables(stage.engine)

    def ours() -> None:
        assert len(stage.ws.contacts.list(client).items) == 50

    def theirs() -> None:
        with stage.engine.connect() as connection:
            _begin_reading(connection)
            by_id = {"t": hand.TENANT, "i": client}
            connection.execute(hand.GET["clients"], by_id).fetchall()
            page = connection.execute(hand.CONTACT_PAGE, {"t": hand.TENANT, "client": client}).fetchall()
            ids = [row.invitation_id for row in page[:50]]
            invitations = connection.execute(hand.GET_MANY["invitations"], {"t": hand.TENANT, "ids": ids})
            links = {row.id: row for row in invitations}
            mails = connection.execute(hand.GET_MANY["deliveries"], {"t": hand.TENANT, "ids": ids})
            states = {row.id: row for row in mails}
            assert len([_as_dict(row, links, states) for row in page[:50]]) == 50
            connection.commit()

    return _command(stage, "list 50 contacts", ours, theirs, repeat=5)


def load_client(stage: Stage) -> Compared:
    """A client and its external references: two statements, mapped to values on both sides."""
    refs = [("crm", "C-1"), ("billing", "77")]
    client = stage.ws.clients.add(name="Cora", email="ap@cora.example", references=refs).id
    copy_tables(stage.engine)

    def ours() -> None:
        stage.ws.clients.get(client)
        stage.ws.clients.references(client)

    def theirs() -> None:
        by_id, of_client = {"t": hand.TENANT, "i": client}, {"t": hand.TENANT, "client": client}
        with stage.engine.connect() as connection:
            _begin_reading(connection)
            found = connection.execute(hand.GET["clients"], by_id).fetchall()
            assert Client(**_client_values(found[0]._mapping)).id == client  # noqa: SLF001 - the row as a mapping
            connection.commit()
        with stage.engine.connect() as connection:
            _begin_reading(connection)
            connection.execute(hand.GET["clients"], by_id).fetchall()
            links = connection.execute(hand.REFERENCES_OF, of_client).fetchall()
            assert len([ExternalReference(link.system, link.value) for link in links]) == 2
            connection.commit()

    return _command(stage, "load client", ours, theirs, repeat=50)


def bulk_import(stage: Stage, *, rows: int = 1000) -> Compared:
    """Import rows of a client with one person each, checked, looked up and audited; the baseline only inserts."""
    batches = numbers()
    ready = [import_table(next(batches), rows) for _ in range(60)]
    mine, other = iter(ready), iter(ready)

    def ours() -> None:
        assert not stage.ws.clients.import_rows(next(mine)).failed

    def theirs() -> None:
        _insert_by_hand(stage, next(other))

    return _command(stage, f"import {rows} rows", ours, theirs, goal=IMPORT_GOAL, rounds=9, repeat=1)


def import_table(batch: int, rows: int) -> list[Mapping[str, object]]:
    """Rows that nobody has imported yet, each a client with one person."""
    return [
        {
            "client": f"Client {batch} {number}",
            "client_email": f"ap{batch}.{number}@client.example",
            "reference": f"{batch}-{number}",
            "first_name": "Jane",
            "last_name": "Doe",
            "email": f"jane{batch}.{number}@client.example",
        }
        for number in range(rows)
    ]


COMMANDS = (add_contact, send_invite, accept, list_page, load_client, bulk_import)


def measure(stage: Stage) -> Iterator[Result]:
    """Every command on this stage."""
    for prepare in COMMANDS:
        yield prepare(stage)()


def _command(
    stage: Stage,
    name: str,
    ours: Callable[[], None],
    theirs: Callable[[], None],
    *,
    goal: float = GOAL,
    rounds: int = 15,
    repeat: int = 15,
) -> Compared:
    statements = count(stage.engine, ours), count(stage.engine, theirs)
    label = f"{name}, {stage.engine.dialect.name}"
    baseline = "inserts in SQLAlchemy Core" if goal == IMPORT_GOAL else "by hand in SQLAlchemy Core"
    return lambda: compare(
        label,
        ours,
        theirs,
        baseline=baseline,
        goal=goal,
        rounds=rounds,
        repeat=repeat,
        statements=statements,
    )


def copy_tables(engine: sa.Engine) -> None:
    """Give the other side the rows of ours, so that both read as much."""
    with engine.begin() as connection:
        for table in reversed(hand.USERS.metadata.sorted_tables):
            connection.execute(sa.delete(table))
        for name, table in hand.TABLES.items():
            if name in {"numbers", "schema", "outbox", "new_events"}:
                continue
            columns = ", ".join(column.name for column in table.c)
            source = f"cm_{name}"
            connection.exec_driver_sql(f"INSERT INTO {table.name} ({columns}) SELECT {columns} FROM {source}")  # noqa: S608


def _begin_reading(connection: sa.Connection) -> None:
    connection.begin()
    if connection.dialect.name == "sqlite":
        connection.connection.dbapi_connection.execute("BEGIN")  # type: ignore[union-attr]


def _client_values(row: sa.RowMapping) -> dict[str, Any]:
    values = {str(name): value for name, value in row.items()}
    values["email"] = Email(values.pop("email_address"), values.pop("email_key"))
    return values


def _as_dict(row: Any, links: Mapping[UUID, Any], mails: Mapping[UUID, Any]) -> dict[str, Any]:  # noqa: ANN401
    return {**row._mapping, "link": links[row.invitation_id], "mail": mails[row.invitation_id]}  # noqa: SLF001


def _send_by_hand(stage: Stage, contact: UUID, user: UUID) -> UUID:
    now, tenant, key = CLOCK.now(), hand.TENANT, stage.ids.new()
    with hand.transaction(stage.engine) as connection:
        connection.execute(hand.GET["memberships"], {"t": tenant, "i": contact}).fetchone()
        connection.execute(hand.LOCK["users"], {"t": tenant, "i": user}).fetchone()
        membership = connection.execute(hand.GET["memberships"], {"t": tenant, "i": contact}).fetchone()
        connection.execute(hand.GET["clients"], {"t": tenant, "i": stage.theirs}).fetchone()
        connection.execute(hand.LATEST_INVITATIONS, {"t": tenant, "contact": contact}).fetchall()
        _change(connection, "memberships", membership, invitation_id=key)
        invitation = hand.invitation_row(key, contact, user, stage.theirs, now)
        connection.execute(hand.INSERT["invitations"], invitation)
        stage.queues.insert(connection, "outbox", [hand.outbox_row(key, contact, user, stage.theirs, now)])
        facts = {"invitation_id": str(key), "expires_at": invitation["expires_at"].isoformat()}
        entry = hand.audit_row(stage.ids.new(), "contact_invited", stage.theirs, contact, now, **facts)
        _record(stage, connection, entry)
    return key


def _record(stage: Stage, connection: sa.Connection, *entries: dict[str, Any]) -> None:
    """What every command writes besides: the audit trail, and the events for the feed."""
    connection.execute(hand.INSERT["audit"], list(entries))
    stage.queues.insert(connection, "new_events", list(map(hand.event_row, entries)))


def _accept_by_hand(stage: Stage, contact: UUID, user: UUID, invitation: UUID) -> None:
    now, tenant, hashed = CLOCK.now(), hand.TENANT, stage.hasher.hash(PASSWORD)
    asked = (("invitations", invitation), ("memberships", contact), ("users", user), ("clients", stage.theirs))
    with stage.engine.connect() as connection:
        _begin_reading(connection)
        for name, key in asked:
            connection.execute(hand.GET[name], {"t": tenant, "i": key}).fetchone()
        connection.commit()
    with hand.transaction(stage.engine) as connection:
        found = {
            name: connection.execute(
                (hand.LOCK if name == "users" else hand.GET)[name], {"t": tenant, "i": key}
            ).fetchone()
            for name, key in asked
        }
        _change(connection, "invitations", found["invitations"], state="accepted", closed_at=now)
        credential = {"tenant_id": tenant, "id": user, "hash": hashed, "set_at": now, "once_until": None, "version": 1}
        connection.execute(hand.INSERT["credentials"], credential)
        connection.execute(hand.OPEN_CLIENTS, {"t": tenant, "user": user}).fetchall()
        seen = {"credential_at": now, "first_login_at": now, "last_login_at": now}
        _change(connection, "users", found["users"], **seen)
        login = {"id": stage.ids.new(), "user_id": user, "client_id": stage.theirs, "name": "Jane Doe", "at": now}
        connection.execute(hand.INSERT["logins"], {"tenant_id": tenant, **login})
        session = {"id": stage.ids.new(), "user_id": user, "client_id": stage.theirs, "epoch": 0, "began_at": now}
        connection.execute(hand.INSERT["sessions"], {"tenant_id": tenant, **session, "expires_at": now})
        facts = {"invitation_id": str(invitation), "user_id": str(user)}
        ids, client = stage.ids, stage.theirs
        accepted = hand.audit_row(ids.new(), "invitation_accepted", client, contact, now, **facts)
        signed_in = hand.audit_row(ids.new(), "user_signed_in", client, user, now, first="True")
        _record(stage, connection, accepted, signed_in)


def _change(connection: sa.Connection, name: str, row: Any, **changes: object) -> None:  # noqa: ANN401
    values = dict(row._mapping)  # noqa: SLF001 - the row as a mapping
    key, version = values.pop("id"), values.pop("version")
    bound = {"t": hand.TENANT, "i": key, "v": version}
    connection.execute(hand.CHANGE[name], values | changes | {"version": version + 1} | bound)


def _insert_by_hand(stage: Stage, rows: list[Mapping[str, object]]) -> None:
    values = hand.import_values(rows, stage.ids.new, CLOCK.now())
    with hand.transaction(stage.engine) as connection:
        for name, made in values.items():
            if name == "new_events":
                stage.queues.insert(connection, name, made)
            else:
                connection.execute(hand.INSERT[name], made)
