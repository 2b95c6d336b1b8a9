"""Invitations: sending, sending again, sending many, handing out as a link, revoking, and their history."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from typing import cast

import attrs

from clientmgmt._usecases.climbing import require_manageable
from clientmgmt._usecases.desk import Desk
from clientmgmt._usecases.loading import is_id, load_client, load_membership, load_person
from clientmgmt._usecases.mailing import (
    end_invitation,
    link_url,
    open_invitation,
    queue_invitations,
    require_links,
)
from clientmgmt._usecases.sight import contacts_in_sight
from clientmgmt._usecases.standing import actor_standings, contact_rights
from clientmgmt._usecases.steps import Steps
from clientmgmt._usecases.views import contact_views, view_contact
from clientmgmt._usecases.work import Work
from clientmgmt.domain.actors import ClientUser
from clientmgmt.domain.client import Client, closed_violations
from clientmgmt.domain.contacts import Contact, invite_violations
from clientmgmt.domain.form import Form
from clientmgmt.domain.ids import ClientId, ContactId, InvitationId, UserId
from clientmgmt.domain.links import Invitation, LinkPurpose
from clientmgmt.domain.people import Membership, User
from clientmgmt.domain.results import BulkResult, Link, Row
from clientmgmt.domain.settings import Settings
from clientmgmt.domain.states import InvitationState, InvitationTrigger
from clientmgmt.errors import Violation, refuse
from clientmgmt.ports.collections import CLIENTS, CONTACTS, INVITATIONS, MEMBERSHIPS, USERS
from clientmgmt.ports.storage import any_of

__all__ = ["invite_link", "list_invitations", "revoke_invite", "send_invite", "send_invites"]

_ABOVE = (Violation("not_allowed", "has more rights than you have", "contact"),)
_MISSING = (Violation("not_found", "is no contact of this client", "contact"),)


def send_invite(work: Work, contact_id: ContactId) -> Invitation:
    """Send an invitation, or send it again: the new link works, every earlier one of this contact is dead."""
    membership, invitation = _renew(work, contact_id, "contacts.send_invite", require_links)
    queue_invitations(work, [invitation])
    return _shown(work, membership, invitation)


def invite_link(work: Work, contact_id: ContactId) -> Link:
    """The same without a mail: the link is told to whoever asks, this once."""
    _, invitation = _renew(work, contact_id, "access.invite_link", lambda settings: settings.links.require("invite"))
    work.uow.add(INVITATIONS, invitation)
    url = link_url(work.wiring, work.settings, work.tenant, invitation, LinkPurpose.INVITE)
    return Link(url=url, expires_at=invitation.expires_at)


def _renew(
    work: Work, contact_id: ContactId, operation: str, require: Callable[[Settings], None]
) -> tuple[Membership, Invitation]:
    """A new invitation for a contact instead of any earlier one; it is not written yet.

    ``require`` refuses what is missing for sending it.
    """
    person = load_person(work, contact_id, operation)
    membership, user = person.membership, person.user
    require_manageable(work, operation, membership, itself=True)
    rules = work.settings.rules.invites
    client = work.uow.get(CLIENTS, membership.client_id)
    recent = work.uow.find(
        INVITATIONS,
        INVITATIONS.contact_id.eq(membership.id),
        order=INVITATIONS.sent_at.desc(),
        limit=max(rules.per_day, 1),
    )
    refuse(closed_violations(client))
    refuse(invite_violations(user, membership, recent, rules=rules, now=work.now))
    require(work.settings)
    previous = end_invitation(work, membership, InvitationTrigger.SUPERSEDE)
    invited, invitation = open_invitation(work, membership, user, previous)
    return work.uow.save(MEMBERSHIPS, invited), invitation


def send_invites(
    desk: Desk, client_id: ClientId, contact_ids: Iterable[ContactId] | None
) -> Steps[BulkResult[Contact]]:
    """Invite many contacts of one client, a unit of work per some hundred; a row per contact.

    Without ``contact_ids``: all that are staged. Whoever has an open link is left alone (``changed`` is false in
    its row), so that the same call again sends only what is missing.
    """
    if contact_ids is None:
        ids = yield from desk.read(_staged, client_id)
    else:
        yield from desk.read(_invitable, client_id)
        ids = _distinct(contact_ids)
    size = desk.wiring.settings(desk.tenant).rules.bulk.rows
    rows: list[Row[Contact]] = []
    for start in range(0, len(ids), size):
        rows += yield from desk.write(_send_some, client_id, ids[start : start + size], start)
    return BulkResult(tuple(rows))


def revoke_invite(work: Work, contact_id: ContactId) -> Contact:
    """Kill the open link of a contact; without one, nothing changes."""
    person = load_person(work, contact_id, "contacts.revoke_invite")
    membership, user = person.membership, person.user
    require_manageable(work, "contacts.revoke_invite", membership, itself=True)
    end_invitation(work, membership, InvitationTrigger.REVOKE)
    return view_contact(work, membership, user)


def list_invitations(work: Work, contact_id: ContactId) -> tuple[Invitation, ...]:
    """Every invitation that a contact was sent, newest first, as it is now."""
    membership = load_membership(work, contact_id, "access.invitations")
    order = INVITATIONS.sent_at.desc()
    found = work.uow.find(INVITATIONS, INVITATIONS.contact_id.eq(membership.id), order=order, limit=1000)
    sent = (attrs.evolve(invitation, state=invitation.state_at(work.now)) for invitation in found)
    return tuple(_shown(work, membership, invitation) for invitation in sent)


def _shown(work: Work, membership: Membership, invitation: Invitation) -> Invitation:
    """An invitation as the actor sees it: a client's user does not learn who is known before that has accepted."""
    if membership.typed is None or not isinstance(work.actor, ClientUser):
        return invitation
    return attrs.evolve(invitation, user_id=UserId(membership.id))


