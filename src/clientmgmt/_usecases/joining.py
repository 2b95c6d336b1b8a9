"""Joining: a person becomes a contact of a client, known to the tenant before or not."""

from __future__ import annotations

from collections.abc import Callable

from clientmgmt._usecases.mailing import open_invitation, queue_added, queue_invitations
from clientmgmt._usecases.scopes import write_scope
from clientmgmt._usecases.sight import shown
from clientmgmt._usecases.work import Work
from clientmgmt.domain.actors import ClientUser
from clientmgmt.domain.client import Client
from clientmgmt.domain.contacts import Contact, contact_state_of
from clientmgmt.domain.email import Email
from clientmgmt.domain.form import Form
from clientmgmt.domain.joining import NewPerson, joined, joining_violations, new_user, typed_as
from clientmgmt.domain.mail import MailStatus
from clientmgmt.domain.people import Typed, User, UserKind, inactive_violations
from clientmgmt.domain.states import ContactState
from clientmgmt.errors import TransactionConflictError
from clientmgmt.ports.collections import MEMBERSHIPS, USERS

__all__ = ["join", "user_with", "vouched"]


def join(
    work: Work,
    client: Client,
    person: NewPerson,
    form: Form,
    *,
    invite: bool = False,
    strict: bool = False,
    field: str = "email",
) -> Contact:
    """Make a person a contact of a client: a user whom the tenant knows by this e-mail, or a new one.

    What stands against it is noted in ``form``, under the name of the ``field`` of the e-mail, and refused.
    """
    known, is_new = user_with(work, person, form.check)
    if is_new:
        return _enter(work, client, person, known, invite=invite)
    is_member = _is_member(work, client, known)
    form.note(joining_violations(known, is_member=is_member, strict=strict, told=_told(work), field=field))
    form.note(inactive_violations(known) if invite and _told(work) else ())
    form.check()
    return _enter(work, client, person, vouched(work, person, known), invite=invite)


def user_with(work: Work, person: NewPerson | Typed, check: Callable[[], None]) -> tuple[User, bool]:
    """The user with a person's address, locked; or a new one, after a last ``check``. Whether it is new.

    ``TransactionConflictError`` if the address comes and goes meanwhile.
    """
    known = _known_by(work, person.email)
    if known is not None:
        return known, False
    check()
    fresh = new_user(person, work.stamp())
    if work.uow.add_if_absent(USERS, fresh):
        return fresh, True
    known = _known_by(work, person.email)
    if known is None:
        message = "the e-mail address was taken for a moment"
        raise TransactionConflictError(message)
    return known, False


def _known_by(work: Work, email: Email) -> User | None:
    """Whoever has this address still when the lock is had."""
    found = work.uow.find(USERS, USERS.email_key.eq(email.key)) if email.key else ()
    users = work.uow.get_many(USERS, [user.id for user in found], lock=True).values() if found else ()
    return next((user for user in users if user.email.key == email.key), None)


def vouched(work: Work, person: NewPerson, known: User) -> User:
    """A user whom nobody has vouched for but clients that have typed it in, by the name that staff knows it by."""
    if isinstance(work.actor, ClientUser) or known.credential_at is not None or known.kind is not UserKind.CLIENT_USER:
        return known
    introduced = known.introduce(typed_as(person))
    in_force = (MEMBERSHIPS.user_id.eq(known.id), MEMBERSHIPS.typed.eq(None))
    if introduced == known or work.uow.count(MEMBERSHIPS, *in_force):
        return known
    return work.uow.save(USERS, introduced)


def _is_member(work: Work, client: Client, user: User) -> bool:
    return work.uow.count(MEMBERSHIPS, MEMBERSHIPS.client_id.eq(client.id), MEMBERSHIPS.user_id.eq(user.id)) > 0


def _enter(work: Work, client: Client, person: NewPerson, user: User, *, invite: bool) -> Contact:
    """Write the membership, and what tells the person about it: an invitation, or a notice if it has a password."""
    membership, fact = joined(person, user, client.id, work.stamp(), accepts=not _told(work))
    work.record(fact)
    if not invite or contact_state_of(membership, user) is ContactState.ACTIVE:
        work.uow.add(MEMBERSHIPS, membership)
        write_scope(work, membership, person.scope, is_new=True)
        if user.credential_at is not None and membership.typed is None:
            queue_added(work, membership)
        return shown(work, Contact.of(membership, user, now=work.now, invitation=None, mail=None, scope=person.scope))
    invited, invitation = open_invitation(work, membership, user, None)
    work.uow.add(MEMBERSHIPS, invited)
    write_scope(work, invited, person.scope, is_new=True)
    mail = MailStatus.of(queue_invitations(work, [invitation])[0])
    return shown(work, Contact.of(invited, user, now=work.now, invitation=invitation, mail=mail, scope=person.scope))


def _told(work: Work) -> bool:
    """Whether the actor may learn who is known in the tenant, and have people join without asking them."""
    return not isinstance(work.actor, ClientUser)
