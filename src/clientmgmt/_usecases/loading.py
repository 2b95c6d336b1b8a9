"""Finding what a command is about, or refusing with the error that fits."""

from __future__ import annotations

from typing import TypeVar
from uuid import UUID

import attrs

from clientmgmt._usecases.authorize import authorize
from clientmgmt._usecases.sight import authorize_contact
from clientmgmt._usecases.work import Work
from clientmgmt.domain.actors import ClientUser
from clientmgmt.domain.client import Client
from clientmgmt.domain.ids import ClientId, ContactId, SiteId, UserId
from clientmgmt.domain.people import Membership, User, UserKind
from clientmgmt.domain.sites import Site
from clientmgmt.errors import NotFoundError
from clientmgmt.ports.collections import CLIENTS, MEMBERSHIPS, SITES, USERS
from clientmgmt.ports.storage import Collection, Entity

__all__ = ["Person", "is_id", "load_client", "load_membership", "load_person", "load_site", "load_staff", "load_user"]

E = TypeVar("E", bound=Entity)


@attrs.frozen(repr=False, eq=False)
class Person:
    """A membership and its user, who is locked: nobody else changes this person's way in meanwhile."""

    membership: Membership
    user: User


def is_id(key: object) -> bool:
    """Whether this can be the id of anything; what is none answers like one that is not there."""
    return isinstance(key, UUID)


def load_client(work: Work, client_id: ClientId, operation: str, *, lock: bool = False) -> Client:
    """The client, if the actor may do this ``operation`` with it; ``NotFoundError`` or ``ForbiddenError`` if not."""
    client = _get(work, CLIENTS, client_id, "client", lock=lock)
    authorize(work, operation, client.id, client_id=client.id)
    return client


def load_user(work: Work, user_id: UserId, *, lock: bool = False) -> User:
    """The user, else ``NotFoundError``; the caller authorises."""
    return _get(work, USERS, user_id, "user", lock=lock)


def load_staff(work: Work, user_id: UserId, *, lock: bool = False) -> User:
    """The staff user; a client's user answers like one that is not there. The caller authorises."""
    user = load_user(work, user_id, lock=lock)
    if user.kind is not UserKind.STAFF:
        raise NotFoundError("user")
    return user


def load_site(work: Work, site_id: SiteId, operation: str, *, lock: bool = False) -> Site:
    """The site, if the actor may do this ``operation`` with it."""
    site = _get(work, SITES, site_id, "site", lock=lock)
    authorize(work, operation, site.id, kind="site", client_id=site.client_id, site_id=site.id)
    return site


def load_membership(work: Work, contact_id: ContactId, operation: str) -> Membership:
    """The membership, if the actor may do this ``operation`` with it."""
    membership = _get(work, MEMBERSHIPS, contact_id, "contact", lock=False)
    authorize_contact(work, operation, membership)
    return membership


def load_person(work: Work, contact_id: ContactId, operation: str) -> Person:
    """The membership and its user, locked, if the actor may do this ``operation`` with it.

    The lock of the user orders everything that concerns one person's way in. The membership is read once to know
    whose lock to take, and again when it is had.
    """
    known = load_membership(work, contact_id, operation)
    user = work.uow.get(USERS, known.user_id, lock=True)
    if isinstance(work.actor, ClientUser):
        work.standings = None  # what the actor is may have changed while it waited for the lock
        return Person(load_membership(work, contact_id, operation), user)
    return Person(_get(work, MEMBERSHIPS, contact_id, "contact", lock=False), user)


def _get(work: Work, collection: Collection[E], key: UUID, kind: str, *, lock: bool) -> E:
    if not is_id(key):
        raise NotFoundError(kind)
    try:
        return work.uow.get(collection, key, lock=lock)
    except NotFoundError:
        raise NotFoundError(kind) from None
