"""Bringing in clients and their people from elsewhere, so that the same rows again change nothing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from clientmgmt._usecases.authorize import authorize
from clientmgmt._usecases.batches import Cells, batches
from clientmgmt._usecases.desk import Desk
from clientmgmt._usecases.joining import vouched
from clientmgmt._usecases.sight import clients_in_sight
from clientmgmt._usecases.steps import Steps
from clientmgmt._usecases.work import Work
from clientmgmt.domain.client import Client, ClientReference, client_added
from clientmgmt.domain.events import ClientReferenceAdded
from clientmgmt.domain.ids import ClientId, ContactId, UserId
from clientmgmt.domain.imports import ImportRow, read_row
from clientmgmt.domain.joining import NewPerson, joined, joining_violations, new_user
from clientmgmt.domain.people import Membership, User
from clientmgmt.domain.results import BulkResult, Imported, Row
from clientmgmt.errors import Violation
from clientmgmt.ports.collections import CLIENT_REFERENCES, CLIENTS, MEMBERSHIPS, USERS

__all__ = ["import_rows", "preview_import"]

Identity = tuple[str, str]
Reference = tuple[str, str]
_TAKEN = Violation("duplicate_reference", "belongs to another client", "reference")
_KNOWN = Violation("not_allowed", "fits a client that somebody else looks after", "client")


def import_rows(desk: Desk, rows: Iterable[Cells]) -> Steps[BulkResult[Imported]]:
    """Write the rows, some hundred in a unit of work each: what is written stays when a later one fails."""
    yield from desk.read(_authorize)
    done: list[Row[Imported]] = []
    for chunk in batches(desk, rows):
        done += yield from desk.write(_write, chunk, len(done))
    return BulkResult(tuple(done))


def preview_import(desk: Desk, rows: Iterable[Cells]) -> Steps[BulkResult[Imported]]:
    """What :func:`import_rows` would answer; nothing is written. The ids of new things are not the later ones."""
    yield from desk.read(_authorize)
    done: list[Row[Imported]] = []
    stock = Stock()
    for chunk in batches(desk, rows):
        done += yield from desk.read(_rehearse, stock, chunk, len(done))
    return BulkResult(tuple(done))


class Stock:
    """What is known of clients, users and memberships: found in storage, or made by rows that came before."""

    def __init__(self) -> None:
        self.references: dict[Reference, ClientId] = {}
        self.systems: defaultdict[ClientId, set[str]] = defaultdict(set)
        self.clients: defaultdict[Identity, dict[ClientId, None]] = defaultdict(dict)
        self.users: dict[str, User] = {}
        self.members: dict[tuple[ClientId, UserId], ContactId] = {}
        self.unseen: set[ClientId] = set()
        self.new = Additions()

    def load(self, work: Work, rows: Sequence[ImportRow]) -> None:
        """Find what these rows name, at the cost of a few statements whatever their number."""
        self._load_references(work, rows)
        keys = {row.client.email.key for row in rows}
        for client in work.uow.find(CLIENTS, CLIENTS.email_key.in_(keys)):
            self.clients[_identity(client)][client.id] = None
        candidates = [key for row in rows for key in self.clients.get(_identity(row.client), ())]
        for link in work.uow.find(CLIENT_REFERENCES, CLIENT_REFERENCES.client_id.in_(set(candidates))):
            self.systems[link.client_id].add(link.system)
        named = {self.references[row.reference] for row in rows if row.reference in self.references}
        self._load_unseen(work, named.union(candidates))
        emails = {row.person.email.key for row in rows if row.person is not None}
        found = work.uow.find(USERS, USERS.email_key.in_(emails))
        self.users |= {user.email.key: user for user in found}
        for membership in work.uow.find(MEMBERSHIPS, MEMBERSHIPS.user_id.in_([user.id for user in found])):
            self.members[membership.client_id, membership.user_id] = membership.id

    def place(self, work: Work, row: ImportRow, number: int) -> Row[Imported]:
        """What becomes of one row, noting what has to be added for it."""
        client_id, violations = self._known_client(row)
        violations = (*row.violations, *violations, *self._staff(row.person))
        if violations:
            return Row(number, None, violations, changed=False)
        client_added = client_id is None
        if client_id is None:
            client_id = self._add_client(work, row)
        reference_added = self._add_reference(work, row, client_id, client_added=client_added)
        contact_id, contact_added = self._place_person(work, row.person, client_id)
        placed = Imported(
            client_id=client_id,
            contact_id=contact_id,
            client_added=client_added,
            reference_added=reference_added,
            contact_added=contact_added,
        )
        return Row(number, placed, changed=client_added or reference_added or contact_added)

    def _load_references(self, work: Work, rows: Sequence[ImportRow]) -> None:
        wanted: defaultdict[str, set[str]] = defaultdict(set)
        for row in rows:
            if row.reference is not None and row.reference not in self.references:
                wanted[row.reference[0]].add(row.reference[1])
        for system, values in wanted.items():
            where = (CLIENT_REFERENCES.system.eq(system), CLIENT_REFERENCES.value.in_(values))
            for link in work.uow.find(CLIENT_REFERENCES, *where):
                self.references[link.system, link.value] = link.client_id

    def _load_unseen(self, work: Work, found: set[ClientId]) -> None:
        """Note which of these clients are out of the actor's sight; it sees those that it adds now."""
        if limits := clients_in_sight(work):
            seen = {client.id for client in work.uow.find(CLIENTS, CLIENTS.id.in_(found), *limits)}
            self.unseen |= found - seen - {client.id for client in self.new.clients}

    def _known_client(self, row: ImportRow) -> tuple[ClientId | None, tuple[Violation, ...]]:
        """By external reference; else by e-mail and name, among clients that have no other one of that system.

        What fits only clients that the actor does not see is refused.
        """
        if row.reference in self.references:
            known = self.references[row.reference]
            return (None, (_TAKEN,)) if known in self.unseen else (known, ())
        all_fitting = tuple(self.clients.get(_identity(row.client), ()))
        if row.reference is not None:
            system = row.reference[0]
            all_fitting = tuple(key for key in all_fitting if system not in self.systems[key])
        fitting = tuple(key for key in all_fitting if key not in self.unseen)
        if all_fitting and not fitting:
            return None, (_KNOWN,)
        if len(fitting) > 1:
            named = " and ".join(str(key) for key in fitting)
            return None, (Violation("ambiguous_client", f"fits several clients: {named}", "client"),)
        return next(iter(fitting), None), ()

    def _staff(self, person: NewPerson | None) -> tuple[Violation, ...]:
        known = None if person is None else self.users.get(person.email.key)
        return () if known is None else joining_violations(known, is_member=False, strict=False)

    def _add_client(self, work: Work, row: ImportRow) -> ClientId:
        client = row.client
        self.clients[_identity(client)][client.id] = None
        self.new.clients.append(client)
        work.record(client_added(client, row.stamp))
        return client.id

    def _add_reference(self, work: Work, row: ImportRow, client_id: ClientId, *, client_added: bool) -> bool:
        if row.reference is None or row.reference in self.references:
            return False
        system, value = row.reference
        self.references[row.reference] = client_id
        self.systems[client_id].add(system)
        link = ClientReference(id=work.wiring.ids.new(), client_id=client_id, system=system, value=value)
        self.new.references.append(link)
        if not client_added:
            stamp = work.stamp()
            fact = ClientReferenceAdded(stamp=stamp, subject=client_id, client_id=client_id, system=system, value=value)
            work.record(fact)
        return True

    def _place_person(self, work: Work, person: NewPerson | None, client_id: ClientId) -> tuple[ContactId | None, bool]:
        if person is None:
            return None, False
        user = self.users.get(person.email.key)
        if user is None:
            user = self.users[person.email.key] = new_user(person, work.stamp())
            self.new.users[user.id] = user
        known = self.members.get((client_id, user.id))
        if known is not None:
            return known, False
        if user.id not in self.new.users:
            user = self.users[person.email.key] = vouched(work, person, user)
        membership, fact = joined(person, user, client_id, work.stamp())
        self.members[client_id, user.id] = membership.id
        self.new.members.append(membership)
        work.record(fact)
        return membership.id, True


