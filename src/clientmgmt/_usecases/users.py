"""Users as such: taking away and giving back their way in, and their logins."""

from __future__ import annotations

import attrs

from clientmgmt._usecases.authorize import authorize
from clientmgmt._usecases.loading import load_user
from clientmgmt._usecases.mailing import end_invitation
from clientmgmt._usecases.paging import find_page
from clientmgmt._usecases.work import Work
from clientmgmt.domain.ids import UserId
from clientmgmt.domain.people import LoginEvent, Membership, User, UserKind
from clientmgmt.domain.results import Deactivation, Page
from clientmgmt.domain.states import InvitationTrigger
from clientmgmt.ports.collections import LOGINS, MEMBERSHIPS, USERS

__all__ = ["deactivate", "list_logins", "reactivate"]

_WAYS = {UserKind.CLIENT_USER: "access.deactivate", UserKind.STAFF: "staff.deactivate"}


def deactivate(work: Work, user_id: UserId) -> Deactivation:
    """Take a user's way in, for all its clients: open invitations are revoked, the record stays."""
    user = load_user(work, user_id, lock=True)
    authorize(work, _WAYS[user.kind], user.id, kind="user")
    memberships = _memberships(work, user)
    clients = tuple(membership.client_id for membership in memberships)
    if user.deactivated_at is not None:
        return Deactivation(user=user, clients=clients)
    for membership in memberships:
        end_invitation(work, membership, InvitationTrigger.REVOKE)
    changed, fact = user.deactivate(work.stamp(), clients=clients)
    work.record(fact)
    return Deactivation(user=work.uow.save(USERS, changed), clients=clients)


def reactivate(work: Work, user_id: UserId) -> User:
    """Give a user its way in back; earlier invitations no longer count, so that whoever had no password is staged."""
    user = load_user(work, user_id, lock=True)
    authorize(work, _WAYS[user.kind], user.id, kind="user")
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
    authorize(work, "access.logins")
    user = load_user(work, user_id)
    where = LOGINS.user_id.eq(user.id)
    rows, following = find_page(work, LOGINS, where, order=LOGINS.at.desc(), limit=limit, cursor=cursor)
    return Page(rows, following)


def _memberships(work: Work, user: User) -> tuple[Membership, ...]:
    return work.uow.find(MEMBERSHIPS, MEMBERSHIPS.user_id.eq(user.id))
