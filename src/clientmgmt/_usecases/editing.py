"""Editing contacts: what belongs to the membership, and what belongs to the person."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import attrs

from clientmgmt._usecases.authorize import require_right
from clientmgmt._usecases.climbing import require_manageable
from clientmgmt._usecases.loading import Person, load_person
from clientmgmt._usecases.standing import actor_standings
from clientmgmt._usecases.views import view_contact
from clientmgmt._usecases.work import Work
from clientmgmt.domain.actors import ClientUser
from clientmgmt.domain.contacts import Contact
from clientmgmt.domain.events import ContactUpdated
from clientmgmt.domain.form import Form
from clientmgmt.domain.ids import ContactId
from clientmgmt.domain.operations import OPERATIONS
from clientmgmt.domain.people import Membership, User, full_name
from clientmgmt.domain.text import name_key
from clientmgmt.domain.unset import UNSET
from clientmgmt.errors import SharedProfileError
from clientmgmt.ports.collections import MEMBERSHIPS, USERS

__all__ = ["update_contact"]

_OTHERS = OPERATIONS["contacts.update others"]
_OF_THE_PERSON = frozenset({"first_name", "last_name", "phone"})


def update_contact(
    work: Work, contact_id: ContactId, given: Mapping[str, object], *, expected_version: int | None
) -> Contact:
    """Change the fields that are given; nothing is written if that changes nothing."""
    person = load_person(work, contact_id, "contacts.update")
    named = {name for name, value in given.items() if value is not UNSET}
    _require_editable(work, person, named)
    form = Form()
    form.version(person.membership.version, expected_version)
    known = _fields(person)
    fields = known | _read(form, {name: given[name] for name in named})
    form.check()
    changed = tuple(name for name in known if known[name] != fields[name])
    if not changed:
        return view_contact(work, person.membership, person.user)
    written = _write(work, person, fields)
    work.record(
        ContactUpdated(
            stamp=work.stamp(),
            subject=person.membership.id,
            client_id=person.membership.client_id,
            user_id=person.user.id,
            changed=changed,
            title=full_name(str(fields["first_name"]), str(fields["last_name"])),
        )
    )
    return view_contact(work, written.membership, written.user)


def _require_editable(work: Work, person: Person, named: set[str]) -> None:
    """A client's user edits its own name and phone, and of others what belongs to its client alone."""
    if not isinstance(work.actor, ClientUser):
        return
    membership = person.membership
    standing = actor_standings(work, work.actor)[membership.client_id]
    itself = standing.membership.id == membership.id
    if not itself or named - _OF_THE_PERSON:
        require_right(standing, _OTHERS)
        require_manageable(work, "contacts.update others", membership, itself=True)
    if named & _OF_THE_PERSON and not itself and not _is_the_clients_own(work, person):
        raise SharedProfileError(_OTHERS.staff)


def _is_the_clients_own(work: Work, person: Person) -> bool:
    """Whether nobody but this client knows the person, who has not come in yet; what is only typed is the client's."""
    if person.membership.typed is not None:
        return True
    if person.user.credential_at is not None:
        return False
    return work.uow.count(MEMBERSHIPS, MEMBERSHIPS.user_id.eq(person.user.id)) == 1


def _fields(person: Person) -> dict[str, str | None]:
    shown = person.membership.typed or person.user
    return {
        "first_name": shown.first_name,
        "last_name": shown.last_name,
        "phone": shown.phone,
        "job_title": person.membership.job_title,
    }


def _read(form: Form, given: Mapping[str, object]) -> dict[str, str | None]:
    readers: dict[str, Callable[[object], str | None]] = {
        "first_name": lambda value: form.text("first_name", value, limit=100),
        "last_name": lambda value: form.text("last_name", value, limit=100),
        "phone": lambda value: form.optional("phone", value, limit=50),
        "job_title": lambda value: form.optional("job_title", value, limit=100),
    }
    return {name: readers[name](value) for name, value in given.items()}


def _write(work: Work, person: Person, fields: Mapping[str, str | None]) -> Person:
    """Write the membership; the name and the phone to where they stand: as they were typed, or in the user."""
    first, last, phone = str(fields["first_name"]), str(fields["last_name"]), fields["phone"]
    key = name_key(f"{last} {first}")
    changed = attrs.evolve(person.membership, job_title=fields["job_title"], name_key=key)
    if changed.typed is not None:
        typed = attrs.evolve(changed.typed, first_name=first, last_name=last, phone=phone)
        return Person(work.uow.save(MEMBERSHIPS, attrs.evolve(changed, typed=typed)), person.user)
    user = person.user.rename(first, last, phone)
    if user != person.user:
        user = work.uow.save(USERS, user)
        _write_elsewhere(work, changed, user)
    return Person(work.uow.save(MEMBERSHIPS, changed), user)


def _write_elsewhere(work: Work, here: Membership, user: User) -> None:
    """The user's other memberships are ordered by its name as well. They look otherwise, so their versions grow."""
    where = (MEMBERSHIPS.user_id.eq(user.id), MEMBERSHIPS.typed.eq(None))
    for membership in work.uow.find(MEMBERSHIPS, *where):
        if membership.id != here.id:
            work.uow.save(MEMBERSHIPS, attrs.evolve(membership, name_key=user.name_key))
