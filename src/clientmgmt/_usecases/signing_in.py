"""Signing in with a password, or with an identity that the host has checked."""

from __future__ import annotations

from functools import partial

import attrs

from clientmgmt._usecases.authorize import authorize
from clientmgmt._usecases.desk import Desk
from clientmgmt._usecases.loading import is_id
from clientmgmt._usecases.sessions import enter
from clientmgmt._usecases.steps import Steps, slowly
from clientmgmt._usecases.work import Wiring, Work
from clientmgmt.domain.email import parse_email
from clientmgmt.domain.ids import ClientId, UserId
from clientmgmt.domain.people import Credential, User, UserKind
from clientmgmt.domain.results import Session
from clientmgmt.domain.rules import LONGEST_PASSWORD
from clientmgmt.errors import NotFoundError, SignInRefusedError
from clientmgmt.ports.collections import CREDENTIALS, USERS

__all__ = ["Known", "bounded", "sign_in", "sign_in_trusted"]

_TRIES = 3


@attrs.frozen(repr=False, eq=False)
class Known:
    """A user that has a password, and its hash."""

    user_id: UserId
    hash: str = attrs.field(repr=False)


def sign_in(desk: Desk, email: str, password: str, *, client_id: ClientId | None) -> Steps[Session]:
    """Check a password and record the login. Every refusal is the same error after the same work."""
    key, given = parse_email(email, field="email")[0].key, bounded(password)
    for _ in range(_TRIES):
        known = yield from desk.read(_known_by_email, key)
        hashed, better = yield from slowly(partial(_verified, desk.wiring, given, known))
        if hashed is None or known is None:
            raise SignInRefusedError
        session = yield from desk.write(_record_login, known.user_id, client_id, confirmed=hashed, better=better)
        if session is not None:
            return session
    raise SignInRefusedError


def sign_in_trusted(work: Work, user_id: UserId, *, client_id: ClientId | None) -> Session:
    """Record the login of a user whose identity the host has checked."""
    _, user = _signing_in(work, user_id)
    return enter(work, user, client_id)


def _verified(wiring: Wiring, password: str, known: Known | None) -> tuple[str | None, str | None]:
    """The hash that the password matches, and a better one if that is outdated; as slow without a user."""
    hashed = wiring.decoy() if known is None else known.hash
    if not wiring.passwords.verify(password, hashed):
        return None, None
    return hashed, wiring.passwords.hash(password) if wiring.passwords.outdated(hashed) else None


def bounded(password: object) -> str:
    """The password, or none that could match: what is longer than any rule is not hashed."""
    return password if isinstance(password, str) and len(password) <= LONGEST_PASSWORD else ""


def _known_by_email(work: Work, key: str) -> Known | None:
    authorize(work, "entrance")
    found = work.uow.find(USERS, USERS.email_key.eq(key), USERS.kind.eq(UserKind.CLIENT_USER))
    hashes = work.uow.get_many(CREDENTIALS, [user.id for user in found])
    return next((Known(UserId(key), credential.hash) for key, credential in hashes.items()), None)


def _record_login(
    work: Work, user_id: UserId, client_id: ClientId | None, *, confirmed: str, better: str | None
) -> Session | None:
    """Record the login; ``None`` if the hash is no longer the ``confirmed`` one that the password has matched."""
    credential, user = _signing_in(work, user_id)
    if credential.hash != confirmed:
        return None
    if better is not None:
        work.uow.save(CREDENTIALS, attrs.evolve(credential, hash=better))
    return enter(work, user, client_id)


def _signing_in(work: Work, user_id: UserId) -> tuple[Credential, User]:
    """A user that may sign in, locked, and its credential; ``SignInRefusedError`` if it may not."""
    authorize(work, "entrance")
    if not is_id(user_id):
        raise SignInRefusedError
    try:
        user = work.uow.get(USERS, user_id, lock=True)
        credential = work.uow.get(CREDENTIALS, user_id)
    except NotFoundError:
        raise SignInRefusedError from None
    if user.deactivated_at is not None:
        raise SignInRefusedError
    return credential, user
