"""Sessions: who has come in, until the end of it."""

from __future__ import annotations

from clientmgmt._usecases.authorize import authorize
from clientmgmt._usecases.work import Work
from clientmgmt.domain.actors import ClientUser
from clientmgmt.domain.ids import ClientId, LoginId, SessionId
from clientmgmt.domain.people import LoginEvent, User
from clientmgmt.domain.results import Session
from clientmgmt.domain.sessions import OpenSession, begin_session
from clientmgmt.errors import PasswordChangeRequiredError, SignInRefusedError
from clientmgmt.ports.collections import CLIENT_MEMBERSHIPS, LOGINS, MEMBERSHIPS, SESSIONS, USERS
from clientmgmt.ports.links import LinkClaims

__all__ = ["begin", "enter", "holder", "identify", "open_clients", "sign_out"]

_PURPOSE = "session"


def enter(work: Work, user: User, *, client_id: ClientId | None) -> Session:
    """Record a login and begin a session; ``SignInRefusedError`` if there is nowhere to come in."""
    clients = open_clients(work, user)
    if not clients or (client_id is not None and client_id not in clients):
        raise SignInRefusedError
    changed, fact = user.record_login(
        work.stamp(ClientUser(user.id)), client_id=client_id, origin=getattr(work.actor, "origin", "")
    )
    work.uow.save(USERS, changed)
    login = LoginEvent(id=LoginId(fact.id), user_id=user.id, client_id=client_id, name=user.name, at=work.now)
    work.uow.add(LOGINS, login)
    work.record(fact)
    return begin(work, changed, client_id, clients)


def begin(work: Work, user: User, client_id: ClientId | None, clients: tuple[ClientId, ...]) -> Session:
    """A new session of a user, for one of its clients or all."""
    session = begin_session(
        SessionId(work.wiring.ids.new()), user, client_id, rules=work.settings.rules.sessions, now=work.now
    )
    work.uow.add(SESSIONS, session)
    signer = work.wiring.signer
    claims = LinkClaims(purpose=_PURPOSE, tenant=work.tenant, subject=session.id)
    return Session(
        token=signer.sign(claims, key_id=signer.key_id),
        actor=ClientUser(user.id, client_id=client_id, epoch=user.epoch),
        clients=clients,
        expires_at=session.expires_at,
        must_change=user.must_change,
    )


def identify(work: Work, token: str) -> ClientUser:
    """Who has signed in and holds this token. Every refusal is the same error."""
    actor, user = holder(work, token)
    if user.must_change:
        raise PasswordChangeRequiredError
    return actor


def holder(work: Work, token: str, *, lock: bool = False) -> tuple[ClientUser, User]:
    """Who has signed in and holds this token, whatever it has to do first."""
    authorize(work, "entrance")
    session, user = _session(work, token, lock=lock)
    actor = session.actor_at(work.now, user)
    clients = open_clients(work, user)
    if actor is None or not clients or (actor.client_id is not None and actor.client_id not in clients):
        raise SignInRefusedError
    return actor, user


def sign_out(work: Work, token: str) -> None:
    """End the session that this token is of; nothing if there is none."""
    authorize(work, "entrance")
    try:
        session, _ = _session(work, token)
    except SignInRefusedError:
        return
    work.uow.remove(SESSIONS, session.id)


def _session(work: Work, token: object, *, lock: bool = False) -> tuple[OpenSession, User]:
    claims = None
    if isinstance(token, str):
        claims = work.wiring.signer.verify(token, purpose=_PURPOSE, tenant=work.tenant)
    found = {} if claims is None else work.uow.get_many(SESSIONS, [claims.subject])
    if claims is None or not found:
        raise SignInRefusedError
    session = found[claims.subject]
    return session, work.uow.get(USERS, session.user_id, lock=lock)


def open_clients(work: Work, user: User) -> tuple[ClientId, ...]:
    """The clients for which a user may come in: those that are open, where it has accepted and is not suspended."""
    in_force = (MEMBERSHIPS.user_id.eq(user.id), MEMBERSHIPS.suspended_at.eq(None), MEMBERSHIPS.typed.eq(None))
    rows = work.uow.find(CLIENT_MEMBERSHIPS, *in_force)
    return tuple(client.id for _, client in rows if client.status.may_sign_in)
