"""Contacts: adding, finding, listing and removing the users of a client."""

from __future__ import annotations

from collections.abc import Mapping

from clientmgmt._usecases.authorize import authorize
from clientmgmt._usecases.climbing import require_grantable, require_manageable, require_owner_stays
from clientmgmt._usecases.joining import join
from clientmgmt._usecases.loading import load_client, load_membership, load_person, load_user
from clientmgmt._usecases.mailing import end_invitation, require_links
from clientmgmt._usecases.owners import give_up_ownership, owner_missing
from clientmgmt._usecases.paging import find_page
from clientmgmt._usecases.scopes import note_unknown_sites, rights_to_be, write_scope
from clientmgmt._usecases.sight import accepted_if_by_user, authorize_user, contacts_in_sight
from clientmgmt._usecases.views import contact_views, view_contact
from clientmgmt._usecases.work import Work
from clientmgmt.domain.actors import ClientUser
from clientmgmt.domain.client import closed_violations
from clientmgmt.domain.contacts import Contact
from clientmgmt.domain.email import parse_email
from clientmgmt.domain.events import ContactRemoved
from clientmgmt.domain.form import Form
from clientmgmt.domain.ids import ClientId, ContactId, UserId
from clientmgmt.domain.joining import OnExisting, read_person
from clientmgmt.domain.people import Membership, User
from clientmgmt.domain.results import Page, RecentLogin, Removal, Suspension, how_long_ago
from clientmgmt.domain.scope import Scope
from clientmgmt.domain.states import ContactState, InvitationTrigger
from clientmgmt.errors import EscalationError, refuse
from clientmgmt.ports.collections import CONTACTS, LOGINS, MEMBERSHIPS, USERS
from clientmgmt.ports.storage import Condition, any_of

__all__ = [
    "add_contact",
    "find_contact",
    "get_contact",
    "list_contacts",
    "most_recent",
    "remove_contact",
    "resume_contact",
    "suspend_contact",
]


def add_contact(
    work: Work,
    client_id: ClientId,
    *,
    first_name: str,
    last_name: str,
    email: str,
    phone: str | None,
    job_title: str | None,
    role: str,
    scope: Scope,
    invite: bool,
    on_existing: str,
) -> Contact:
    """Make a user, new or known, a contact of a client; invite it if asked to.

    The lock of the client orders everybody who adds to it; the unique keys of users and memberships stand behind.
    """
    client = load_client(work, client_id, "contacts.add", lock=True)
    form = Form()
    person = read_person(
        form,
        first_name=first_name,
        last_name=last_name,
        email=email,
        phone=phone,
        job_title=job_title,
        role=role,
        scope=scope,
        catalog=work.catalog,
    )
    note_unknown_sites(work, form, client.id, person.scope)
    if form.flag("invite", invite):
        authorize(work, "contacts.send_invite", client.id, client_id=client.id)
        require_links(work.settings)
        refuse(closed_violations(client))
    strict = form.choice("on_existing", on_existing, OnExisting) is OnExisting.REJECT
    require_grantable(work, client.id, rights_to_be(work, person))
    return join(work, client, person, form, invite=invite, strict=strict)


def get_contact(work: Work, contact_id: ContactId) -> Contact:
    """One contact."""
    membership = load_membership(work, contact_id, "contacts.get")
    return view_contact(work, membership, work.uow.get(USERS, membership.user_id))


def find_contact(work: Work, client_id: ClientId, *, email: str) -> Contact | None:
    """The contact of a client with this e-mail."""
    client = load_client(work, client_id, "contacts.find")
    key = parse_email(email, field="email")[0].key
    where = (MEMBERSHIPS.client_id.eq(client.id), USERS.email_key.eq(key), *contacts_in_sight(work))
    rows = work.uow.find(CONTACTS, *where)
    return next(iter(contact_views(work, rows)), None)


def list_contacts(
    work: Work,
    client_id: ClientId | None,
    *,
    user_id: UserId | None,
    state: str | None,
    limit: int,
    cursor: str | None,
) -> Page[Contact]:
    """A page of contacts in the order of their names: of one client, of one user, or of the tenant."""
    where: list[Condition[Membership | User]] = [*contacts_in_sight(work)]
    if client_id is None:
        authorize(work, "contacts.list")
    else:
        where.append(MEMBERSHIPS.client_id.eq(load_client(work, client_id, "contacts.list").id))
    if user_id is not None:
        user = load_user(work, user_id)
        authorize_user(work, "contacts.list", user, client_id)
        where += [MEMBERSHIPS.user_id.eq(user.id), *accepted_if_by_user(work)]
    if state is not None:
        form = Form()
        where += _IN_STATE[form.choice("state", state, ContactState)]
        form.check()
    order = MEMBERSHIPS.name_key.asc()
    rows, following = find_page(work, CONTACTS, *where, order=order, limit=limit, cursor=cursor)
    return Page(contact_views(work, rows), following)


