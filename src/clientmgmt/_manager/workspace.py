"""The workspace: one tenant as one actor sees it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from clientmgmt._manager.access import AccessGroup
from clientmgmt._manager.audit import AuditGroup
from clientmgmt._manager.calls import Calls
from clientmgmt._manager.clients import ClientGroup
from clientmgmt._manager.contacts import ContactGroup
from clientmgmt._manager.managers import ManagerGroup
from clientmgmt._manager.notifications import NotificationGroup
from clientmgmt._manager.sites import SiteGroup
from clientmgmt._manager.staff import StaffGroup
from clientmgmt.domain.access import actor_violations
from clientmgmt.domain.actors import Actor
from clientmgmt.errors import refuse

__all__ = ["Workspace"]


class Workspace:
    """One tenant as one actor sees it: every call is authorised and audited. Made by :meth:`ClientManager.workspace`.

    Ids go in, frozen values come out. Each call is one unit of work: all of it is written, or nothing.

    Every method may raise ``NotFoundError`` for an id that is not there for this actor, ``ForbiddenError`` where a
    permission is missing, and ``StorageError``.
    """

    __slots__ = ("_actor", "_calls")

    def __init__(self, calls: Calls, actor: Actor) -> None:
        self._calls = calls
        self._actor = actor

    @property
    def tenant(self) -> str:
        """The tenant's name."""
        return self._calls.desk.tenant

    @property
    def actor(self) -> Actor:
        """Who acts."""
        return self._actor

    def acting_as(self, actor: Actor) -> Workspace:
        """The same workspace, transaction included, for another actor.

        Raises:
            UnknownNameError: a role that the actor carries does not exist.
        """
        refuse(actor_violations(actor, self._calls.desk.wiring.catalog))
        return Workspace(self._calls.acting_as(actor), actor)

    @contextmanager
    def transaction(self) -> Iterator[Workspace]:
        """Several calls as one unit of work: all of it is written when the block ends, nothing if an error leaves it.

        Call the workspace that it gives. Calls of other workspaces of this manager are refused meanwhile, in this
        thread or task, so that none slips out by mistake. A refused call that is caught leaves nothing behind and
        the rest intact. Listeners hear of the events, and denials are written, when the block has ended.

        Raises:
            TransactionError: a transaction is open here already; from ``tx``, that it has ended or is another thread's.
            TransactionConflictError: a concurrent unit was faster; run the block again.

        >>> from clientmgmt import ClientManager, System
        >>> ws = ClientManager("memory:").workspace("northwind", actor=System("docs"))
        >>> with ws.transaction() as tx:
        ...     acme = tx.clients.add(name="Acme Retail", email="ap@acme.example")
        ...     jane = tx.contacts.add(acme.id, first_name="Jane", last_name="Doe", email="jane@acme.example")
        """
        with self._calls.transaction() as calls:
            yield Workspace(calls, self._actor)

    @property
    def clients(self) -> ClientGroup:
        """Clients: add, find, list, import, set their status."""
        return ClientGroup(self._calls)

    @property
    def contacts(self) -> ContactGroup:
        """Contacts: the users of clients, from the first invitation to the removal."""
        return ContactGroup(self._calls)

    @property
    def access(self) -> AccessGroup:
        """Ways in: invitations sent, users deactivated and reactivated, logins."""
        return AccessGroup(self._calls)

    @property
    def staff(self) -> StaffGroup:
        """The tenant's own people."""
        return StaffGroup(self._calls)

    @property
    def managers(self) -> ManagerGroup:
        """Account managers: which of the tenant's people look after which client."""
        return ManagerGroup(self._calls)

    @property
    def sites(self) -> SiteGroup:
        """Sites: the places of clients where service is done."""
        return SiteGroup(self._calls)

    @property
    def notifications(self) -> NotificationGroup:
        """Mail: what waits, what became of the rest; try again, cancel."""
        return NotificationGroup(self._calls)

    @property
    def audit(self) -> AuditGroup:
        """The audit trail."""
        return AuditGroup(self._calls)
