"""What a stranger may do with an invitation: look at it, and accept it."""

from __future__ import annotations

from functools import partial

import attrs

from clientmgmt._usecases.authorize import authorize
from clientmgmt._usecases.desk import Desk
from clientmgmt._usecases.sessions import enter
from clientmgmt._usecases.signing_in import Known, bounded
from clientmgmt._usecases.steps import Steps, slowly
from clientmgmt._usecases.work import Recorded, Work
from clientmgmt.domain.actors import ClientUser
from clientmgmt.domain.client import Client
from clientmgmt.domain.contacts import contact_state_of
from clientmgmt.domain.events import InvitationAccepted, InvitationExpired
from clientmgmt.domain.form import Form
from clientmgmt.domain.ids import InvitationId
from clientmgmt.domain.passwords import password_violations
from clientmgmt.domain.people import Credential, Invitation, Membership, User
from clientmgmt.domain.results import LinkPassword, LinkView, Session
from clientmgmt.domain.states import CONTACT_LIFECYCLE, ContactTrigger, InvitationState, InvitationTrigger
from clientmgmt.errors import InvalidLinkError, NotFoundError, SignInRefusedError, StaleVersionError
from clientmgmt.ports.collections import (
    CLIENTS,
    CREDENTIALS,
    INVITATIONS,
    MEMBERSHIPS,
    USERS,
)

__all__ = ["accept_invite", "inspect"]

PURPOSE = "invite"


@attrs.frozen(repr=False, eq=False)
class Opened:
    """Whom a link belongs to."""

    invitation: Invitation
    membership: Membership
    user: User
    client: Client


def inspect(desk: Desk, token: str) -> Steps[LinkView]:
    """What a link is for. Changes nothing, so that a scanner that opens mails cannot burn it."""
    return (yield from desk.read(_inspect, _invitation_id(desk, token)))


def accept_invite(desk: Desk, token: str, *, password: str, sign_in: bool) -> Steps[Session | None]:
    """Use a link up: the password becomes the user's, or confirms that it is the user; a first login if asked for.

    Passwords are checked and hashed outside of any unit of work; a refused one uses nothing up. A link that comes
    too late is marked as expired, so that a clock set back does not bring it to life.
    """
    invitation_id = _invitation_id(desk, token)
    try:
        user, known = yield from desk.read(_look, invitation_id)
    except InvalidLinkError:
        user, known = yield from desk.write_aside(_look_or_record, invitation_id)
    rules = desk.wiring.settings(desk.tenant).rules.passwords
    form = Form()
    form.flag("sign_in", sign_in)
    if known is None:
        form.note(password_violations(password, user, rules=rules, is_common=desk.wiring.is_common_password))
    form.check()
    passwords = desk.wiring.passwords
    if known is None:
        hashed = yield from slowly(lambda: passwords.hash(password))
        return (yield from desk.write(_redeem, invitation_id, hashed, sign_in=sign_in))
    if not (yield from slowly(partial(passwords.verify, bounded(password), known.hash))):
        raise SignInRefusedError
    return (yield from desk.write(_redeem, invitation_id, None, sign_in=sign_in))


def _invitation_id(desk: Desk, token: object) -> InvitationId:
    claims = None
    if isinstance(token, str):
        claims = desk.wiring.signer.verify(token, purpose=PURPOSE, tenant=desk.tenant)
    if claims is None:
        raise InvalidLinkError("unknown")
    return InvitationId(claims.subject)


def _open(work: Work, invitation_id: InvitationId, *, lock: bool) -> Opened:
    """Everything behind a link that works; :class:`InvalidLinkError` with the reason if it does not."""
    authorize(work, "entrance")
    try:
        invitation = work.uow.get(INVITATIONS, invitation_id)
        membership = work.uow.get(MEMBERSHIPS, invitation.contact_id)
    except NotFoundError:
        raise InvalidLinkError("removed") from None
    user = work.uow.get(USERS, invitation.user_id, lock=lock)
    client = work.uow.get(CLIENTS, invitation.client_id)
    refusal = invitation.refusal(work.now, email_key=user.email.key)
    if refusal is not None:
        raise refusal
    if user.deactivated_at is not None or membership.suspended_at is not None:
        raise InvalidLinkError("inactive")
    if not client.status.may_sign_in:
        raise InvalidLinkError("client_closed")
    return Opened(invitation, membership, user, client)


