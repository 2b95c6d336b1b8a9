"""The workspace: one tenant as one actor sees it."""

from __future__ import annotations

from clientmgmt._manager.access import AccessGroup
from clientmgmt._manager.audit import AuditGroup
from clientmgmt._manager.clients import ClientGroup
from clientmgmt._manager.contacts import ContactGroup
from clientmgmt._manager.staff import StaffGroup
from clientmgmt._usecases.desk import Desk
from clientmgmt.domain.actors import Actor

__all__ = ["Workspace"]


class Workspace:
    """One tenant as one actor sees it: every call is authorised and audited. Made by :meth:`ClientManager.workspace`.

    Ids go in, frozen values come out. Each call is one unit of work: all of it is written, or nothing.

    Every method may raise ``NotFoundError`` for an id that is not there for this actor, ``ForbiddenError`` where a
    permission is missing, and ``StorageError``.
    """

    __slots__ = ("_actor", "_desk")

    def __init__(self, desk: Desk, actor: Actor) -> None:
        self._desk = desk
        self._actor = actor

    @property
    def tenant(self) -> str:
        """The tenant's name."""
        return self._desk.tenant

    @property
    def actor(self) -> Actor:
        """Who acts."""
        return self._actor

    @property
    def clients(self) -> ClientGroup:
        """Clients: add, find, list, import, set their status."""
        return ClientGroup(self._desk)

    @property
    def contacts(self) -> ContactGroup:
        """Contacts: the users of clients, from the first invitation to the removal."""
        return ContactGroup(self._desk)

    @property
    def access(self) -> AccessGroup:
        """Ways in: invitations sent, users deactivated and reactivated, logins."""
        return AccessGroup(self._desk)

    @property
    def staff(self) -> StaffGroup:
        """The tenant's own people."""
        return StaffGroup(self._desk)

    @property
    def audit(self) -> AuditGroup:
        """The audit trail."""
        return AuditGroup(self._desk)
