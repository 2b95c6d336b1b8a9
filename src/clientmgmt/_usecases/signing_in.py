"""Signing in with a password, or with an identity that the host has checked."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeVar, cast

import attrs

from clientmgmt._usecases.authorize import authorize
from clientmgmt._usecases.desk import Desk
from clientmgmt._usecases.loading import is_id
from clientmgmt._usecases.sessions import enter, open_clients
from clientmgmt._usecases.steps import Steps, slowly
from clientmgmt._usecases.throttling import allow_password, give_back
from clientmgmt._usecases.work import Recorded, Wiring, Work, named
from clientmgmt.domain.audit import AuditEntry
from clientmgmt.domain.email import parse_email
from clientmgmt.domain.form import Form
from clientmgmt.domain.identity import Identity, read_identity
from clientmgmt.domain.ids import AuditEntryId, ClientId, UserId
from clientmgmt.domain.people import Credential, User, UserKind
from clientmgmt.domain.results import Session
from clientmgmt.domain.rules import LONGEST_PASSWORD
from clientmgmt.errors import NotFoundError, SignInRefusedError
from clientmgmt.ports.collections import AUDIT, CREDENTIALS, IDENTITIES, USER_CREDENTIALS, USERS

__all__ = ["check_password", "confirm", "sign_in", "sign_in_trusted"]

R = TypeVar("R")

_TRIES = 3


def sign_in(desk: Desk, email: str, password: str, *, client_id: ClientId | None) -> Steps[Session]:
    """Check a password and record the login. Every refusal is the same error after the same work."""
    return (yield from _with_password(desk, email, password, partial(enter, client_id=client_id)))


def check_password(desk: Desk, email: str, password: str) -> Steps[UserId]:
    """Check a password and say whose it is; the login is recorded when the host has checked the rest."""
    return (yield from _with_password(desk, email, password, _may_come_in))


def sign_in_trusted(work: Work, who: UserId | Identity, *, client_id: ClientId | None) -> Session:
    """Record the login of a user whose identity the host has checked."""
    return enter(work, _signing_in(work, _user_id(work, who)), client_id=client_id)


def confirm(desk: Desk, user: User, credential: Credential | None, password: object) -> Steps[None]:
    """Check that a user knows its password; ``SignInRefusedError`` if not, which is counted and put on record."""
    taken = yield from allow_password(desk, user.email.key)
    hashed, _ = yield from slowly(partial(_verified, desk.wiring, _bounded(password), credential))
    if hashed is None:
        yield from desk.write_aside(_record_refusal, credential)
        raise SignInRefusedError
    yield from give_back(desk, taken)


def _with_password(desk: Desk, email: str, password: str, then: Callable[[Work, User], R]) -> Steps[R]:
    """Check a password and do what is done with its user, in the unit of work that finds it unchanged."""
    key, given = parse_email(email, field="email")[0].key, _bounded(password)
    taken = yield from allow_password(desk, key)
    known: Credential | None = None
    for _ in range(_TRIES):
        known = yield from desk.read(_known_by_email, key)
        hashed, better = yield from slowly(partial(_verified, desk.wiring, given, known))
        if hashed is None or known is None:
            break
        try:
            done = yield from desk.write(_use, known.id, then, confirmed=hashed, better=better)
        except SignInRefusedError:
            break
        if done is not None:
            yield from give_back(desk, taken)
            return done
    yield from desk.write_aside(_record_refusal, known)
    raise SignInRefusedError


def _verified(wiring: Wiring, password: str, known: Credential | None) -> tuple[str | None, str | None]:
    """The hash that the password matches, and a better one if that is outdated; as slow without a user."""
    hashed = wiring.decoy() if known is None else known.hash
    if not wiring.passwords.verify(password, hashed):
        return None, None
    return hashed, wiring.passwords.hash(password) if wiring.passwords.outdated(hashed) else None


def _bounded(password: object) -> str:
    """The password, or none that could match: what is longer than any rule is not hashed."""
    return password if isinstance(password, str) and len(password) <= LONGEST_PASSWORD else ""


def _known_by_email(work: Work, key: str) -> Credential | None:
    """The credential of whoever has this address: by one question, whether there is anything to find or not."""
    authorize(work, "entrance")
    found = work.uow.find(USER_CREDENTIALS, USERS.email_key.eq(key), USERS.kind.eq(UserKind.CLIENT_USER))
    return next((credential for credential, _ in found), None)


def _use(
    work: Work, user_id: UserId, then: Callable[[Work, User], R], *, confirmed: str, better: str | None
) -> R | None:
    """Use a password; ``None`` if the hash is no longer the ``confirmed`` one that it has matched."""
    user = _signing_in(work, user_id)
    credential = work.uow.get_many(CREDENTIALS, [user.id]).get(user.id)
    if credential is None or credential.hash != confirmed:
        return None
    if credential.is_over(work.now):
        if credential != credential.use():
            work.uow.save(CREDENTIALS, credential.use())
        raise Recorded(SignInRefusedError())
    used = attrs.evolve(credential.use(), hash=better or confirmed)
    if used != credential:
        work.uow.save(CREDENTIALS, used)
    return then(work, user)


def _may_come_in(work: Work, user: User) -> UserId:
    if not open_clients(work, user):
        raise SignInRefusedError
    return user.id


def _record_refusal(work: Work, known: Credential | None) -> None:
    """Put on record that somebody was refused, and who it claimed to be if that is anybody."""
    actor, _ = named(work.actor)
    entry = AuditEntry(
        id=AuditEntryId(work.wiring.ids.new()),
        at=work.now,
        actor=actor,
        action="sign_in_refused",
        client_id=None,
        subject=None if known is None else known.id,
        new={"origin": getattr(work.actor, "origin", "")},
    )
    work.uow.add(AUDIT, entry)


def _user_id(work: Work, who: object) -> UserId:
    """The user with this id, or with this external identity."""
    if not isinstance(who, Identity):
        return cast("UserId", who)
    if read_identity(Form(), who) is None:
        raise SignInRefusedError
    found = work.uow.find(IDENTITIES, IDENTITIES.issuer.eq(who.issuer), IDENTITIES.subject.eq(who.subject))
    if not found:
        raise SignInRefusedError
    return found[0].id


def _signing_in(work: Work, user_id: UserId) -> User:
    """A user that may sign in, locked; ``SignInRefusedError`` if it may not."""
    authorize(work, "entrance")
    if not is_id(user_id):
        raise SignInRefusedError
    try:
        user = work.uow.get(USERS, user_id, lock=True)
    except NotFoundError:
        raise SignInRefusedError from None
    if user.credential_at is None or user.deactivated_at is not None:
        raise SignInRefusedError
    return user
