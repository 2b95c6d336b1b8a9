"""Which clients staff reaches: all of the tenant's, or those that it looks after and those that it has added."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import Any, TypeVar

from clientmgmt._usecases.work import Work
from clientmgmt.domain.actors import Staff
from clientmgmt.domain.client import Client
from clientmgmt.domain.ids import ClientId
from clientmgmt.domain.managers import Care
from clientmgmt.domain.people import User, UserKind
from clientmgmt.domain.roles import RoleKind
from clientmgmt.domain.settings import StaffReach
from clientmgmt.errors import NotFoundError
from clientmgmt.ports.collections import CLIENTS, MANAGERS, USERS
from clientmgmt.ports.storage import Condition, Entity, Field, any_of

__all__ = [
    "OutOfSight",
    "clients_within_reach",
    "require_reach",
    "staff_roles",
    "stored_roles",
    "user_reaches",
    "within_reach",
]

E = TypeVar("E", bound=Entity)

_UNLIMITED = "users.staff"
"""Whoever has this could give itself any role, so that a limit would not hold it."""


class OutOfSight(NotFoundError):  # noqa: N818 - is put on record as a denial, and leaves as a plain NotFoundError
    """There is such a thing, but not for this actor, who lacks ``permission``."""

    def __init__(self, kind: str, permission: str) -> None:
        super().__init__(kind)
        self.permission = permission


def clients_within_reach(work: Work) -> tuple[Condition[Client], ...]:
    """The conditions for a client to be within the reach of a staff actor; none where that is every client."""
    actor = work.actor
    if not isinstance(actor, Staff) or not _is_limited(work, lambda: staff_roles(work, actor)):
        return ()
    itself = (USERS.reference.eq(actor.reference), USERS.kind.eq(UserKind.STAFF), USERS.deactivated_at.eq(None))
    managed = MANAGERS.user_id.among(USERS, USERS.id, *itself)
    return (_of(work, str(actor), staff_roles(work, actor), managed),)


def user_reaches(work: Work, user: User, client_id: ClientId) -> bool:
    """Whether a client is within the reach of a staff user with its stored roles."""
    if not _is_limited(work, lambda: user.roles):
        return True
    name = "" if user.reference is None else str(Staff(user.reference))
    managed = MANAGERS.user_id.eq(user.id)
    return work.uow.count(CLIENTS, CLIENTS.id.eq(client_id), _of(work, name, user.roles, managed)) > 0


def within_reach(work: Work, field: Field[E, Any]) -> tuple[Condition[E], ...]:
    """The conditions for what belongs to a client to be within reach; ``field`` has the id of that client."""
    limits = clients_within_reach(work)
    return (field.among(CLIENTS, CLIENTS.id, *limits),) if limits else ()


def require_reach(work: Work, client_id: ClientId | None, *, kind: str, permission: str) -> None:
    """``NotFoundError`` for a ``kind`` of thing if the client that it belongs to is out of a staff actor's reach.

    What belongs to no client is out of the reach of whoever reaches some clients only.
    """
    limits = clients_within_reach(work)
    if limits and (client_id is None or not work.uow.count(CLIENTS, CLIENTS.id.eq(client_id), *limits)):
        raise OutOfSight(kind, permission)


def staff_roles(work: Work, actor: Staff) -> Collection[str]:
    """The roles of a staff actor that count: those that it carries, else those that are stored."""
    return stored_roles(work) if actor.roles is None else actor.roles


def stored_roles(work: Work) -> Collection[str]:
    """The roles that ``ws.staff`` stored for an actor that carries none, if it is active: read once in a unit."""
    if not isinstance(work.actor, Staff) or work.actor.roles is not None:
        return ()
    if work.roles is None:
        found = work.uow.find(USERS, USERS.reference.eq(work.actor.reference), USERS.kind.eq(UserKind.STAFF))
        work.roles = next((user.roles for user in found if user.deactivated_at is None), ())
    return work.roles


def _is_limited(work: Work, roles: Callable[[], Collection[str]]) -> bool:
    """Whether somebody with these roles reaches some clients only; they are asked for if that depends on them."""
    if work.settings.staff_reach is StaffReach.EVERYTHING:
        return False
    return _UNLIMITED not in work.catalog.given(roles(), RoleKind.STAFF)


def _of(work: Work, name: str, roles: Iterable[str], managed: Condition[Care]) -> Condition[Client]:
    """The clients of somebody: those that it has added under this name, and looks after if its roles let it do so."""
    added = CLIENTS.created_by.eq(name)
    if not work.catalog.may_manage(roles):
        return added
    return any_of(CLIENTS.id.among(MANAGERS, MANAGERS.client_id, managed), added)
