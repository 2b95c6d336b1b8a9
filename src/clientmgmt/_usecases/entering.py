"""What a stranger may do with an invitation: accept it."""

from __future__ import annotations

import attrs

from clientmgmt._usecases.account_links import end_links
from clientmgmt._usecases.authorize import authorize
from clientmgmt._usecases.credentials import hash_checked
from clientmgmt._usecases.desk import Desk
from clientmgmt._usecases.sessions import enter
from clientmgmt._usecases.signing_in import confirm
from clientmgmt._usecases.steps import Steps
from clientmgmt._usecases.work import Recorded, Work
from clientmgmt.domain.actors import ClientUser
from clientmgmt.domain.client import Client
from clientmgmt.domain.contacts import contact_state_of
from clientmgmt.domain.events import InvitationAccepted, InvitationExpired
from clientmgmt.domain.form import Form
from clientmgmt.domain.identity import Identity, LinkedIdentity, read_identity
from clientmgmt.domain.ids import InvitationId
from clientmgmt.domain.links import Invitation
from clientmgmt.domain.people import Credential, Membership, User
from clientmgmt.domain.results import Session
from clientmgmt.domain.states import CONTACT_LIFECYCLE, ContactTrigger, InvitationState, InvitationTrigger
from clientmgmt.errors import (
    InvalidLinkError,
    NotFoundError,
    SignInRefusedError,
    StaleVersionError,
    Violation,
    refusal,
)
from clientmgmt.ports.collections import (
    CLIENTS,
    CREDENTIALS,
    IDENTITIES,
    INVITATIONS,
    MEMBERSHIPS,
    USERS,
)

__all__ = ["Opened", "accept_invite", "opened_invitation", "prove"]

PURPOSE = "invite"


@attrs.frozen(repr=False, eq=False)
class Opened:
    """Whom a link belongs to."""

    invitation: Invitation
    membership: Membership
    user: User
    client: Client


Known = Credential | LinkedIdentity
First = str | Identity | None
"""What a user shall prove from now on who it is with: the hash of a password, an identity, or what it has already."""


def prove(
    desk: Desk, token: str, *, password: str | None, identity: Identity | None, sign_in: bool
) -> Steps[tuple[InvitationId, First]]:
    """Check what a stranger brings to an invitation: the password, or the identity that the host vouches for.

    Passwords are checked and hashed outside of any unit of work; a refused one uses nothing up. A link that comes
    too late is marked as expired, so that a clock set back does not bring it to life.
    """
    invitation_id = _invitation_id(desk, token)
    try:
        user, known = yield from desk.read(_look, invitation_id)
    except InvalidLinkError:
        user, known = yield from desk.write(_look_or_record, invitation_id)
    form = Form()
    form.flag("sign_in", sign_in)
    proven = None if identity is None else read_identity(form, identity)
    if proven is not None and password is not None:
        form.note([Violation("contradiction", "must not be given besides a password", "identity")])
    first: First = proven
    if known is None and identity is None:
        first = yield from hash_checked(desk, user, password, form)
    form.check()
    if known is not None:
        yield from _confirmed(desk, user, known, password, proven)
        first = None
    return invitation_id, first


def _confirmed(desk: Desk, user: User, known: Known, password: str | None, proven: Identity | None) -> Steps[None]:
    """Check that it is the user who accepts; ``SignInRefusedError`` if not."""
    if isinstance(known, LinkedIdentity):
        if proven != Identity(known.issuer, known.subject):
            raise SignInRefusedError
    elif user.must_change or proven is not None:
        raise SignInRefusedError
    else:
        yield from confirm(desk, user, known, password)


def _invitation_id(desk: Desk, token: object) -> InvitationId:
    claims = None
    if isinstance(token, str):
        claims = desk.wiring.signer.verify(token, purpose=PURPOSE, tenant=desk.tenant)
    if claims is None:
        raise InvalidLinkError("unknown")
    return InvitationId(claims.subject)


def opened_invitation(work: Work, invitation_id: InvitationId, *, lock: bool = False) -> Opened:
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


def _look(work: Work, invitation_id: InvitationId) -> tuple[User, Known | None]:
    """Who is about to accept, and the credential that confirms it if there is one."""
    return _known(work, opened_invitation(work, invitation_id).user)


def _look_or_record(work: Work, invitation_id: InvitationId) -> tuple[User, Known | None]:
    """The same; a refusal because of expiry is put on record."""
    return _known(work, _open_or_record(work, invitation_id).user)


def _known(work: Work, user: User) -> tuple[User, Known | None]:
    if user.credential_at is None:
        return user, None
    found: Known | None = work.uow.get_many(CREDENTIALS, [user.id]).get(user.id)
    return user, found or work.uow.get(IDENTITIES, user.id)


def _open_or_record(work: Work, invitation_id: InvitationId) -> Opened:
    """Like :func:`opened_invitation`, with the user locked; a refusal because of expiry is put on record."""
    try:
        return opened_invitation(work, invitation_id, lock=True)
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


def accept_invite(work: Work, invitation_id: InvitationId, first: First, *, sign_in: bool) -> Session | None:
    """Use a link up: what was proven becomes the user's, or has confirmed who it is; a first login if asked for.

    Of those who try at once, saving the invitation lets one through and sends the rest back. ``StaleVersionError`` if
    the user has got a password by another link since its page was opened.
    """
    opened = _open_or_record(work, invitation_id)
    user, invitation = opened.user, opened.invitation
    if opened.membership.typed is not None:
        user = _introduced(work, opened)
        work.uow.save(MEMBERSHIPS, opened.membership.accept(user))
    work.uow.save(INVITATIONS, invitation.close(InvitationTrigger.ACCEPT, at=work.now))
    if (user.credential_at is None) is (first is None):
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
    if first is not None:
        CONTACT_LIFECYCLE.target(contact_state_of(opened.membership, user), ContactTrigger.SET_CREDENTIAL)
        user = _write_first(work, user, first)
    if not sign_in:
        work.uow.save(USERS, user)
        return None
    return enter(work, user, client_id=invitation.client_id)


def _write_first(work: Work, user: User, first: str | Identity) -> User:
    """The user with its first credential; a link that would replace it is dead."""
    if isinstance(first, Identity):
        same = (IDENTITIES.issuer.eq(first.issuer), IDENTITIES.subject.eq(first.subject))
        if work.uow.count(IDENTITIES, *same):
            raise refusal([Violation("duplicate_identity", "belongs to another user", "identity")])
        named = {"issuer": first.issuer, "subject": first.subject}
        work.uow.add(IDENTITIES, LinkedIdentity(id=user.id, **named, set_at=work.now))
    else:
        work.uow.add(CREDENTIALS, Credential(id=user.id, hash=first, set_at=work.now))
    end_links(work, user, InvitationTrigger.REVOKE)
    return user.set_credential(at=work.now)


def _introduced(work: Work, opened: Opened) -> User:
    """The user by the name by which it was invited, if nobody has vouched for another one before."""
    user, typed = opened.user, opened.membership.typed
    accepted = (MEMBERSHIPS.user_id.eq(user.id), MEMBERSHIPS.typed.eq(None))
    if typed is None or user.credential_at is not None or work.uow.count(MEMBERSHIPS, *accepted):
        return user
    return user.introduce(typed)
