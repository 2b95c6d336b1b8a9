"""Users as such: taking away and giving back their way in, and their logins."""

from __future__ import annotations

import attrs

from clientmgmt._usecases.loading import load_user
from clientmgmt._usecases.mailing import end_invitation
from clientmgmt._usecases.owners import owner_missing
from clientmgmt._usecases.paging import find_page
from clientmgmt._usecases.reach import OutOfSight
from clientmgmt._usecases.sight import authorize_user, contacts_in_sight, logins_in_sight
from clientmgmt._usecases.work import Work
from clientmgmt.domain.actors import ClientUser
from clientmgmt.domain.ids import UserId
from clientmgmt.domain.people import LoginEvent, Membership, User, UserKind
from clientmgmt.domain.results import Deactivation, Page
from clientmgmt.domain.roles import READ
from clientmgmt.domain.states import InvitationTrigger
from clientmgmt.ports.collections import LOGINS, MEMBERSHIPS, USERS
from clientmgmt.ports.storage import Condition

__all__ = ["deactivate", "list_logins", "reactivate"]

_DEACTIVATE = {UserKind.CLIENT_USER: "access.deactivate", UserKind.STAFF: "staff.deactivate"}
_REACTIVATE = {UserKind.CLIENT_USER: "access.reactivate", UserKind.STAFF: "staff.deactivate"}


def deactivate(work: Work, user_id: UserId) -> Deactivation:
    """Take a user's way in, for all its clients: open invitations are revoked, the record stays."""
    user = load_user(work, user_id, lock=True)
    authorize_user(work, _DEACTIVATE[user.kind], user)
    memberships = _memberships(work, user)
    seen = _memberships(work, user, *contacts_in_sight(work)) if contacts_in_sight(work) else memberships
    told = tuple(membership.client_id for membership in seen)
    if user.deactivated_at is not None:
        return Deactivation(user=user, clients=told, warnings=owner_missing(work, seen))
    for membership in memberships:
        end_invitation(work, membership, InvitationTrigger.REVOKE)
    changed, fact = user.deactivate(work.stamp(), clients=tuple(membership.client_id for membership in memberships))
    work.record(fact)
    warnings = owner_missing(work, seen)
    return Deactivation(user=work.uow.save(USERS, changed), clients=told, warnings=warnings)


def reactivate(work: Work, user_id: UserId) -> User:
    """Give a user its way in back; earlier invitations no longer count, so that whoever had no password is staged."""
    user = load_user(work, user_id, lock=True)
    authorize_user(work, _REACTIVATE[user.kind], user)
    if user.deactivated_at is None:
        return user
    for membership in _memberships(work, user):
        if membership.invitation_id is not None:
            work.uow.save(MEMBERSHIPS, attrs.evolve(membership, invitation_id=None))
    changed, fact = user.reactivate(work.stamp())
    work.record(fact)
    return work.uow.save(USERS, changed)


def list_logins(work: Work, user_id: UserId, *, limit: int, cursor: str | None) -> Page[LoginEvent]:
    """A page of a user's logins, newest first."""
    user = load_user(work, user_id)
    if isinstance(work.actor, ClientUser) and work.actor.user_id != user.id:
        raise OutOfSight("user", READ)
    authorize_user(work, "access.logins", user)
    where = (LOGINS.user_id.eq(user.id), *logins_in_sight(work))
    rows, following = find_page(work, LOGINS, *where, order=LOGINS.at.desc(), limit=limit, cursor=cursor)
    return Page(rows, following)


def _memberships(work: Work, user: User, *where: Condition[Membership]) -> tuple[Membership, ...]:
    """Where it is in force or was: a contact that has not accepted shows nothing of its user."""
    return work.uow.find(MEMBERSHIPS, MEMBERSHIPS.user_id.eq(user.id), MEMBERSHIPS.typed.eq(None), *where)
