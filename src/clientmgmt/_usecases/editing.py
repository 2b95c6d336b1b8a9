"""Editing contacts: what belongs to the membership, and what belongs to the person."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import attrs

from clientmgmt._usecases.addresses import change_email, email_violations, request_email
from clientmgmt._usecases.authorize import require_right
from clientmgmt._usecases.climbing import require_manageable
from clientmgmt._usecases.joining import user_with
from clientmgmt._usecases.loading import Person, load_person
from clientmgmt._usecases.mailing import end_invitation
from clientmgmt._usecases.sight import require_whole
from clientmgmt._usecases.standing import actor_standings
from clientmgmt._usecases.views import view_contact
from clientmgmt._usecases.work import Work
from clientmgmt.domain.actors import ClientUser
from clientmgmt.domain.contacts import Contact
from clientmgmt.domain.email import Email
from clientmgmt.domain.events import ContactUpdated
from clientmgmt.domain.form import Form
from clientmgmt.domain.ids import ClientId, ContactId
from clientmgmt.domain.joining import joining_violations
from clientmgmt.domain.operations import OPERATIONS
from clientmgmt.domain.people import Membership, Typed, User, full_name
from clientmgmt.domain.states import InvitationTrigger
from clientmgmt.domain.text import name_key
from clientmgmt.domain.unset import UNSET
from clientmgmt.errors import SharedProfileError, refuse
from clientmgmt.ports.collections import MEMBERSHIPS, USERS

__all__ = ["update_contact"]

_OTHERS = OPERATIONS["contacts.update others"]
_OF_THE_PERSON = frozenset({"first_name", "last_name", "email", "phone"})


@attrs.frozen(kw_only=True, repr=False)
class Fields:
    """What can be edited of a contact."""

    first_name: str
    last_name: str
    email: Email
    phone: str | None
    job_title: str | None

    @property
    def name_key(self) -> str:
        """What the name is ordered by."""
        return name_key(f"{self.last_name} {self.first_name}")

    def differs_in(self, other: Fields) -> tuple[str, ...]:
        """The names of the fields in which it differs."""
        names = (field.name for field in attrs.fields(Fields))
        return tuple(name for name in names if getattr(self, name) != getattr(other, name))


def update_contact(
    work: Work, contact_id: ContactId, given: Mapping[str, object], *, expected_version: int | None
) -> Contact:
    """Change the fields that are given; nothing is written if that changes nothing."""
    person = load_person(work, contact_id, "contacts.update")
    named = {name for name, value in given.items() if value is not UNSET}
    itself = _require_editable(work, person, named)
    form = Form()
    form.version(person.membership.version, expected_version)
    known = _fields(person)
    fields = attrs.evolve(known, **_read(form, {name: given[name] for name in named}))
    form.check()
    if itself and fields.email != known.email:
        request_email(work, person.user, fields.email)
        fields = attrs.evolve(fields, email=known.email)
    changed = fields.differs_in(known)
    if not changed:
        return view_contact(work, person.membership, person.user)
    written = _write(work, person, fields)
    work.record(
        ContactUpdated(
            stamp=work.stamp(),
            subject=person.membership.id,
            client_id=person.membership.client_id,
            user_id=written.user.id,
            changed=changed,
            title=full_name(fields.first_name, fields.last_name),
        )
    )
    return view_contact(work, written.membership, written.user)


def _require_editable(work: Work, person: Person, named: set[str]) -> bool:
    """A client's user edits what is its own, and of others what belongs to its client alone; whether it is its own."""
    if not isinstance(work.actor, ClientUser):
        if named & _OF_THE_PERSON and person.membership.typed is None:
            require_whole(work, person.user, "contacts.update")
        return False
    membership = person.membership
    standing = actor_standings(work, work.actor)[membership.client_id]
    itself = standing.membership.id == membership.id
    if not itself or named - _OF_THE_PERSON:
        require_right(standing, _OTHERS)
        require_manageable(work, "contacts.update others", membership, itself=True)
    if named & _OF_THE_PERSON and not itself and not _is_the_clients_own(work, person):
        raise SharedProfileError(_OTHERS.staff)
    return itself


