"""The one question every use case asks: may this actor do this, to this?"""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from clientmgmt._usecases.work import Work
from clientmgmt.domain.access import may
from clientmgmt.domain.actors import ClientUser, Staff
from clientmgmt.domain.operations import OPERATIONS
from clientmgmt.domain.people import UserKind
from clientmgmt.errors import ForbiddenError, NotFoundError
from clientmgmt.ports.collections import USERS

__all__ = ["OutOfSight", "authorize", "staff_roles"]


class OutOfSight(NotFoundError):  # noqa: N818 - is put on record as a denial, and leaves as a plain NotFoundError
    """There is such a thing, but not for this actor, who lacks ``permission``."""

    def __init__(self, kind: str, permission: str) -> None:
        super().__init__(kind)
        self.permission = permission


def authorize(work: Work, operation: str, subject: UUID | None = None, *, kind: str = "client") -> None:
    """Nothing if the actor may do this ``operation`` with the ``subject`` of this ``kind``, else a refusal.

    Raises:
        ForbiddenError: the actor lacks the permission.
        NotFoundError: the object is out of the actor's sight, so that it answers like one that is not there.
    """
    permission = OPERATIONS[operation].staff
    if may(work.actor, permission, catalog=work.catalog, stored_roles=_stored_roles(work)):
        return
    if subject is not None and isinstance(work.actor, ClientUser):
        raise OutOfSight(kind, permission)
    raise ForbiddenError(permission)


def staff_roles(work: Work, actor: Staff) -> Collection[str]:
    """The roles of a staff actor that count: those that it carries, else those that are stored."""
    return _stored_roles(work) if actor.roles is None else actor.roles


def _stored_roles(work: Work) -> tuple[str, ...]:
    """The roles that ``ws.staff`` stored for an actor that carries none, if it is active."""
    if not isinstance(work.actor, Staff) or work.actor.roles is not None:
        return ()
    found = work.uow.find(USERS, USERS.reference.eq(work.actor.reference), USERS.kind.eq(UserKind.STAFF))
    return next((user.roles for user in found if user.deactivated_at is None), ())
