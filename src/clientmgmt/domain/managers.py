"""Account managers: the staff users who look after a client, any number of them, and which one is primary."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import attrs

from clientmgmt.domain.catalog import Catalog
from clientmgmt.domain.events import AccountManagerAdded, AccountManagerRemoved, PrimaryManagerChanged, Stamp
from clientmgmt.domain.ids import ClientId, UserId
from clientmgmt.domain.people import User, UserKind
from clientmgmt.domain.value import Value
from clientmgmt.errors import Violation

__all__ = ["AccountManager", "Care", "assigned", "exchanged", "ineligible", "is_eligible", "removed"]


@attrs.frozen(kw_only=True, repr=False, eq=False)
class Care(Value):
    """That a staff user looks after a client, as it is stored.

    ``primary_for`` is the client if this is its primary manager: a unique key, so that there is never a second one.
    """

    id: UUID
    client_id: ClientId
    user_id: UserId
    primary_for: ClientId | None = None
    added_at: datetime
    added_by: str
    version: int = 1


@attrs.frozen(kw_only=True, repr=False, eq=False)
class AccountManager(Value):
    """A staff user who looks after a client.

    ``is_eligible`` is false for one who is deactivated or has no role any more that may manage: it stays on the list
    until it is removed, and nothing is routed to it.
    """

    client_id: ClientId
    user_id: UserId
    name: str
    email: str
    is_primary: bool
    is_eligible: bool
    added_at: datetime

    @classmethod
    def of(cls, care: Care, user: User, catalog: Catalog) -> AccountManager:
        """What the stored facts come to."""
        return cls(
            client_id=care.client_id,
            user_id=user.id,
            name=user.name,
            email=user.email.address,
            is_primary=care.primary_for is not None,
            is_eligible=is_eligible(user, catalog),
            added_at=care.added_at,
        )


def is_eligible(user: User, catalog: Catalog) -> bool:
    """Whether a user can look after clients: an active staff user with a role that is marked so."""
    return user.kind is UserKind.STAFF and user.deactivated_at is None and catalog.may_manage(user.roles)


def ineligible(reason: str) -> Violation:
    """Why this user cannot be the manager, or the primary manager, of a client."""
    return Violation("not_eligible", reason, "user_id")


def assigned(client_id: ClientId, user: User, stamp: Stamp) -> tuple[Care, AccountManagerAdded]:
    """A staff user who looks after a client from now on."""
    care = Care(id=stamp.id, client_id=client_id, user_id=user.id, added_at=stamp.at, added_by=stamp.actor)
    fact = AccountManagerAdded(
        stamp=stamp, subject=client_id, client_id=client_id, user_id=user.id, title=user.name, email=user.email.address
    )
    return care, fact


def removed(care: Care, user: User, stamp: Stamp) -> AccountManagerRemoved:
    """That a staff user does not look after a client any more."""
    return AccountManagerRemoved(
        stamp=stamp,
        subject=care.client_id,
        client_id=care.client_id,
        user_id=user.id,
        title=user.name,
        email=user.email.address,
        was_primary=care.primary_for is not None,
    )


def exchanged(client_id: ClientId, before: Care | None, after: Care | None, stamp: Stamp) -> PrimaryManagerChanged:
    """That another manager of a client is the primary one, or none is."""
    return PrimaryManagerChanged(
        stamp=stamp,
        subject=client_id,
        client_id=client_id,
        old=None if before is None else before.user_id,
        new=None if after is None else after.user_id,
    )