def remove_contact(work: Work, contact_id: ContactId) -> Removal:
    """End a membership and its open invitation; the user and its other clients stay."""
    person = load_person(work, contact_id, "contacts.remove")
    membership, user = person.membership, person.user
    require_owner_stays(work, "contacts.remove", membership)
    require_manageable(work, "contacts.remove", membership, itself=True)
    _require_free_of_staff(work, membership)
    seen = view_contact(work, membership, user)
    warnings = give_up_ownership(work, membership)
    end_invitation(work, membership, InvitationTrigger.REVOKE)
    write_scope(work, membership, Scope.everything())
    work.uow.remove(MEMBERSHIPS, membership.id)
    work.record(
        ContactRemoved(
            stamp=work.stamp(),
            subject=membership.id,
            client_id=membership.client_id,
            user_id=user.id,
            title=user.name,
            email=user.email.address,
        )
    )
    return Removal(contact=seen, warnings=warnings)


def suspend_contact(work: Work, contact_id: ContactId, *, reason: str) -> Suspension:
    """Take a user's way in for one client; its open invitation is revoked."""
    person = load_person(work, contact_id, "contacts.suspend")
    require_owner_stays(work, "contacts.suspend", person.membership)
    require_manageable(work, "contacts.suspend", person.membership)
    form = Form()
    why = form.optional("reason", reason, limit=500) or ""
    form.check()
    by_staff = not isinstance(work.actor, ClientUser)
    if person.membership.suspended_at is not None and (person.membership.suspended_by_staff or not by_staff):
        warnings = owner_missing(work, [person.membership])
        return Suspension(contact=view_contact(work, person.membership, person.user), warnings=warnings)
    end_invitation(work, person.membership, InvitationTrigger.REVOKE)
    changed, fact = person.membership.suspend(work.stamp(), reason=why, by_staff=by_staff)
    work.record(fact)
    saved = work.uow.save(MEMBERSHIPS, changed)
    return Suspension(contact=view_contact(work, saved, person.user), warnings=owner_missing(work, [saved]))


def resume_contact(work: Work, contact_id: ContactId) -> Contact:
    """Give a user its way in for one client back."""
    person = load_person(work, contact_id, "contacts.resume")
    require_manageable(work, "contacts.resume", person.membership)
    _require_free_of_staff(work, person.membership)
    if person.membership.suspended_at is None:
        return view_contact(work, person.membership, person.user)
    changed, fact = person.membership.resume(work.stamp())
    work.record(fact)
    return view_contact(work, work.uow.save(MEMBERSHIPS, changed), person.user)


def _require_free_of_staff(work: Work, membership: Membership) -> None:
    """``EscalationError`` if a client's user would undo what staff has suspended."""
    if membership.suspended_by_staff and isinstance(work.actor, ClientUser):
        raise EscalationError("users.manage")


def most_recent(work: Work, client_id: ClientId) -> RecentLogin | None:
    """The newest login over the current contacts of a client."""
    client = load_client(work, client_id, "contacts.most_recent")
    where = (MEMBERSHIPS.client_id.eq(client.id), MEMBERSHIPS.typed.eq(None), USERS.last_login_at.present())
    rows = work.uow.find(CONTACTS, *where, order=USERS.last_login_at.desc(), limit=1)
    if not rows:
        return None
    user = rows[0][1]
    kept = work.uow.find(LOGINS, LOGINS.user_id.eq(user.id), order=LOGINS.at.desc(), limit=1)
    name, at = (kept[0].name, kept[0].at) if kept else (user.name, USERS.last_login_at.get(user))
    return RecentLogin(user_id=user.id, name=name, at=at, ago=how_long_ago(at, now=work.now))


_Conditions = tuple[Condition[Membership | User], ...]
_USABLE: _Conditions = (
    MEMBERSHIPS.suspended_at.eq(None),
    any_of(MEMBERSHIPS.typed.present(), USERS.deactivated_at.eq(None)),
)
_IN_STATE: Mapping[ContactState, _Conditions] = {
    ContactState.INACTIVE: (
        any_of(MEMBERSHIPS.suspended_at.present(), USERS.deactivated_at.present()),
        any_of(MEMBERSHIPS.suspended_at.present(), MEMBERSHIPS.typed.eq(None)),
    ),
    ContactState.ACTIVE: (
        *_USABLE,
        MEMBERSHIPS.typed.eq(None),
        USERS.credential_at.present(),
        USERS.first_login_at.present(),
    ),
    ContactState.INVITE_SENT: (
        *_USABLE,
        any_of(MEMBERSHIPS.invitation_id.present(), MEMBERSHIPS.typed.eq(None)),
        any_of(MEMBERSHIPS.invitation_id.present(), USERS.credential_at.present()),
        any_of(MEMBERSHIPS.typed.present(), USERS.credential_at.eq(None), USERS.first_login_at.eq(None)),
    ),
    ContactState.PENDING_INVITE: (
        *_USABLE,
        MEMBERSHIPS.invitation_id.eq(None),
        any_of(MEMBERSHIPS.typed.present(), USERS.credential_at.eq(None)),
    ),
}
"""The conditions under which ``contact_state`` gives each state; a test compares the two."""
