"""Passwords that users have forgotten: asked for, looked up, mailed a link, and replaced."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from clientmgmt._usecases.account_links import (
    end_all_links,
    end_links,
    link_id_of,
    open_link,
    opened_or_recorded,
    require_room,
)
from clientmgmt._usecases.authorize import authorize
from clientmgmt._usecases.credentials import hash_checked, identity_violations, write_password
from clientmgmt._usecases.desk import Desk
from clientmgmt._usecases.loading import load_user
from clientmgmt._usecases.mailing import queue_for_user, require_links
from clientmgmt._usecases.sessions import open_clients
from clientmgmt._usecases.sight import authorize_user
from clientmgmt._usecases.steps import Steps, slowly
from clientmgmt._usecases.throttling import allow_reset
from clientmgmt._usecases.work import Work
from clientmgmt.domain.account_events import ResetRequested
from clientmgmt.domain.email import parse_email
from clientmgmt.domain.events import Stamp
from clientmgmt.domain.ids import AccountLinkId, UserId
from clientmgmt.domain.links import AccountLink, LinkPurpose, QueuedReset
from clientmgmt.domain.mail import MailType
from clientmgmt.domain.passwords import readable_password
from clientmgmt.domain.people import User, UserKind, inactive_violations
from clientmgmt.domain.rules import ResetMode
from clientmgmt.domain.secret import Secret
from clientmgmt.domain.states import InvitationTrigger
from clientmgmt.errors import (
    IllegalTransitionError,
    InvalidInputError,
    NotFoundError,
    Violation,
    refuse,
)
from clientmgmt.ports.collections import ACCOUNT_LINKS, CREDENTIALS, MEMBERSHIPS, QUEUED_RESETS, USERS
from clientmgmt.ports.links import LinkClaims

__all__ = ["complete_reset", "generated_password", "look_up_resets", "request_reset", "start_reset"]

_BATCH = 20
_GENERATED = "generated password"


def request_reset(desk: Desk, email: str) -> Steps[None]:
    """Write down that somebody wants to reset the password of an address: the same work, whoever has it."""
    address, wrong = parse_email(email, field="email")
    refuse(wrong)
    require_links(desk.wiring.settings(desk.tenant), LinkPurpose.RESET)
    yield from allow_reset(desk, address.key)
    yield from desk.write_aside(_queue, address.key)


def start_reset(work: Work, user_id: UserId) -> None:
    """Mail a link to reset its password to a user who was invited at least."""
    user = load_user(work, user_id, lock=True)
    authorize_user(work, "access.start_reset", user)
    if user.kind is not UserKind.CLIENT_USER:
        raise NotFoundError("user")
    refuse(inactive_violations(user))
    refuse(identity_violations(work, user))
    require_links(work.settings, LinkPurpose.RESET)
    if not open_clients(work, user):
        refuse([Violation("client_closed", "has no open client to come in for", "user_id")])
    if user.credential_at is None and not work.uow.count(
        MEMBERSHIPS, MEMBERSHIPS.user_id.eq(user.id), MEMBERSHIPS.invitation_id.present()
    ):
        raise IllegalTransitionError("contact", "pending_invite", "start_reset", ("send_invite",))
    require_room(work, user, LinkPurpose.RESET, field="user_id")
    _send(work, user, work.stamp())


def look_up_resets(desk: Desk) -> Steps[None]:
    """Take the resets that were asked for, some at a time; it ends when there are no more."""
    while (yield from desk.write(_look_up)) == _BATCH:
        pass


def complete_reset(desk: Desk, token: str, *, password: str | None) -> Steps[None]:
    """Use a link up: the user has the password that it chose, or is mailed one that is made now."""
    link_id = link_id_of(desk, token, LinkPurpose.RESET)
    link, user = yield from open_link(desk, link_id)
    mode = desk.wiring.settings(desk.tenant).rules.resets.mode
    if mode is ResetMode.GENERATE_AND_MAIL:
        if password is not None:
            raise InvalidInputError([Violation("not_wanted", "is generated, not chosen, here", "password")])
        made = generated_password(desk, link)
        hashed = yield from slowly(lambda: desk.wiring.passwords.hash(made.reveal()))
    else:
        hashed = yield from hash_checked(desk, user, password)
    yield from desk.write(_redeem, link_id, hashed, mode)


def generated_password(desk: Desk, link: AccountLink) -> Secret:
    """The password that follows from a link: made of it and its key, so that it stands nowhere and stays the same.

    ``LookupError`` if the key is gone.
    """
    claims = LinkClaims(purpose=_GENERATED, tenant=desk.tenant, subject=link.id)
    return readable_password(desk.wiring.signer.sign(claims, key_id=link.key_id))


def _queue(work: Work, email_key: str) -> None:
    authorize(work, "entrance")
    key = AccountLinkId(work.wiring.ids.new())
    reset = QueuedReset(
        id=key, lane=f"reset:{key}", due_at=work.now, email_key=email_key, asked_at=work.now, asked_by=str(work.actor)
    )
    work.uow.add(QUEUED_RESETS, reset)


def _look_up(work: Work) -> int:
    """Mail a link to those users among them who have a password to forget; how many requests were taken.

    Whoever it was that asked learns nothing by it: neither at once, nor by how long this takes.
    """
    rules = work.settings.rules.resets
    asked = work.uow.claim(QUEUED_RESETS, now=work.now, lease=rules.valid, limit=_BATCH)
    if not asked:
        return 0
    require_links(work.settings, LinkPurpose.RESET)
    latest = {reset.email_key: reset for reset in asked if work.now < reset.asked_at + rules.valid}
    for user in _by_email(work, tuple(latest)):
        if _has_forgotten(work, user):
            _send(work, user, attrs.evolve(work.stamp(), actor=latest[user.email.key].asked_by))
    work.uow.remove(QUEUED_RESETS, *(reset.id for reset in asked))
    return len(asked)


def _by_email(work: Work, keys: Sequence[str]) -> Sequence[User]:
    """The clients' users with these addresses, locked."""
    found = work.uow.find(USERS, USERS.email_key.in_(keys), USERS.kind.eq(UserKind.CLIENT_USER)) if keys else ()
    locked = work.uow.get_many(USERS, [user.id for user in found], lock=True) if found else {}
    return [user for user in locked.values() if user.email.key in keys]