def _inspect(work: Work, invitation_id: InvitationId) -> LinkView:
    opened = _open(work, invitation_id, lock=False)
    return LinkView(
        client_name=opened.client.name,
        user_name=opened.user.as_known_to(opened.membership).name,
        email=opened.user.email,
        expires_at=opened.invitation.expires_at,
        password=LinkPassword.CHOOSE if opened.user.credential_at is None else LinkPassword.CONFIRM,
    )


def _look(work: Work, invitation_id: InvitationId) -> tuple[User, Known | None]:
    """Who is about to accept, and the hash that confirms it if there is one."""
    return _known(work, _open(work, invitation_id, lock=False).user)


def _look_or_record(work: Work, invitation_id: InvitationId) -> tuple[User, Known | None]:
    """The same; a refusal because of expiry is put on record."""
    return _known(work, _open_or_record(work, invitation_id).user)


def _known(work: Work, user: User) -> tuple[User, Known | None]:
    if user.credential_at is None:
        return user, None
    return user, Known(user.id, work.uow.get(CREDENTIALS, user.id).hash)


def _open_or_record(work: Work, invitation_id: InvitationId) -> Opened:
    """Like :func:`_open`, with the user locked; a refusal because of expiry is put on record."""
    try:
        return _open(work, invitation_id, lock=True)
    except InvalidLinkError as refusal:
        if refusal.reason == InvitationState.EXPIRED:
            _record_expiry(work, invitation_id)
        raise Recorded(refusal) from None


def _record_expiry(work: Work, invitation_id: InvitationId) -> None:
    invitation = work.uow.get(INVITATIONS, invitation_id)
    if invitation.state is InvitationState.OPEN:
        work.uow.save(INVITATIONS, invitation.close(InvitationTrigger.EXPIRE, at=work.now))
        fact = InvitationExpired(
            stamp=work.stamp(),
            subject=invitation.contact_id,
            client_id=invitation.client_id,
            invitation_id=invitation.id,
        )
        work.record(fact)


def _redeem(work: Work, invitation_id: InvitationId, hashed: str | None, *, sign_in: bool) -> Session | None:
    """Consume the link: of those who try at once, saving the invitation lets one through and sends the rest back.

    ``StaleVersionError`` if the user has got a password by another link since its page was opened.
    """
    opened = _open_or_record(work, invitation_id)
    user, invitation = opened.user, opened.invitation
    if opened.membership.typed is not None:
        user = _introduced(work, opened)
        work.uow.save(MEMBERSHIPS, opened.membership.accept(user))
    work.uow.save(INVITATIONS, invitation.close(InvitationTrigger.ACCEPT, at=work.now))
    if (user.credential_at is None) is (hashed is None):
        raise StaleVersionError
    work.record(
        InvitationAccepted(
            stamp=work.stamp(ClientUser(user.id)),
            subject=opened.membership.id,
            client_id=invitation.client_id,
            invitation_id=invitation.id,
            user_id=user.id,
        )
    )
    if hashed is not None:
        CONTACT_LIFECYCLE.target(contact_state_of(opened.membership, user), ContactTrigger.SET_CREDENTIAL)
        work.uow.add(CREDENTIALS, Credential(id=user.id, hash=hashed, set_at=work.now))
        user = user.set_credential(at=work.now)
    if not sign_in:
        work.uow.save(USERS, user)
        return None
    return enter(work, user, invitation.client_id)


def _introduced(work: Work, opened: Opened) -> User:
    """The user by the name by which it was invited, if nobody has vouched for another one before."""
    user, typed = opened.user, opened.membership.typed
    accepted = (MEMBERSHIPS.user_id.eq(user.id), MEMBERSHIPS.typed.eq(None))
    if typed is None or user.credential_at is not None or work.uow.count(MEMBERSHIPS, *accepted):
        return user
    return user.introduce(typed)
