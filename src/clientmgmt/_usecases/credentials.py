"""Passwords that staff set."""

from __future__ import annotations

import attrs

from clientmgmt._usecases.desk import Desk
from clientmgmt._usecases.loading import load_user
from clientmgmt._usecases.mailing import queue_password_changed
from clientmgmt._usecases.sight import authorize_user
from clientmgmt._usecases.steps import Steps, slowly
from clientmgmt._usecases.work import Work
from clientmgmt.domain.form import Form
from clientmgmt.domain.ids import UserId
from clientmgmt.domain.passwords import password_violations
from clientmgmt.domain.people import Credential, User, UserKind, inactive_violations
from clientmgmt.errors import NotFoundError, refuse
from clientmgmt.ports.collections import CREDENTIALS, MEMBERSHIPS, USERS

__all__ = ["set_password"]


def set_password(desk: Desk, user_id: UserId, password: str) -> Steps[User]:
    """Give a client's user this password. It is checked and hashed outside of any unit of work."""
    user = yield from desk.read(_editable, user_id)
    rules = desk.wiring.settings(desk.tenant).rules.passwords
    form = Form()
    form.note(password_violations(password, user, rules=rules, is_common=desk.wiring.is_common_password))
    form.check()
    hashed = yield from slowly(lambda: desk.wiring.passwords.hash(password))
    return (yield from desk.write(_write, user_id, hashed))


def _editable(work: Work, user_id: UserId, *, lock: bool = False) -> User:
    user = load_user(work, user_id, lock=lock)
    authorize_user(work, "access.set_password", user)
    if user.kind is not UserKind.CLIENT_USER:
        raise NotFoundError("user")
    refuse(inactive_violations(user))
    return user


def _write(work: Work, user_id: UserId, hashed: str) -> User:
    user = _editable(work, user_id, lock=True)
    known = work.uow.get_many(CREDENTIALS, [user.id]).get(user.id)
    if known is None:
        work.uow.add(CREDENTIALS, Credential(id=user.id, hash=hashed, set_at=work.now))
    else:
        work.uow.save(CREDENTIALS, attrs.evolve(known, hash=hashed, set_at=work.now))
    changed, fact = user.change_password(work.stamp())
    work.record(fact)
    clients = [membership.client_id for membership in work.uow.find(MEMBERSHIPS, MEMBERSHIPS.user_id.eq(user.id))]
    if clients:
        queue_password_changed(work, user, clients[0])
    return work.uow.save(USERS, changed)
