"""A manager with everything around it that a story needs, so that tests read as sentences."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import attrs

from clientmgmt import (
    Catalog,
    Client,
    ClientManager,
    Contact,
    Entrance,
    Links,
    Rules,
    Session,
    Settings,
    Staff,
    System,
    UserId,
    Workspace,
)
from clientmgmt.domain import AuditEntry, ClientUser, DeliveryReport, Event, Invitation, User
from clientmgmt.ports import COLLECTIONS, Collection, Notifier, PasswordHasher, Storage
from clientmgmt.ports.collections import FEED, NEW_EVENTS, OUTBOX, QUEUED_RESETS
from clientmgmt.testing import FastHasher, ManualClock, RecordingNotifier

__all__ = ["KEY", "PASSWORD", "SETTINGS", "Box", "dump", "new_tenant", "sweep"]

KEY = "cmk1_0000000a_" + "A" * 43
PASSWORD = "correct horse battery staple"
SETTINGS = Settings(
    sender="Northwind <hello@northwind.example>",
    links=Links(
        invite="https://portal.northwind.example/accept?t={token}",
        reset="https://portal.northwind.example/reset?t={token}",
        email="https://portal.northwind.example/confirm?t={token}",
    ),
)


def sweep(store: Storage) -> None:
    """Remove the mail and the events of all tenants."""
    queues: tuple[Collection[Any], ...] = (QUEUED_RESETS, OUTBOX, NEW_EVENTS, FEED)
    for collection in queues:
        for tenant in store.tenants(collection, limit=10_000):
            with store.unit_of_work(tenant) as uow:
                uow.remove(collection, *(entity.id for entity in uow.find(collection)))


def new_tenant() -> str:
    """A name that no other test has."""
    return f"t-{secrets.token_hex(8)}"


class Box:
    """``ws`` acts as an administrator, ``system`` as a job, ``door`` is the entrance; time stands still.

    ``mails`` remembers what was sent. :meth:`again` opens the same tenant with other settings.
    ``make`` makes the manager.
    """

    def __init__(
        self,
        storage: Storage,
        *,
        tenant: str | None = None,
        settings: Settings = SETTINGS,
        catalog: Catalog = Catalog(),  # noqa: B008 - frozen
        clock: ManualClock | None = None,
        mails: RecordingNotifier | None = None,
        notifier: Notifier | None = None,
        hasher: PasswordHasher | None = None,
        keys: Sequence[str] = (KEY,),
        on_commit: Callable[[Sequence[Event]], None] | None = None,
        make: Callable[..., ClientManager] = ClientManager,
    ) -> None:
        self.storage = storage
        self.make = make
        self.tenant = tenant or new_tenant()
        self.settings = settings
        self.clock = clock or ManualClock()
        self.mails = mails or RecordingNotifier()
        self.hasher = hasher or FastHasher()
        self.manager = make(
            storage,
            secret_keys=keys,
            settings=settings,
            catalog=catalog,
            notifier=notifier or self.mails,
            passwords=self.hasher,
            clock=self.clock,
            on_commit=on_commit,
        )
        self.ws = self.staff("administrator", reference="ada")
        self.system = self.manager.workspace(self.tenant, actor=System("setup"))
        self.door: Entrance = self.manager.entrance(self.tenant, origin="192.0.2.1")

    def again(self, *, rules: Rules | None = None, **changed: Any) -> Box:  # noqa: ANN401 - passed on
        """The same tenant, store, clock and mails, wired anew."""
        settings = changed.pop("settings", self.settings)
        if rules is not None:
            settings = attrs.evolve(settings, rules=rules)
        same: dict[str, Any] = {"tenant": self.tenant, "clock": self.clock, "mails": self.mails, "hasher": self.hasher}
        same["make"] = self.make
        return Box(self.storage, settings=settings, **(same | changed))

    def neighbour(self) -> Box:
        """Another tenant in the same store."""
        return self.again(tenant=new_tenant())

    def staff(self, *roles: str, reference: str = "bob") -> Workspace:
        return self.manager.workspace(self.tenant, actor=Staff(reference, roles=roles))

    def stored_staff(self, reference: str) -> Workspace:
        return self.manager.workspace(self.tenant, actor=Staff(reference))

    def as_user(self, user_id: UserId) -> Workspace:
        return self.manager.workspace(self.tenant, actor=ClientUser(user_id))

    def client(self, name: str = "Acme Retail", **fields: Any) -> Client:  # noqa: ANN401 - passed on
        word = name.split(maxsplit=1)[0].lower()
        return self.ws.clients.add(**({"name": name, "email": f"ap@{word}.example"} | fields))

    def contact(self, client: Client, first: str = "Jane", **fields: Any) -> Contact:  # noqa: ANN401 - passed on
        typed = {"first_name": first, "last_name": "Doe", "email": f"{first.lower()}@acme.example"}
        return self.ws.contacts.add(client.id, **(typed | fields))

    def deliver(self, **options: Any) -> DeliveryReport:  # noqa: ANN401 - passed on
        return self.manager.deliver(**options)

    def token(self, contact: Contact) -> str:
        """The token in the newest mail to this contact, after everything due was sent."""
        self.deliver()
        return self.mails.token(contact.email.address)

    def invited(self, client: Client, first: str = "Jane", **fields: Any) -> tuple[Contact, str]:  # noqa: ANN401
        contact = self.contact(client, first, invite=True, **fields)
        return contact, self.token(contact)

    def active(self, client: Client, first: str = "Jane", **fields: Any) -> Contact:  # noqa: ANN401 - passed on
        contact, token = self.invited(client, first, **fields)
        self.door.accept_invite(token, password=PASSWORD)
        return self.now_of(contact)

    def active_staff(self) -> User:
        """A staff user."""
        return self.ws.staff.add(first_name="Ada", last_name="B", email="ada@northwind.example", roles=["editor"])

    def now_of(self, contact: Contact) -> Contact:
        """The contact as it is now."""
        return self.ws.contacts.get(contact.id)

    def resend(self, contact: Contact) -> Invitation:
        """Send again, after the pause that is asked for."""
        self.later(minutes=1)
        return self.ws.contacts.send_invite(contact.id)

    def sign_in(self, email: str = "jane@acme.example", password: str = PASSWORD) -> Session:
        return self.door.sign_in(email, password)

    def later(self, **by: float) -> datetime:
        return self.clock.advance(timedelta(**by))

    def audit(self, *, after: datetime | None = None) -> list[AuditEntry]:
        """The audit trail, oldest first."""
        return list(self.ws.audit.list(limit=1000, since=after))[::-1]

    def actions(self, *, after: datetime | None = None) -> list[str]:
        return [entry.action for entry in self.audit(after=after)]

    def dump(self) -> Mapping[str, tuple[object, ...]]:
        return dump(self.storage, self.tenant)


def dump(storage: Storage, tenant: str) -> Mapping[str, tuple[object, ...]]:
    """Everything that is stored of a tenant."""
    with storage.unit_of_work(tenant, read_only=True) as uow:
        return {collection.name: uow.find(collection) for collection in COLLECTIONS}
