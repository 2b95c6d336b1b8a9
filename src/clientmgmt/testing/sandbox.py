"""A whole installation for a test: a manager with its doubles, and builders that tell real stories."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from types import TracebackType
from typing import Any, Literal, Self, TypeAlias

from clientmgmt import (
    Client,
    ClientId,
    ClientManager,
    Contact,
    Entrance,
    Links,
    Session,
    Settings,
    System,
    Workspace,
)
from clientmgmt.domain import Actor
from clientmgmt.errors import ConfigurationError
from clientmgmt.ports import Notifier, Storage
from clientmgmt.testing.clock import ManualClock
from clientmgmt.testing.ids import SequentialIds
from clientmgmt.testing.notifier import RecordingNotifier
from clientmgmt.testing.passwords import FastHasher

__all__ = ["SANDBOX_PASSWORD", "SANDBOX_SETTINGS", "BuiltState", "Sandbox"]

BuiltState: TypeAlias = Literal["active", "pending_invite", "invite_sent", "inactive"]
"""The states in which :meth:`Sandbox.contact` can build a contact."""

SANDBOX_PASSWORD = "correct horse battery staple"  # noqa: S105 - of users that exist in tests only
"""What every contact chooses that a sandbox lets sign in."""

SANDBOX_SETTINGS = Settings(
    sender="Northwind <hello@northwind.example>",
    links=Links(
        invite="https://portal.northwind.example/accept?t={token}",
        reset="https://portal.northwind.example/reset?t={token}",
        email="https://portal.northwind.example/confirm?t={token}",
    ),
)
"""What a sandbox is made with if nothing else is given."""

_KEY = "cmk1_0000000a_" + "A" * 43
_ORIGIN = "203.0.113.7"
_NAMES = ("Jane Doe", "John Roe", "Mary Major", "Zoë Grün", "Amir Haddad", "Mei Lin", "Ana Sousa", "Olu Ade")
_FIRMS = ("Acme Retail", "Northwind Traders", "Contoso Foods", "Fabrikam Works", "Litware Studio")


class Sandbox:
    """A manager that sends no mail, reads no clock and forgets everything, for one test.

    ``manager`` is the :class:`~clientmgmt.ClientManager`; ``clock``, ``mails`` and ``ids`` are its doubles;
    ``tenant`` is where :meth:`workspace`, :meth:`entrance` and the builders are at home. It is a context manager, and
    closes what it has opened.

    Args:
        settings: what tenants want; :data:`SANDBOX_SETTINGS` if none are given.
        storage: a store or a URL. The schema is brought to this release. In a database that tests share, give each
            sandbox a tenant of its own: its ids count from 1.
        notifier: who is given the mail instead of ``mails``; the builders then reach no state that takes a link.
        tenant: the name of the tenant.

    >>> with Sandbox() as box:
    ...     box.contact(state="invite_sent").state.value
    'invite_sent'
    """

    def __init__(
        self,
        *,
        settings: Settings | Callable[[str], Settings] = SANDBOX_SETTINGS,
        storage: Storage | str = "memory:",
        notifier: Notifier | str | None = None,
        tenant: str = "test",
    ) -> None:
        self.tenant: str = tenant
        self.clock: ManualClock = ManualClock()
        self.mails: RecordingNotifier = RecordingNotifier()
        self.ids: SequentialIds = SequentialIds()
        self.manager: ClientManager = ClientManager(
            storage,
            secret_keys=[_KEY],
            settings=settings,
            notifier=self.mails if notifier is None else notifier,
            passwords=FastHasher(),
            clock=self.clock,
            ids=self.ids,
        )
        self.manager.upgrade()
        self._numbers = count(1)

    def workspace(self, actor: Actor = System("test"), *, tenant: str | None = None) -> Workspace:  # noqa: B008 - frozen
        """The tenant as ``actor`` sees it; without one, as a job that may do everything."""
        return self.manager.workspace(tenant or self.tenant, actor=actor)

    def entrance(self, *, tenant: str | None = None) -> Entrance:
        """What strangers may do."""
        return self.manager.entrance(tenant or self.tenant, origin=_ORIGIN)

    def client(self, **fields: Any) -> Client:  # noqa: ANN401 - passed on
        """A client with a name and an e-mail of its own; ``fields`` are those of ``workspace.clients.add``.

        >>> Sandbox().client(status="prospect").name
        'Acme Retail 1'
        """
        number = next(self._numbers)
        name = f"{_FIRMS[(number - 1) % len(_FIRMS)]} {number}"
        values = {"name": name, "email": f"ap@client-{number}.example"}
        return self.workspace().clients.add(**(values | fields))

    def contact(self, *, client_id: ClientId | None = None, state: BuiltState = "active", **fields: Any) -> Contact:  # noqa: ANN401 - passed on
        """A contact in this state, brought there as in life: invited, delivered, accepted, signed in, deactivated.

        Whatever mail is due is delivered on the way. The clock stands still.

        Args:
            client_id: of which client; without it, of a new one.
            state: ``active``, ``pending_invite``, ``invite_sent`` or ``inactive``.
            fields: those of ``workspace.contacts.add``; a name and an e-mail are made up.

        Raises:
            ConfigurationError: there is no such state.

        >>> Sandbox().contact(job_title="Buyer").email.address
        'john.roe.2@people.example'
        """
        if state not in {"active", "pending_invite", "invite_sent", "inactive"}:
            message = f"no contact is built in state {state!r}: active, pending_invite, invite_sent, inactive are"
            raise ConfigurationError(message)
        owner = self.client().id if client_id is None else client_id
        invited = state != "pending_invite"
        contact = self.workspace().contacts.add(owner, invite=invited, **(self._person() | fields))
        if invited:
            self.manager.deliver()
        if state in {"active", "inactive"}:
            self.accept(contact)
        if state == "inactive":
            self.workspace().access.deactivate(contact.user_id)
        return self.workspace().contacts.get(contact.id)

    def accept(self, contact: Contact, *, password: str = SANDBOX_PASSWORD) -> Session:
        """Follow the link in the last mail to ``contact``, choose ``password`` and sign in."""
        return self.entrance().accept_invite(self.mails.token(contact.email.address), password=password)

    def sign_in(self, contact: Contact, *, password: str = SANDBOX_PASSWORD) -> Session:
        """Sign ``contact`` in to its client, which takes an active one."""
        return self.entrance().sign_in(contact.email.address, password, client_id=contact.client_id)

    def close(self) -> None:
        """Close what the sandbox opened itself."""
        self.manager.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _person(self) -> dict[str, str]:
        number = next(self._numbers)
        first, last = _NAMES[(number - 1) % len(_NAMES)].split()
        plain = "".join(letter for letter in f"{first}.{last}".lower() if letter.isascii())
        return {"first_name": first, "last_name": last, "email": f"{plain}.{number}@people.example"}