def _has_forgotten(work: Work, user: User) -> bool:
    """Whether a user has come in before, with a password, and may still do so."""
    if user.deactivated_at is not None or user.first_login_at is None:
        return False
    return bool(work.uow.get_many(CREDENTIALS, [user.id]) and open_clients(work, user))


def _send(work: Work, user: User, stamp: Stamp) -> None:
    """A new link, in the place of any earlier one, and the mail that carries it."""
    end_links(work, user, InvitationTrigger.SUPERSEDE, purpose=LinkPurpose.RESET)
    rules, key_id = work.settings.rules.resets, work.wiring.signer.key_id
    link = AccountLink.to(user, LinkPurpose.RESET, stamp, key_id=key_id, valid=rules.valid)
    work.uow.add(ACCOUNT_LINKS, link)
    queue_for_user(work, MailType.PASSWORD_RESET, user, link=link)
    work.record(ResetRequested(stamp=stamp, subject=user.id, link_id=link.id, expires_at=link.expires_at))


def _redeem(work: Work, link_id: AccountLinkId, hashed: str, mode: ResetMode) -> None:
    """Consume the link: of those who try at once, saving it lets one through and sends the rest back."""
    link, user = opened_or_recorded(work, link_id)
    link = work.uow.save(ACCOUNT_LINKS, link.close(InvitationTrigger.ACCEPT, at=work.now))
    end_all_links(work, user, but=link.id)
    if mode is ResetMode.CHOOSE:
        changed = write_password(work, user, hashed, itself=True)
        queue_for_user(work, MailType.PASSWORD_CHANGED, changed)
        return
    until = work.now + work.settings.rules.resets.valid
    changed = write_password(work, user, hashed, itself=True, once_until=until)
    queue_for_user(work, MailType.PASSWORD_GENERATED, changed, about=link.id, not_after=until)