class Additions:
    """What the rows of one unit of work add."""

    def __init__(self) -> None:
        self.clients: list[Client] = []
        self.references: list[ClientReference] = []
        self.users: dict[UserId, User] = {}
        self.members: list[Membership] = []

    def write(self, work: Work) -> None:
        """Write all of it, a statement per collection; unique keys in one order, so that nobody waits crosswise."""
        if self.clients:
            work.uow.add(CLIENTS, *self.clients)
        if self.references:
            work.uow.add(CLIENT_REFERENCES, *sorted(self.references, key=lambda link: (link.system, link.value)))
        if self.users:
            work.uow.add(USERS, *sorted(self.users.values(), key=lambda user: user.email.key))
        if self.members:
            work.uow.add(MEMBERSHIPS, *self.members)


def _write(work: Work, chunk: Sequence[Cells], offset: int) -> list[Row[Imported]]:
    """Write what is missing. The number is taken so that imports of one tenant run one after another.

    Clients without a reference have no unique key that would stop two imports from adding the same one.
    """
    _authorize(work)
    work.uow.next_number("import")
    stock = Stock()
    rows = _place(work, stock, chunk, offset)
    stock.new.write(work)
    return rows


def _rehearse(work: Work, stock: Stock, chunk: Sequence[Cells], offset: int) -> list[Row[Imported]]:
    _authorize(work)
    rows = _place(work, stock, chunk, offset)
    work.events.clear()
    return rows


def _place(work: Work, stock: Stock, chunk: Sequence[Cells], offset: int) -> list[Row[Imported]]:
    parsed = [read_row(cells, work.stamp(), work.catalog) for cells in chunk]
    stock.load(work, [row for row in parsed if not row.violations])
    return [stock.place(work, row, offset + number) for number, row in enumerate(parsed, 1)]


def _authorize(work: Work) -> None:
    authorize(work, "clients.import_rows")
    authorize(work, "contacts.add_many")


def _identity(client: Client) -> Identity:
    return client.email.key, client.name_key
