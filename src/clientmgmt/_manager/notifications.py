"""Mail, as a workspace offers it."""

from __future__ import annotations

from uuid import UUID

from clientmgmt._manager.group import Group
from clientmgmt._usecases import notifications
from clientmgmt.domain.ids import ClientId, MailId
from clientmgmt.domain.mail import Mail
from clientmgmt.domain.results import Page

__all__ = ["NotificationGroup"]


class NotificationGroup(Group):
    """``ws.notifications``: the mail that the package sends, before and after."""

    __slots__ = ()

    def get(self, mail_id: MailId) -> Mail:
        """One mail. The mail of an invitation has the invitation's id."""
        return self._calls.read(notifications.get_mail, mail_id)

    def list(
        self,
        *,
        client_id: ClientId | None = None,
        type: str | None = None,  # noqa: A002 - the natural name, and keyword-only
        about: UUID | None = None,
        state: str | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page[Mail]:
        """A page of mail, newest first, whether it waits or not. ``state="failed"`` lists the dead.

        Args:
            client_id: only mail that concerns this client.
            type: only this type, ``invitation`` for instance.
            about: only mail about the thing with this id, a contact for instance.
            state: only mail in this state, see :class:`~clientmgmt.MailState`.
            limit: how many at most, 1 to 1000.
            cursor: ``next_cursor`` of the page before.

        Raises:
            InvalidInputError: the type, the state, the limit or the cursor is malformed.
        """
        return self._calls.read(
            notifications.list_mails,
            client_id=client_id,
            type=type,
            about=about,
            state=state,
            limit=limit,
            cursor=cursor,
        )

    def retry(self, mail_id: MailId) -> Mail:
        """Make a waiting or dead mail due at once; its attempts are counted anew. Needs ``notifications.manage``.

        It is sent by the next :meth:`ClientManager.deliver`, if there still is a reason for it; a dead one goes to the
        end of its row. What a worker has in hand is being tried already and stays as it is.

        Raises:
            IllegalTransitionError: it is delivered, obsolete or cancelled.
            StateError: its time is over; a new invitation is what helps.
        """
        return self._calls.write(notifications.retry_mail, mail_id)

    def cancel(self, mail_id: MailId) -> Mail:
        """Never send a waiting mail. Needs ``notifications.manage``. Doing it again changes nothing.

        What waits is *cancelled* at once, for good. What a worker has in hand is *cancelling*: the worker looks before
        it sends and does not try again after; if the mail was on its way already, it ends as *delivered*. The link that
        a mail carries is not revoked: see :meth:`ContactGroup.revoke_invite`.

        Raises:
            IllegalTransitionError: it is delivered, dead or obsolete.
        """
        return self._calls.write(notifications.cancel_mail, mail_id)
