"""How a person becomes a contact: what is typed, and what it makes."""

from __future__ import annotations

from enum import StrEnum

import attrs

from clientmgmt.domain.catalog import Catalog
from clientmgmt.domain.email import Email
from clientmgmt.domain.events import ContactAdded, Stamp
from clientmgmt.domain.form import Form
from clientmgmt.domain.ids import ClientId, ContactId, UserId
from clientmgmt.domain.people import Membership, Typed, User, UserKind, full_name
from clientmgmt.domain.roles import RoleKind
from clientmgmt.domain.scope import Scope, read_scope
from clientmgmt.domain.text import name_key
from clientmgmt.domain.value import Value
from clientmgmt.errors import Violation

__all__ = [
    "NewContact",
    "NewPerson",
    "OnExisting",
    "joined",
    "joining_violations",
    "new_user",
    "read_contact",
    "read_person",
    "typed_as",
]


_EVERYTHING = Scope.everything()


class OnExisting(StrEnum):
    """What becomes of an e-mail that a user of other clients has: that user joins, or it is refused."""

    LINK = "link"
    REJECT = "reject"


@attrs.frozen(kw_only=True, repr=False, eq=False)
class NewContact(Value):
    """A person who is to become a contact, as it is typed; what it is handed to checks it.

    >>> NewContact(first_name="Jane", last_name="Doe", email="jane@acme.example").phone is None
    True
    """

    first_name: str
    last_name: str
    email: str
    phone: str | None = None
    job_title: str | None = None


@attrs.frozen(kw_only=True, repr=False, eq=False)
class NewPerson(Value):
    """A person as it was typed, checked and cleaned."""

    first_name: str
    last_name: str
    email: Email
    phone: str | None
    job_title: str | None
    role: str
    scope: Scope = _EVERYTHING


def read_person(
    form: Form,
    *,
    first_name: object,
    last_name: object,
    email: object,
    phone: object,
    job_title: object,
    role: object,
    catalog: Catalog,
    scope: object = _EVERYTHING,
) -> NewPerson:
    """The person that these fields describe; what is wrong with them is noted in ``form``."""
    person = NewPerson(
        first_name=form.text("first_name", first_name, limit=100),
        last_name=form.text("last_name", last_name, limit=100),
        email=form.email("email", email),
        phone=form.optional("phone", phone, limit=50),
        job_title=form.optional("job_title", job_title, limit=100),
        role=role if isinstance(role, str) else "",
        scope=read_scope(form, scope),
    )
    form.note(catalog.role_violations([role], kind=RoleKind.CLIENT, field="role"))
    return person


def read_contact(form: Form, field: str, value: object, *, role: str, catalog: Catalog) -> NewPerson | None:
    """The person that a :class:`NewContact` describes; what is wrong with it is noted by the name of ``field``."""
    if not isinstance(value, NewContact):
        form.note([Violation("not_a_contact", "must be a NewContact", field)])
        return None
    own = Form()
    fields = {name: getattr(value, name) for name in ("first_name", "last_name", "email", "phone", "job_title")}
    person = read_person(own, **fields, role=role, catalog=catalog)
    form.note(attrs.evolve(violation, field=f"{field}.{violation.field}") for violation in own.violations)
    return person


def joining_violations(
    user: User, *, is_member: bool, strict: bool, told: bool = True, field: str = "email"
) -> tuple[Violation, ...]:
    """Why a user with this e-mail cannot become a contact of this client.

    ``strict``: a known e-mail is refused even if it belongs to a user of other clients only. ``told``: whether whoever
    asks may learn the reason, and who is known. ``field``: what the e-mail is called.
    """
    if user.kind is UserKind.STAFF and not told:
        return (Violation("not_allowed", "cannot be added", field),)
    if user.kind is UserKind.STAFF:
        return (Violation("staff_cannot_be_client_user", "belongs to a staff user", field),)
    if is_member:
        return (Violation("duplicate_contact", "belongs to a contact of this client already", field),)
    if strict and told:
        return (Violation("email_in_use", "belongs to another user", field),)
    return ()


def new_user(person: NewPerson | Typed, stamp: Stamp) -> User:
    """A client user that nobody knew before."""
    return User(
        id=UserId(stamp.id),
        kind=UserKind.CLIENT_USER,
        first_name=person.first_name,
        last_name=person.last_name,
        name_key=name_key(f"{person.last_name} {person.first_name}"),
        email=person.email,
        phone=person.phone,
        created_at=stamp.at,
    )


def typed_as(person: NewPerson) -> Typed:
    """What was typed of a person, to be shown until it accepts."""
    return Typed(first_name=person.first_name, last_name=person.last_name, email=person.email, phone=person.phone)


def joined(
    person: NewPerson, user: User, client_id: ClientId, stamp: Stamp, *, accepts: bool = False
) -> tuple[Membership, ContactAdded]:
    """``user`` as a contact of a client, in force at once unless it ``accepts`` first, and the fact.

    Role and job title are those that were typed; name, e-mail and phone are the user's, who may be known already.
    """
    typed = typed_as(person)
    membership = Membership(
        id=ContactId(stamp.id),
        user_id=user.id,
        client_id=client_id,
        role=person.role,
        job_title=person.job_title,
        name_key=user.name_key if not accepts else name_key(f"{typed.last_name} {typed.first_name}"),
        has_scope=not person.scope.is_everything,
        typed=typed if accepts else None,
        created_at=stamp.at,
        created_by=stamp.actor,
    )
    fact = ContactAdded(
        stamp=stamp,
        subject=membership.id,
        client_id=client_id,
        user_id=user.id,
        title=full_name(user.first_name, user.last_name),
        email=user.email.address,
        role=person.role,
    )
    return membership, fact
