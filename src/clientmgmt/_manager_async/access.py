# Written by scripts/asyncify.py from _manager/access.py: change that one.
"""Ways in, as a workspace offers them."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from clientmgmt._manager_async.group import Group
from clientmgmt._usecases import credentials, invitations, owners, resetting, rights, users
from clientmgmt.domain.contacts import Contact
from clientmgmt.domain.ids import ClientId, ContactId, SiteId, UserId
from clientmgmt.domain.links import AccountLink, Invitation
from clientmgmt.domain.people import LoginEvent, User
from clientmgmt.domain.results import Deactivation, Link, Page
from clientmgmt.domain.rights import Decision, Rights, RightsChange
from clientmgmt.domain.scope import Scope
from clientmgmt.domain.sites import Site
from clientmgmt.domain.unset import UNSET, Unset

__all__ = ["AccessGroup"]


class AccessGroup(Group):
    """``ws.access``."""

    __slots__ = ()

    async def invitations(self, contact_id: ContactId) -> tuple[Invitation, ...]:
        """The invitations that a contact was sent, newest first: when, by whom, and what became of each."""
        return await self._calls.read(invitations.list_invitations, contact_id)

    async def invite_link(self, contact_id: ContactId) -> Link:
        """A new invitation as a link that you hand on yourself, without any mail. Needs ``clients.invite``.

        Every earlier link of the contact is dead from now on; a mail of one that still waits is not sent. It is not
        for clients' own users: whoever has the link can choose the password of an address that nobody has verified.

        Args:
            contact_id: the contact.

        Raises:
            AlreadyActiveError: the contact has signed in.
            UserInactiveError: the user is deactivated.
            ClientClosedError: the client is closed.
            LimitError: too soon after the last one, or too many within a day (``Rules.invites``).
            ConfigurationError: there is no link template.
        """
        return await self._calls.write(invitations.invite_link, contact_id)

    async def may(self, permission: str, client_id: ClientId, *, site_id: SiteId | None = None) -> Decision:
        """Whether the actor of this workspace has a permission for a client, from what is stored now.

        Ask it for what your own application offers: tickets, reports, invoices.

        Args:
            permission: one that the catalog knows.
            client_id: the client; for a client's user one of its own, any other answers like one that is not there.
            site_id: for what is bound to this site of the client; else for what belongs to the client as a whole.

        Raises:
            UnknownNameError: nobody has registered this permission.

        >>> from clientmgmt import ClientManager, Staff
        >>> ws = ClientManager("memory:").workspace("northwind", actor=Staff("ada", roles={"editor"}))
        >>> acme = ws.clients.add(name="Acme Retail", email="ap@acme.example")
        >>> ws.access.may("export", acme.id).reasons
        ('the role editor gives export',)
        >>> bool(ws.access.may("users.staff", acme.id))
        False
        """
        return await self._calls.read(rights.may, permission, client_id, site_id=site_id)

    async def explain(
        self, user_id: UserId, permission: str, client_id: ClientId, *, site_id: SiteId | None = None
    ) -> Decision:
        """Whether any user has a permission for a client, and which rule decides that.

        Args:
            user_id: a client's user, or a staff user with stored roles.
            permission: one that the catalog knows.
            client_id: the client.
            site_id: as in :meth:`may`.

        Raises:
            UnknownNameError: nobody has registered this permission.
        """
        return await self._calls.read(rights.explain, user_id, permission, client_id, site_id=site_id)

    async def visible_sites(self, user_id: UserId, permission: str, client_id: ClientId) -> tuple[Site, ...]:
        """The sites of a client for which a user has a permission, by name: what a report asks before it is drawn.

        Args:
            user_id: a client's user, or a staff user with stored roles.
            permission: one that the catalog knows.
            client_id: the client.

        Raises:
            UnknownNameError: nobody has registered this permission.
        """
        return await self._calls.read(rights.visible_sites, user_id, permission, client_id)

    async def rights(self, contact_id: ContactId) -> Rights:
        """The role, the grants, the denies and the scope of a contact, and the permissions that they make."""
        return await self._calls.read(rights.get_rights, contact_id)

    async def preview_rights(
        self,
        contact_id: ContactId,
        *,
        role: str | Unset = UNSET,
        grants: Collection[str] | Unset = UNSET,
        denies: Collection[str] | Unset = UNSET,
        scope: Scope | Unset = UNSET,
    ) -> RightsChange:
        """What :meth:`set_rights` would give and take; nothing is changed. Needs ``users.manage``.

        Raises:
            UnknownNameError: there is no such role of clients or no such permission.
            InvalidInputError: a permission is granted and denied at once, or a site is none of this client.
            EscalationError: the actor is a user of the client and would give more than it has, or change somebody who
                has more, or itself.
        """
        return await self._calls.read(
            rights.preview_rights, contact_id, role=role, grants=grants, denies=denies, scope=scope
        )

    async def set_rights(
        self,
        contact_id: ContactId,
        *,
        role: str | Unset = UNSET,
        grants: Collection[str] | Unset = UNSET,
        denies: Collection[str] | Unset = UNSET,
        scope: Scope | Unset = UNSET,
    ) -> Contact:
        """Give a contact other rights, which count from the next call on; the rest stays. Needs ``users.manage``.

        Args:
            contact_id: the contact.
            role: a role of clients.
            grants: permissions that it has besides those of its role; instead of the earlier ones.
            denies: permissions that it has not, whatever gives them; instead of the earlier ones.
            scope: for which sites of the client: all of them, or exactly some.

        Raises:
            UnknownNameError: there is no such role of clients or no such permission.
            InvalidInputError: a permission is granted and denied at once, or a site is none of this client.
            EscalationError: the actor is a user of the client and would give more than it has, or change somebody who
                has more, or itself.
        """
        return await self._calls.write(
            rights.set_contact_rights, contact_id, role=role, grants=grants, denies=denies, scope=scope
        )

    async def set_owner(self, client_id: ClientId, user_id: UserId | None) -> Contact | None:
        """Make a contact the owner of its client, who has all rights there, in the place of any other.

        A scope of some sites that it had is gone: the client as a whole is the owner's.

        Staff need ``users.manage``; on the client's side only the owner can do that.

        Args:
            client_id: the client.
            user_id: the user of a contact of this client who has accepted, or was added by staff, and may come in;
                it need not have done so yet. ``None`` is taken only while there is no owner.

        Raises:
            NotEligibleError: the user is no such contact.
            LastOwnerError: the client would be left without an owner.
            EscalationError: the actor is a user of the client, and not its owner.
        """
        return await self._calls.write(owners.set_owner, client_id, user_id)

    async def deactivate(self, user_id: UserId) -> Deactivation:
        """Take a user's way in, for all of its clients; the record stays. Needs ``users.deactivate``.

        Open invitations are revoked, mail that waits is not sent. Doing it again changes nothing. A staff user
        needs ``users.staff``.
        """
        return await self._calls.write(users.deactivate, user_id)

    async def reactivate(self, user_id: UserId) -> User:
        """Give a user its way in back. Needs ``users.deactivate``, for a staff user ``users.staff``.

        Who had a password has it still; who had none is staged again and needs a new invitation.
        """
        return await self._calls.write(users.reactivate, user_id)

    async def set_password(self, user_id: UserId, password: str) -> User:
        """Give a client's user a password, for instance on the telephone. Needs ``users.set_password``.

        All of its sessions end, and a mail tells it. Who has not come in yet can sign in with it.

        Args:
            user_id: a client's user.
            password: taken as it is, and checked as one that the user chooses.

        Raises:
            InvalidInputError: the password is refused.
            UserInactiveError: the user is deactivated.
            ConfigurationError: there is no sender for the mail.
        """
        return await self._calls.run(credentials.set_password(self._calls.desk, user_id, password))

    async def start_reset(self, user_id: UserId) -> None:
        """Mail a user a link to choose another password. Needs ``clients.invite``.

        For whoever was invited at least, so also for a user who has mislaid the invitation.

        Args:
            user_id: a client's user, who may come in for an open client.

        Raises:
            IllegalTransitionError: the user was never invited.
            ClientClosedError: no client is open to the user, or it has accepted none.
            LimitError: the user was sent too many of late (``Rules.throttle``).
            NotEligibleError: the user signs in with an external identity.
            UserInactiveError: the user is deactivated.
            ConfigurationError: there is no template for the link, or no sender.
        """
        await self._calls.write(resetting.start_reset, user_id)

    async def links(self, user_id: UserId) -> tuple[AccountLink, ...]:
        """The links that a user was sent about its own account, newest first: what for, and what became of each.

        A user of a client sees its own only.
        """
        return await self._calls.read(users.list_links, user_id)

    async def record_login(self, user_id: UserId, at: datetime, *, client_id: ClientId | None = None) -> LoginEvent:
        """Put a login on record that happened elsewhere. Needs ``users.manage``.

        It may come late and out of order: the time of the last login never moves backwards. The same login again is
        no second one. Who acts as a user does not sign in: record no impersonation.

        Args:
            user_id: a client's user who has a password or an identity.
            at: when it was, with a time zone, not in the future.
            client_id: the client that was signed in to, if it was one.

        Raises:
            InvalidInputError: the time has no zone or is in the future.
            IllegalTransitionError: the user has never accepted an invitation.
        """
        return await self._calls.write(users.record_login, user_id, at, client_id=client_id)

    async def logins(self, user_id: UserId, *, limit: int = 50, cursor: str | None = None) -> Page[LoginEvent]:
        """A page of a user's successful logins, newest first.

        An actor that is limited to one client, or to some, is shown those for them and those for none.
        """
        return await self._calls.read(users.list_logins, user_id, limit=limit, cursor=cursor)
