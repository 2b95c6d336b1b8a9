# Written by scripts/asyncify.py from _manager/audit.py: change that one.
"""The audit trail, as a workspace offers it."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from clientmgmt._manager_async.group import Group
from clientmgmt._usecases import audit
from clientmgmt.domain.audit import AuditEntry
from clientmgmt.domain.ids import ClientId
from clientmgmt.domain.results import Page

__all__ = ["AuditGroup"]


class AuditGroup(Group):
    """``ws.audit``: who did what, when. Entries are never changed."""

    __slots__ = ()

    async def list(
        self,
        *,
        client_id: ClientId | None = None,
        actor: str | None = None,
        action: str | None = None,
        subject: UUID | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page[AuditEntry]:
        """A page of the audit trail, newest first. Needs ``audit.read``.

        Args:
            client_id: only what concerns this client.
            actor: only what this actor did, written as the entries write it: ``staff:ada``.
            action: only this action: the name of an event in snake_case, or ``denied``.
            subject: only what was done to this: a client, a contact, a user, a site, a mail. There is no index for it,
                so name the client as well if the trail is long.
            since: from this time on; aware.
            until: before this time; aware.
            limit: how many at most, 1 to 1000.
            cursor: ``next_cursor`` of the page before.

        Raises:
            InvalidInputError: the limit or the cursor is malformed, or a time has no zone.
        """
        return await self._calls.read(
            audit.list_audit,
            client_id=client_id,
            actor=actor,
            action=action,
            subject=subject,
            since=since,
            until=until,
            limit=limit,
            cursor=cursor,
        )
