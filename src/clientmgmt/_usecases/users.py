"""Users as such: taking away and giving back their way in, and their logins."""

from __future__ import annotations

from datetime import datetime

import attrs

from clientmgmt._usecases.account_links import end_links
from clientmgmt._usecases.loading import is_id, load_user
from clientmgmt._usecases.mailing import end_invitations
from clientmgmt._usecases.owners import owner_missing
from clientmgmt._usecases.paging import find_page
from clientmgmt._usecases.reach import OutOfSight
from clientmgmt._usecases.sight import authorize_user, contacts_in_sight, logins_in_sight, require_whole
from clientmgmt._usecases.work import Work
from clientmgmt.domain.actors import ClientUser
from clientmgmt.domain.form import Form
from clientmgmt.domain.ids import ClientId, LoginId, UserId
from clientmgmt.domain.links import AccountLink
from clientmgmt.domain.people import LoginEvent, Membership, User, UserKind, inactive_violations
from clientmgmt.domain.results import Deactivation, Page
from clientmgmt.domain.roles import READ
from clientmgmt.domain.states import InvitationTrigger
from clientmgmt.errors import IllegalTransitionError, NotFoundError, Violation, refuse
from clientmgmt.ports.collections import ACCOUNT_LINKS, LOGINS, MEMBERSHIPS, USERS
from clientmgmt.ports.storage import Condition

__all__ = ["deactivate", "list_links", "list_logins", "reactivate", "record_login"]

_DEACTIVATE = {UserKind.CLIENT_USER: "access.deactivate", UserKind.STAFF: "staff.deactivate"}
_REACTIVATE = {UserKind.CLIENT_USER: "access.reactivate", UserKind.STAFF: "staff.deactivate"}


def deactivate(work: Work, user_id: UserId) -> Deactivation:
    """Take a user's way in, for all its clients: open invitations are revoked, the record stays."""
    user = load_user(work, user_id, lock=True)
    authorize_user(work, _DEACTIVATE[user.kind], user)
    require_whole(work, user, _DEACTIVATE[user.kind])
    memberships = _memberships(work, user)
    clients = tuple(membership.client_id for membership in memberships)
    if user.deactivated_at is not None:
        return Deactivation(user=user, clients=clients, warnings=owner_missing(work, memberships))
    end_invitations(work, memberships, InvitationTrigger.REVOKE)
    end_links(work, user, InvitationTrigger.REVOKE)
    changed, fact = user.deactivate(work.stamp(), clients=clients)
    work.record(fact)
    warnings = owner_missing(work, memberships)
    return Deactivation(user=work.uow.save(USERS, changed), clients=clients, warnings=warnings)


def reactivate(work: Work, user_id: UserId) -> User:
    """Give a user its way in back; earlier invitations no longer count, so that whoever had no password is staged."""
    user = load_user(work, user_id, lock=True)
    authorize_user(work, _REACTIVATE[user.kind], user)
    require_whole(work, user, _REACTIVATE[user.kind])
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


def list_links(work: Work, user_id: UserId) -> tuple[AccountLink, ...]:
    """The links that a user was sent about its own account, newest first, as they are now."""
    user = load_user(work, user_id)
    if isinstance(work.actor, ClientUser) and work.actor.user_id != user.id:
        raise OutOfSight("user", READ)
    authorize_user(work, "access.links", user)
    order = ACCOUNT_LINKS.sent_at.desc()
    found = work.uow.find(ACCOUNT_LINKS, ACCOUNT_LINKS.user_id.eq(user.id), order=order, limit=1000)
    return tuple(attrs.evolve(link, state=link.state_at(work.now)) for link in found)


def record_login(work: Work, user_id: UserId, at: datetime, *, client_id: ClientId | None) -> LoginEvent:
    """Put a login on record that the host has seen; the same one again is no second one."""
    user = load_user(work, user_id, lock=True)
    authorize_user(work, "access.record_login", user)
    form = Form()
    moment = form.moment("at", at)
    form.check()
    if moment > work.now:
        refuse([Violation("in_the_future", "must not be in the future", "at")])
    if user.kind is not UserKind.CLIENT_USER or (client_id is not None and not _belongs(work, user, client_id)):
        raise NotFoundError("user")
    if user.credential_at is None:
        raise IllegalTransitionError("contact", "invite_sent", "sign_in", ("set_credential",))
    if user.deactivated_at is not None and moment >= user.deactivated_at:
        refuse(inactive_violations(user))
    known = work.uow.find(LOGINS, LOGINS.user_id.eq(user.id), LOGINS.at.ge(moment), LOGINS.at.le(moment))
    for login in known:
        if login.client_id == client_id:
            return login
    changed, fact = user.record_login(work.stamp(), client_id=client_id, origin="", at=moment)
    work.uow.save(USERS, changed)
    work.record(fact)
    login = LoginEvent(id=LoginId(fact.id), user_id=user.id, client_id=client_id, name=user.name, at=moment)
    work.uow.add(LOGINS, login)
    return login


def _belongs(work: Work, user: User, client_id: ClientId) -> bool:
    """Whether a user is a contact of this client, in the actor's sight, and has accepted."""
    return is_id(client_id) and bool(
        _memberships(work, user, MEMBERSHIPS.client_id.eq(client_id), *contacts_in_sight(work))
    )


def _memberships(work: Work, user: User, *where: Condition[Membership]) -> tuple[Membership, ...]:
    """Where it is in force or was: a contact that has not accepted shows nothing of its user."""
    return work.uow.find(MEMBERSHIPS, MEMBERSHIPS.user_id.eq(user.id), MEMBERSHIPS.typed.eq(None), *where)
