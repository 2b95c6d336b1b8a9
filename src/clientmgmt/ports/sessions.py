"""The session port: for applications that keep sessions of their own."""

from __future__ import annotations

from typing import Protocol

from clientmgmt.domain.ids import UserId

__all__ = ["Sessions"]


class Sessions(Protocol):
    """Told when all sessions of a user end, so that the application ends its own.

    It is told after the commit, once, and never within a transaction of the host. What it misses is caught by the epoch
    of the actor: whoever remembers :attr:`Session.actor <clientmgmt.Session.actor>` reaches nothing with it any more.
    """

    def end(self, tenant: str, user_id: UserId, /) -> None:
        """Forget all sessions of this user."""
