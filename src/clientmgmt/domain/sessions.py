"""Sessions: what is stored of a user who has signed in."""

from __future__ import annotations

from datetime import datetime

import attrs

from clientmgmt.domain.actors import ClientUser
from clientmgmt.domain.ids import ClientId, SessionId, UserId
from clientmgmt.domain.people import User
from clientmgmt.domain.rules import SessionRules
from clientmgmt.domain.value import Value

__all__ = ["OpenSession", "begin_session"]


@attrs.frozen(kw_only=True, repr=False, eq=False)
class OpenSession(Value):
    """A session as it is stored: nothing in it opens anything, its token is made of its id and a secret key."""

    id: SessionId
    user_id: UserId
    client_id: ClientId | None
    epoch: int
    began_at: datetime
    expires_at: datetime

    def actor_at(self, now: datetime, user: User) -> ClientUser | None:
        """Who acts in this session at ``now``, nobody if it has ended."""
        if now >= self.expires_at or user.deactivated_at is not None or user.epoch != self.epoch:
            return None
        return ClientUser(self.user_id, client_id=self.client_id, epoch=self.epoch)


def begin_session(
    key: SessionId, user: User, client_id: ClientId | None, *, rules: SessionRules, now: datetime
) -> OpenSession:
    """A session that ends by itself after ``rules.valid``."""
    return OpenSession(
        id=key,
        user_id=user.id,
        client_id=client_id,
        epoch=user.epoch,
        began_at=now,
        expires_at=now + rules.valid,
    )