def _distinct(contact_ids: object) -> tuple[ContactId, ...]:
    """Each id once; what is none keeps its place, to be refused there."""
    form = Form()
    items = form.items("contact_ids", contact_ids)
    form.check()
    return tuple({(type(item), str(item)): cast("ContactId", item) for item in items}.values())


def _invitable(work: Work, client_id: ClientId) -> Client:
    client = load_client(work, client_id, "contacts.send_invites")
    refuse(closed_violations(client))
    require_links(work.settings)
    return client


def _staged(work: Work, client_id: ClientId) -> tuple[ContactId, ...]:
    client = _invitable(work, client_id)
    rows = work.uow.find(
        CONTACTS,
        MEMBERSHIPS.client_id.eq(client.id),
        MEMBERSHIPS.invitation_id.eq(None),
        MEMBERSHIPS.suspended_at.eq(None),
        any_of(MEMBERSHIPS.typed.present(), USERS.credential_at.eq(None)),
        any_of(MEMBERSHIPS.typed.present(), USERS.deactivated_at.eq(None)),
        *contacts_in_sight(work),
    )
    return tuple(membership.id for membership, _ in rows)


def _send_some(work: Work, client_id: ClientId, ids: Sequence[ContactId], offset: int) -> tuple[Row[Contact], ...]:
    client = _invitable(work, client_id)
    people = _people(work, client, ids)
    recent = _recent(work, people)
    ids = [cast("ContactId", key if is_id(key) else None) for key in ids]
    above = _above(work, client, people.values())
    refused = {key: _ABOVE if key in above else _refusals(work, people, recent, key) for key in ids}
    waiting = {key for key in ids if not refused[key] and _is_open(people[key], recent, work)}
    sent = [key for key in ids if not refused[key] and key not in waiting]
    invited = _write(work, people, sent)
    pairs = {key: (invited.get(key, membership), user) for key, (membership, user) in people.items()}
    views = {contact.id: contact for contact in contact_views(work, pairs.values())}
    return tuple(
        Row(offset + number, None if refused[key] else views[key], refused[key], changed=key in invited)
        for number, key in enumerate(ids, 1)
    )