def _is_the_clients_own(work: Work, person: Person) -> bool:
    """Whether nobody but this client knows the person, who has not come in yet; what is only typed is the client's."""
    if person.membership.typed is not None:
        return True
    if person.user.credential_at is not None:
        return False
    return work.uow.count(MEMBERSHIPS, MEMBERSHIPS.user_id.eq(person.user.id)) == 1


def _fields(person: Person) -> Fields:
    shown = person.membership.typed or person.user
    return Fields(
        first_name=shown.first_name,
        last_name=shown.last_name,
        email=shown.email,
        phone=shown.phone,
        job_title=person.membership.job_title,
    )


def _read(form: Form, given: Mapping[str, object]) -> dict[str, Any]:
    readers: dict[str, Callable[[object], Any]] = {
        "first_name": lambda value: form.text("first_name", value, limit=100),
        "last_name": lambda value: form.text("last_name", value, limit=100),
        "email": lambda value: form.email("email", value),
        "phone": lambda value: form.optional("phone", value, limit=50),
        "job_title": lambda value: form.optional("job_title", value, limit=100),
    }
    return {name: readers[name](value) for name, value in given.items()}


def _write(work: Work, person: Person, fields: Fields) -> Person:
    """Write the membership; what is the person's to where it stands: as it was typed, or in the user."""
    changed = attrs.evolve(person.membership, job_title=fields.job_title, name_key=fields.name_key)
    others = isinstance(work.actor, ClientUser) and fields.email.key != person.user.email.key
    if changed.typed is not None or others:
        return _write_typed(work, Person(changed, person.user), fields)
    user = person.user.rename(fields.first_name, fields.last_name, fields.phone)
    if fields.email != user.email:
        refuse(email_violations(work, user, fields.email))
        user = change_email(work, user, fields.email)
    elif user != person.user:
        user = work.uow.save(USERS, user)
    if user != person.user:
        _write_elsewhere(work, changed, user)
    return Person(work.uow.save(MEMBERSHIPS, changed), user)


def _write_typed(work: Work, person: Person, fields: Fields) -> Person:
    """A contact that has not accepted, as it is typed now; with another address it is whoever has that.

    Nothing tells a client's user whether anybody has it: the contact has yet to accept, and so is shown as typed.
    """
    membership, user = person.membership, person.user
    before = membership.typed.email if membership.typed is not None else user.email
    typed = Typed(first_name=fields.first_name, last_name=fields.last_name, email=fields.email, phone=fields.phone)
    if fields.email.key != before.key:
        end_invitation(work, membership, InvitationTrigger.REVOKE)
        user = _whoever_has(work, membership.client_id, typed)
        membership = attrs.evolve(membership, user_id=user.id, invitation_id=None)
    return Person(work.uow.save(MEMBERSHIPS, attrs.evolve(membership, typed=typed)), user)


def _whoever_has(work: Work, client_id: ClientId, typed: Typed) -> User:
    """The user with this address, who is not a contact of this client yet, or a new one."""
    known, is_new = user_with(work, typed, _nothing)
    if is_new:
        return known
    members = MEMBERSHIPS.client_id.eq(client_id), MEMBERSHIPS.user_id.eq(known.id)
    told = not isinstance(work.actor, ClientUser)
    refuse(joining_violations(known, is_member=work.uow.count(MEMBERSHIPS, *members) > 0, strict=False, told=told))
    return known


def _nothing() -> None:
    """There is nothing left to check."""


def _write_elsewhere(work: Work, here: Membership, user: User) -> None:
    """The user's other memberships are ordered by its name as well. They look otherwise, so their versions grow."""
    where = (MEMBERSHIPS.user_id.eq(user.id), MEMBERSHIPS.typed.eq(None))
    for membership in work.uow.find(MEMBERSHIPS, *where):
        if membership.id != here.id:
            work.uow.save(MEMBERSHIPS, attrs.evolve(membership, name_key=user.name_key))
