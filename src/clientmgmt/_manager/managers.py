"""Account managers, as a workspace offers them."""

from __future__ import annotations

from clientmgmt._manager.group import Group
from clientmgmt._usecases import managers
from clientmgmt.domain.client import Client
from clientmgmt.domain.ids import ClientId, UserId
from clientmgmt.domain.managers import AccountManager
from clientmgmt.domain.people import User
from clientmgmt.domain.results import Page

__all__ = ["ManagerGroup"]


class ManagerGroup(Group):
    """``ws.managers``."""

    __slots__ = ()

    def add(self, client_id: ClientId, user_id: UserId) -> AccountManager:
        """Have a staff user look after a client. Needs ``managers.assign``; doing it again changes nothing.

        Args:
            client_id: the client; it may have any number of account managers.
            user_id: an active staff user with a stored role that may manage (:attr:`Role.may_manage`).

        Raises:
            NotEligibleError: the user is deactivated, or has no such role.

        >>> from clientmgmt import ClientManager, System
        >>> ws = ClientManager("memory:").workspace("northwind", actor=System("docs"))
        >>> acme = ws.clients.add(name="Acme Retail", email="ap@acme.example")
        >>> ada = ws.staff.add(first_name="Ada", last_name="Byron", email="ada@northwind.example", roles=["editor"])
        >>> ws.managers.add(acme.id, ada.id).name
        'Ada Byron'
        >>> [client.name for client in ws.managers.clients_of(ada.id)]
        ['Acme Retail']
        """
        return self._calls.write(managers.add_manager, client_id, user_id)

    def remove(self, client_id: ClientId, user_id: UserId) -> None:
        """End it; the user stays. Needs ``managers.assign``. Who was primary leaves the client without one."""
        self._calls.write(managers.remove_manager, client_id, user_id)

    def list(self, client_id: ClientId) -> tuple[AccountManager, ...]:
        """The account managers of a client: the primary one first, then by name.

        Who cannot manage any more is listed with ``is_eligible`` false.
        """
        return self._calls.read(managers.list_managers, client_id)

    def set_primary(self, client_id: ClientId, user_id: UserId | None) -> AccountManager | None:
        """Make one of a client's managers the primary one, in the place of any other. Needs ``managers.assign``.

        Args:
            client_id: the client.
            user_id: one of its account managers, ``None`` for no primary one.

        Raises:
            NotEligibleError: the user is no account manager of this client, or cannot manage any more.
        """
        return self._calls.write(managers.set_primary_manager, client_id, user_id)

    def clients_of(self, user_id: UserId, *, limit: int = 50, cursor: str | None = None) -> Page[Client]:
        """A page of the clients that a staff user looks after, in the order of their names: "my clients"."""
        return self._calls.read(managers.list_managed, user_id, limit=limit, cursor=cursor)

    def choices(self, client_id: ClientId) -> tuple[User, ...]:
        """The staff users who could look after a client and do not yet, by name: for a form that adds one."""
        return self._calls.read(managers.manager_choices, client_id)

    def assignable(self, client_id: ClientId) -> tuple[User, ...]:
        """The client's managers to whom something about it can be routed, a ticket for instance.

        The primary one comes first; who cannot manage any more is left out.
        """
        return self._calls.read(managers.assignable_managers, client_id)
