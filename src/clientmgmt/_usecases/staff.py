"""The tenant's own people."""

from __future__ import annotations

from collections.abc import Collection

import attrs

from clientmgmt._usecases.addresses import change_email, email_violations, vacate
from clientmgmt._usecases.authorize import authorize
from clientmgmt._usecases.loading import load_staff
from clientmgmt._usecases.paging import find_page
from clientmgmt._usecases.work import Work
from clientmgmt.domain.email import parse_email
from clientmgmt.domain.events import StaffAdded
from clientmgmt.domain.form import Form
from clientmgmt.domain.ids import UserId
from clientmgmt.domain.people import User, UserKind
from clientmgmt.domain.results import Page
from clientmgmt.domain.roles import RoleKind
from clientmgmt.domain.text import name_key
from clientmgmt.domain.unset import UNSET, Unset
from clientmgmt.errors import Violation, refuse
from clientmgmt.ports.collections import USERS

__all__ = ["add_staff", "find_staff", "get_staff", "list_staff", "set_staff_roles", "update_staff"]


def add_staff(
    work: Work, *, first_name: str, last_name: str, email: str, roles: Collection[str], reference: str | None
) -> User:
    """Write a staff user; its e-mail is unique among all users of the tenant, its reference among staff."""
    authorize(work, "staff.add")
    form, stamp = Form(), work.stamp()
    names = _roles(work, form, roles)
    first = form.text("first_name", first_name, limit=100)
    last = form.text("last_name", last_name, limit=100)
    user = User(
        id=UserId(stamp.id),
        kind=UserKind.STAFF,
        first_name=first,
        last_name=last,
        name_key=name_key(f"{last} {first}"),
        email=form.email("email", email),
        reference=form.optional("reference", reference),
        roles=names,
        created_at=stamp.at,
    )
    form.note(_taken(work, user))
    form.check()
    vacate(work, user, user.email)
    work.uow.add(USERS, user)
    work.record(StaffAdded(stamp=stamp, subject=user.id, title=user.name, email=user.email.address, roles=names))
    return user


def get_staff(work: Work, user_id: UserId) -> User:
    """One staff user."""
    authorize(work, "staff.get")
    return load_staff(work, user_id)


def update_staff(
    work: Work,
    user_id: UserId,
    *,
    first_name: str | Unset,
    last_name: str | Unset,
    email: str | Unset,
    expected_version: int | None,
) -> User:
    """Change the fields that are given; nothing is written if that changes nothing."""
    user = load_staff(work, user_id, lock=True)
    authorize(work, "staff.update")
    form = Form()
    form.version(user.version, expected_version)
    changed, fact = user.update(
        work.stamp(),
        first_name=user.first_name if first_name is UNSET else form.text("first_name", first_name, limit=100),
        last_name=user.last_name if last_name is UNSET else form.text("last_name", last_name, limit=100),
        email=user.email if email is UNSET else form.email("email", email),
    )
    form.note(email_violations(work, user, changed.email))
    form.check()
    if not fact.changed:
        return user
    work.record(fact)
    if changed.email != user.email:
        return change_email(work, attrs.evolve(changed, email=user.email), changed.email)
    return work.uow.save(USERS, changed)


def set_staff_roles(work: Work, user_id: UserId, roles: Collection[str]) -> User:
    """Give a staff user these roles instead of those that it has."""
    user = load_staff(work, user_id, lock=True)
    authorize(work, "staff.set_roles")
    form = Form()
    names = _roles(work, form, roles)
    form.check()
    if names == user.roles:
        return user
    changed, fact = user.set_roles(work.stamp(), names)
    work.record(fact)
    return work.uow.save(USERS, changed)


def find_staff(work: Work, *, email: str | None, reference: str | None) -> User | None:
    """The staff user with this e-mail and this reference, as far as they are given."""
    authorize(work, "staff.find")
    form = Form()
    where = [USERS.kind.eq(UserKind.STAFF)]
    if email is not None:
        where.append(USERS.email_key.eq(parse_email(email, field="email")[0].key))
    if reference is not None:
        where.append(USERS.reference.eq(form.text("reference", reference)))
    form.check()
    found = work.uow.find(USERS, *where) if len(where) > 1 else ()
    return next(iter(found), None)


def list_staff(work: Work, *, role: str | None, limit: int, cursor: str | None) -> Page[User]:
    """A page of staff users, of those with this role if one is given, in the order of their names."""
    authorize(work, "staff.list")
    if role is not None:
        refuse(work.catalog.role_violations([role], kind=RoleKind.STAFF, field="role"))
    only = None if role is None else lambda user: role in user.roles
    rows, following = find_page(
        work,
        USERS,
        USERS.kind.eq(UserKind.STAFF),
        order=USERS.name_key.asc(),
        limit=limit,
        cursor=cursor,
        only=only,
    )
    return Page(rows, following)


def _roles(work: Work, form: Form, roles: object) -> tuple[str, ...]:
    named = form.items("roles", roles)
    form.note(work.catalog.role_violations(named, kind=RoleKind.STAFF, field="roles"))
    return tuple(sorted({str(name) for name in named}))


def _taken(work: Work, user: User) -> tuple[Violation, ...]:
    found = [*email_violations(work, user, user.email)]
    if user.reference is not None and work.uow.count(USERS, USERS.reference.eq(user.reference)):
        found.append(Violation("duplicate_reference", "belongs to another user", "reference"))
    return tuple(found)
