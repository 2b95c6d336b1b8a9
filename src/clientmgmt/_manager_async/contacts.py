# Written by scripts/asyncify.py from _manager/contacts.py: change that one.
"""Contacts, as a workspace offers them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

from clientmgmt._manager_async.group import Group
from clientmgmt._usecases import adding, contacts, editing, invitations
from clientmgmt.domain.contacts import Contact
from clientmgmt.domain.ids import ClientId, ContactId, UserId
from clientmgmt.domain.links import Invitation
from clientmgmt.domain.results import BulkResult, Page, RecentLogin, Removal, Suspension
from clientmgmt.domain.roles import DEFAULT_CLIENT_ROLE
from clientmgmt.domain.scope import Scope
from clientmgmt.domain.unset import UNSET, Unset

__all__ = ["ContactGroup"]

_EVERYTHING = Scope.everything()


class ContactGroup(Group):
    """``ws.contacts``: the users of clients. One user may be a contact of several clients."""

    __slots__ = ()

    async def add(
        self,
        client_id: ClientId,
        *,
        first_name: str,
        last_name: str,
        email: str,
        phone: str | None = None,
        job_title: str | None = None,
        role: str = DEFAULT_CLIENT_ROLE,
        scope: Scope = _EVERYTHING,
        invite: bool = False,
        on_existing: Literal["link", "reject"] = "link",
        idempotency_key: str | None = None,
    ) -> Contact:
        """Add a contact to a client. Needs ``users.manage``, and ``clients.invite`` to invite at once.

        An e-mail that the tenant does not know makes a new user. One that belongs to a user of other clients makes
        that user a contact of this client too: its name, phone and password stay, and if it has a password a mail
        tells it; nobody who has signed in already is invited again.

        A contact that one of the client's own users adds has no rights until that person accepts an invitation; until
        then it is shown as it was typed, whether the e-mail was known or not.

        Args:
            client_id: the client.
            first_name: 1 to 100 characters.
            last_name: 1 to 100 characters.
            email: what the contact signs in with; unique in the tenant.
            phone: up to 50 characters.
            job_title: up to 100 characters.
            role: what the contact may do for this client; see :data:`clientmgmt.domain.ROLES`.
            scope: for which sites of the client: all of them, or exactly some.
            invite: send an invitation at once, instead of staging the contact.
            on_existing: ``reject`` refuses an e-mail that any user of the tenant has; for a user of the client it means
                nothing, because that does not learn who is known.
            idempotency_key: the same key with the same arguments again changes nothing and answers the same.

        Raises:
            InvalidInputError: fields are missing or malformed (:class:`UnknownNameError` for the role).
            DuplicateContactError: the e-mail is a contact of this client.
            StaffCannotBeClientUserError: the e-mail is a staff user's.
            EscalationError: a user of the client would give rights that it does not have.
            EmailInUseError: the e-mail is another user's and ``on_existing`` is ``reject``.
            ClientClosedError: the client is closed and nobody can be invited to it.
            UserInactiveError: the user is deactivated and cannot be invited.
            ConfigurationError: there is no sender or no link template to invite with.
            IdempotencyConflictError: the key was used for something else.

        >>> from clientmgmt import ClientManager, System
        >>> ws = ClientManager("memory:").workspace("northwind", actor=System("docs"))
        >>> acme = ws.clients.add(name="Acme Retail", email="ap@acme.example")
        >>> ws.contacts.add(acme.id, first_name="Jane", last_name="Doe", email="jane@acme.example").state.value
        'pending_invite'
        """
        return await self._calls.write_once(
            idempotency_key,
            "contacts.add",
            Contact,
            contacts.add_contact,
            client_id,
            first_name=first_name,
            last_name=last_name,
            email=email,
            phone=phone,
            job_title=job_title,
            role=role,
            scope=scope,
            invite=invite,
            on_existing=on_existing,
        )

    async def add_many(
        self,
        client_id: ClientId,
        rows: Iterable[Mapping[str, object]],
        *,
        on_error: Literal["skip", "abort"] = "skip",
        idempotency_key: str | None = None,
    ) -> BulkResult[Contact]:
        """Add contacts from rows such as those of ``csv.DictReader``, a result per row. Needs ``users.manage``.

        Each row is what :meth:`add` takes; nobody is invited. An e-mail that is a contact of this client already, or
        that an earlier row has, is refused in its row. Some hundred rows at a time (``Rules.bulk``) are written
        together; with ``abort`` or with a key, all of them.

        Args:
            client_id: the client.
            rows: their columns are :data:`clientmgmt.domain.CONTACT_COLUMNS`; an empty cell counts as missing.
            on_error: ``skip`` leaves refused rows out; ``abort`` writes nothing if any row is refused.
            idempotency_key: the same key with the same arguments again changes nothing and answers the same.

        Returns:
            A row per input, numbered from 1, with the contact or why it was refused.

        Raises:
            InvalidInputError: ``rows`` is no list, or ``on_error`` is neither.
            IdempotencyConflictError: the key was used for something else.

        >>> from clientmgmt import ClientManager, System
        >>> ws = ClientManager("memory:").workspace("northwind", actor=System("docs"))
        >>> acme = ws.clients.add(name="Acme Retail", email="ap@acme.example")
        >>> jane = {"first_name": "Jane", "last_name": "Doe", "email": "jane@acme.example"}
        >>> result = ws.contacts.add_many(acme.id, [jane, jane])
        >>> [(row.number, row.violations[0].code) for row in result.failed]
        [(2, 'duplicate_contact')]
        """
        return await self._calls.run(
            adding.add_contacts(self._calls.desk, client_id, rows, on_error=on_error, key=idempotency_key)
        )

    async def get(self, contact_id: ContactId) -> Contact:
        """One contact."""
        return await self._calls.read(contacts.get_contact, contact_id)

    async def find(self, client_id: ClientId, *, email: str) -> Contact | None:
        """The contact of a client with this e-mail, in any spelling, if there is one."""
        return await self._calls.read(contacts.find_contact, client_id, email=email)

    async def list(
        self,
        client_id: ClientId | None = None,
        *,
        user_id: UserId | None = None,
        state: str | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page[Contact]:
        """A page of contacts in the order of their last names.

        Args:
            client_id: only the contacts of this client.
            user_id: only the contacts that this user is.
            state: only those in this state: ``pending_invite``, ``invite_sent``, ``active`` or ``inactive``.
            limit: how many at most, 1 to 1000.
            cursor: ``next_cursor`` of the page before.

        Raises:
            InvalidInputError: the state, the limit or the cursor is malformed.
        """
        return await self._calls.read(
            contacts.list_contacts, client_id, user_id=user_id, state=state, limit=limit, cursor=cursor
        )

    async def update(
        self,
        contact_id: ContactId,
        *,
        first_name: str | Unset = UNSET,
        last_name: str | Unset = UNSET,
        email: str | Unset = UNSET,
        phone: str | Unset | None = UNSET,
        job_title: str | Unset | None = UNSET,
        expected_version: int | None = None,
    ) -> Contact:
        """Change a contact; what is not given stays, ``None`` clears. Needs ``users.manage``.

        The name, the e-mail and the phone are the person's: they show in all of its clients, and a user of the client
        changes them only of itself, and of whoever is known to no other client and has not come in yet. The job title
        is this client's. Nobody needs a permission to change what is its own.

        An e-mail that staff changes counts at once: the person's sessions end, its open links are dead, and both
        addresses are told. Who changes its own is mailed a link there and has it when that is used
        (:meth:`Entrance.confirm_email`). A contact that has not accepted yet is from then on whoever has the new
        address, and has to be invited again.

        Args:
            contact_id: the contact.
            first_name: 1 to 100 characters.
            last_name: 1 to 100 characters.
            email: an address that no other user of the tenant has.
            phone: up to 50 characters.
            job_title: up to 100 characters.
            expected_version: the ``version`` that was seen; nothing is changed if there is a newer one.

        Raises:
            InvalidInputError: a field is malformed.
            StaleVersionError: somebody else changed the contact first.
            EmailInUseError: another user has this e-mail; only staff is told.
            DuplicateContactError: a contact of this client has it.
            LimitError: a user has asked for links to too many new addresses of its own.
            SharedProfileError: a user of the client would change what belongs to somebody whom others know.
            EscalationError: a user of the client would change somebody who has more rights.
        """
        given = {
            "first_name": first_name,
            "last_name": last_name,
            "email": email,
            "phone": phone,
            "job_title": job_title,
        }
        return await self._calls.write(editing.update_contact, contact_id, given, expected_version=expected_version)

    async def remove(self, contact_id: ContactId) -> Removal:
        """Remove a contact from its client; the user and its other clients stay. Needs ``users.manage``.

        An open invitation is revoked. Adding the same e-mail again makes a new contact with a new id. The result warns
        if that leaves the client without an owner.

        Raises:
            LastOwnerError: a user of the client would remove its owner.
            EscalationError: a user of the client would remove somebody who has more rights.
        """
        return await self._calls.write(contacts.remove_contact, contact_id)

    async def suspend(self, contact_id: ContactId, *, reason: str = "") -> Suspension:
        """Take a user's way in for this one client; its other clients stay open to it. Needs ``users.manage``.

        An open invitation is revoked, mail that waits is not sent. Doing it again changes nothing. The result
        warns if that leaves the client without an owner who can come in.

        Args:
            contact_id: the contact.
            reason: up to 500 characters for the audit trail.

        Raises:
            InvalidInputError: the reason is too long or no text.
            LastOwnerError: a user of the client would suspend its owner.
            EscalationError: a user of the client would suspend itself, or somebody who has more rights.
        """
        return await self._calls.write(contacts.suspend_contact, contact_id, reason=reason)

    async def resume(self, contact_id: ContactId) -> Contact:
        """Give a suspended contact its way in back. Needs ``users.manage``.

        Who had no password yet needs a new invitation. A deactivated user stays inactive for all of its clients.
        """
        return await self._calls.write(contacts.resume_contact, contact_id)

    async def send_invite(self, contact_id: ContactId, *, idempotency_key: str | None = None) -> Invitation:
        """Send an invitation, or send it again: the earlier link is dead from now on. Needs ``clients.invite``.

        Args:
            contact_id: the contact.
            idempotency_key: the same key again sends nothing and answers the same.

        Raises:
            AlreadyActiveError: the contact has signed in.
            UserInactiveError: the user is deactivated.
            ClientClosedError: the client is closed.
            IdempotencyConflictError: the key was used for something else.
            LimitError: too soon after the last one, or too many within a day (``Rules.invites``).
            ConfigurationError: there is no sender or no link template.
        """
        return await self._calls.write_once(
            idempotency_key, "contacts.send_invite", Invitation, invitations.send_invite, contact_id
        )

    async def send_invites(
        self, client_id: ClientId, contact_ids: Iterable[ContactId] | None = None
    ) -> BulkResult[Contact]:
        """Invite many contacts of one client, a result per contact. Needs ``clients.invite``.

        A contact that is refused stops no other. Who has an open link already is left alone (``changed`` is
        false), so that the same call again sends only what is missing; a contact that is named twice counts once.

        Args:
            client_id: the client.
            contact_ids: whom to invite; without them, all that are staged.

        Raises:
            ClientClosedError: the client is closed.
            ConfigurationError: there is no sender or no link template.
        """
        return await self._calls.run(invitations.send_invites(self._calls.desk, client_id, contact_ids))

    async def revoke_invite(self, contact_id: ContactId) -> Contact:
        """Kill the open link of a contact; nothing changes if there is none. Needs ``clients.invite``."""
        return await self._calls.write(invitations.revoke_invite, contact_id)

    async def most_recent(self, client_id: ClientId) -> RecentLogin | None:
        """Who of a client's current contacts signed in last, and when; ``None`` if nobody did yet."""
        return await self._calls.read(contacts.most_recent, client_id)
