"""Users who change their own passwords."""

from __future__ import annotations

from functools import partial

from clientmgmt._usecases.credentials import hash_checked, write_password
from clientmgmt._usecases.desk import Desk
from clientmgmt._usecases.mailing import queue_for_user
from clientmgmt._usecases.sessions import begin, holder, open_clients
from clientmgmt._usecases.signing_in import confirm
from clientmgmt._usecases.steps import Steps, slowly
from clientmgmt._usecases.work import Work
from clientmgmt.domain.mail import MailType
from clientmgmt.domain.people import Credential, User
from clientmgmt.domain.results import Session
from clientmgmt.errors import InvalidInputError, SignInRefusedError, Violation
from clientmgmt.ports.collections import CREDENTIALS

__all__ = ["change_password"]


def change_password(desk: Desk, session_token: str, *, password: str, current: str | None) -> Steps[Session]:
    """Replace the password of whoever holds this session; all its sessions end, and a new one begins.

    Who came in with a password that was generated has just proven it, everybody else does so again.
    """
    user, credential = yield from desk.read(_holder, session_token)
    if not user.must_change:
        yield from confirm(desk, user, credential, current)
    hashed = yield from hash_checked(desk, user, password)
    if user.must_change and (yield from slowly(partial(desk.wiring.passwords.verify, password, credential.hash))):
        raise InvalidInputError([Violation("unchanged", "must be another one than that which was mailed", "password")])
    return (yield from desk.write(_change, session_token, hashed))


def _holder(work: Work, session_token: str) -> tuple[User, Credential]:
    _, user = holder(work, session_token)
    known = work.uow.get_many(CREDENTIALS, [user.id])
    if not known:
        raise SignInRefusedError
    return user, known[user.id]


def _change(work: Work, session_token: str, hashed: str) -> Session:
    """Write the new password: had there been another one meanwhile, this session would have ended with the old."""
    actor, user = holder(work, session_token, lock=True)
    changed = write_password(work, user, hashed, itself=True)
    queue_for_user(work, MailType.PASSWORD_CHANGED, changed)
    return begin(work, changed, actor.client_id, open_clients(work, changed))
