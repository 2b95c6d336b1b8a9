"""Passwords: written for a user by whoever may, and what ends with the old one."""

from __future__ import annotations

from datetime import datetime

import attrs

from clientmgmt._usecases.account_links import end_links
from clientmgmt._usecases.desk import Desk
from clientmgmt._usecases.loading import load_user
from clientmgmt._usecases.mailing import queue_for_user
from clientmgmt._usecases.sight import authorize_user, require_whole
from clientmgmt._usecases.steps import Steps, slowly
from clientmgmt._usecases.work import Work
from clientmgmt.domain.actors import ClientUser
from clientmgmt.domain.form import Form
from clientmgmt.domain.ids import UserId
from clientmgmt.domain.mail import MailType
from clientmgmt.domain.passwords import password_violations
from clientmgmt.domain.people import Credential, User, UserKind, inactive_violations
from clientmgmt.domain.states import InvitationTrigger
from clientmgmt.errors import NotFoundError, Violation, refuse
from clientmgmt.ports.collections import CREDENTIALS, IDENTITIES, USERS

__all__ = ["end_generated_password", "hash_checked", "identity_violations", "set_password", "write_password"]


def set_password(desk: Desk, user_id: UserId, password: str) -> Steps[User]:
    """Give a client's user this password. It is checked and hashed outside of any unit of work."""
    user = yield from desk.read(_editable, user_id)
    hashed = yield from hash_checked(desk, user, password)
    return (yield from desk.write(_set, user_id, hashed))


def hash_checked(desk: Desk, user: User, password: str | None, form: Form | None = None) -> Steps[str]:
    """The hash of a new password of ``user``; a refusal if the rules do not allow it, or the rest of ``form``."""
    rules = desk.wiring.settings(desk.tenant).rules.passwords
    form = form or Form()
    form.note(password_violations(password, user, rules=rules, is_common=desk.wiring.is_common_password))
    form.check()
    chosen = str(password)
    return (yield from slowly(lambda: desk.wiring.passwords.hash(chosen)))


def write_password(
    work: Work, user: User, hashed: str, *, itself: bool = False, once_until: datetime | None = None
) -> User:
    """Write a user's new password hash: its sessions end, and what could change the account without it.

    Args:
        work: the unit of work, in which the user is locked.
        user: whose password it is.
        hashed: the hash.
        itself: whether it is the user who does it.
        once_until: for a password that was generated, and has to be replaced after one sign-in before then.
    """
    known = work.uow.get_many(CREDENTIALS, [user.id]).get(user.id)
    if known is None:
        work.uow.add(CREDENTIALS, Credential(id=user.id, hash=hashed, set_at=work.now, once_until=once_until))
    else:
        work.uow.save(CREDENTIALS, attrs.evolve(known, hash=hashed, set_at=work.now, once_until=once_until))
    end_links(work, user, InvitationTrigger.REVOKE)
    who = work.stamp(ClientUser(user.id)) if itself else work.stamp()
    changed, fact = user.change_password(who, must_change=once_until is not None)
    work.record(fact)
    return work.uow.save(USERS, changed)


def _editable(work: Work, user_id: UserId, *, lock: bool = False) -> User:
    user = load_user(work, user_id, lock=lock)
    authorize_user(work, "access.set_password", user)
    require_whole(work, user, "access.set_password")
    if user.kind is not UserKind.CLIENT_USER:
        raise NotFoundError("user")
    refuse(inactive_violations(user))
    refuse(identity_violations(work, user))
    return user


def end_generated_password(work: Work, user: User) -> None:
    """A generated password that was mailed to a user is good no more."""
    known = work.uow.get_many(CREDENTIALS, [user.id]).get(user.id)
    if known is not None and known != known.use():
        work.uow.save(CREDENTIALS, known.use())


def identity_violations(work: Work, user: User) -> tuple[Violation, ...]:
    """Why a user cannot have a password: it signs in with an external identity."""
    if not work.uow.get_many(IDENTITIES, [user.id]):
        return ()
    return (Violation("not_eligible", "signs in with an external identity and has no password", "user_id"),)


def _set(work: Work, user_id: UserId, hashed: str) -> User:
    user = write_password(work, _editable(work, user_id, lock=True), hashed)
    queue_for_user(work, MailType.PASSWORD_CHANGED, user)
    return user