def _people(work: Work, client: Client, ids: Sequence[ContactId]) -> dict[ContactId, tuple[Membership, User]]:
    """The contacts of this client among ``ids``, with their users, who are locked; read again when they are."""
    members = _in_sight(work, client, [key for key in ids if is_id(key)])
    users = work.uow.get_many(USERS, [membership.user_id for membership in members], lock=True)
    current = work.uow.get_many(MEMBERSHIPS, [membership.id for membership in members])
    return {membership.id: (membership, users[membership.user_id]) for membership in current.values()}


def _in_sight(work: Work, client: Client, ids: Sequence[ContactId]) -> Sequence[Membership]:
    """Those of this client that the actor sees."""
    if not isinstance(work.actor, ClientUser):
        known = work.uow.get_many(MEMBERSHIPS, ids).values()
        return [membership for membership in known if membership.client_id == client.id]
    return work.uow.find(
        MEMBERSHIPS, MEMBERSHIPS.id.in_(ids), MEMBERSHIPS.client_id.eq(client.id), *contacts_in_sight(work)
    )


def _above(work: Work, client: Client, people: Iterable[tuple[Membership, User]]) -> frozenset[ContactId]:
    """Those of these contacts that have more rights than the actor, if it is a client's user."""
    if not isinstance(work.actor, ClientUser):
        return frozenset()
    own = actor_standings(work, work.actor)[client.id]
    rights = contact_rights(work, [membership for membership, _ in people if membership.id != own.membership.id])
    return frozenset(key for key, other in rights.items() if not own.rights.may_manage(other))


def _recent(work: Work, people: Mapping[ContactId, tuple[Membership, User]]) -> dict[ContactId, tuple[Invitation, ...]]:
    """The invitations of the last day and the latest of each, newest first."""
    found: defaultdict[ContactId, dict[InvitationId, Invitation]] = defaultdict(dict)
    today = INVITATIONS.sent_at.gt(work.now - timedelta(days=1))
    for invitation in work.uow.find(INVITATIONS, INVITATIONS.contact_id.in_(people), today):
        found[invitation.contact_id][invitation.id] = invitation
    latest = [membership.invitation_id for membership, _ in people.values() if membership.invitation_id is not None]
    for invitation in work.uow.get_many(INVITATIONS, latest).values():
        found[invitation.contact_id][invitation.id] = invitation
    return {
        key: tuple(sorted(sent.values(), key=lambda invitation: (invitation.sent_at, invitation.id), reverse=True))
        for key, sent in found.items()
    }


def _refusals(
    work: Work,
    people: Mapping[ContactId, tuple[Membership, User]],
    recent: Mapping[ContactId, tuple[Invitation, ...]],
    key: ContactId,
) -> tuple[Violation, ...]:
    if key not in people:
        return _MISSING
    membership, user = people[key]
    sent = recent.get(key, ())
    if _is_open(people[key], recent, work):
        return ()
    return invite_violations(user, membership, sent, rules=work.settings.rules.invites, now=work.now)


def _is_open(person: tuple[Membership, User], recent: Mapping[ContactId, tuple[Invitation, ...]], work: Work) -> bool:
    membership, _ = person
    latest = [sent for sent in recent.get(membership.id, ()) if sent.id == membership.invitation_id]
    return any(sent.state_at(work.now) is InvitationState.OPEN for sent in latest)


def _write(
    work: Work,
    people: Mapping[ContactId, tuple[Membership, User]],
    keys: Sequence[ContactId],
) -> dict[ContactId, Membership]:
    invited: dict[ContactId, Membership] = {}
    invitations = []
    for key in keys:
        membership, user = people[key]
        previous = end_invitation(work, membership, InvitationTrigger.SUPERSEDE)
        changed, invitation = open_invitation(work, membership, user, previous)
        invited[key] = work.uow.save(MEMBERSHIPS, changed)
        invitations.append(invitation)
    if invitations:
        queue_invitations(work, invitations)
    return invited
