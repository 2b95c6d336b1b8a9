# Written by scripts/asyncify.py from _manager/access.py: change that one.
"""Ways in, as a workspace offers them."""

from __future__ import annotations

from clientmgmt._manager_async.group import Group
from clientmgmt._usecases import invitations, users
from clientmgmt.domain.ids import ContactId, UserId
from clientmgmt.domain.people import Invitation, LoginEvent, User
from clientmgmt.domain.results import Deactivation, Page

__all__ = ["AccessGroup"]


class AccessGroup(Group):
    """``ws.access``."""

    __slots__ = ()

    async def invitations(self, contact_id: ContactId) -> tuple[Invitation, ...]:
        """The invitations that a contact was sent, newest first: when, by whom, and what became of each."""
        return await self._calls.read(invitations.list_invitations, contact_id)

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

    async def logins(self, user_id: UserId, *, limit: int = 50, cursor: str | None = None) -> Page[LoginEvent]:
        """A page of a user's successful logins, newest first."""
        return await self._calls.read(users.list_logins, user_id, limit=limit, cursor=cursor)
