"""Every operation of a workspace once, and which roles of staff may do it. A new one needs a line here."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from uuid import UUID

from clientmgmt import (
    Address,
    Client,
    Contact,
    EmergencyContact,
    NewContact,
    NotFoundError,
    SiteId,
    System,
    UserId,
    Workspace,
)
from clientmgmt.domain import MailId

__all__ = ["ADDRESS", "COMMANDS", "NOON", "Command", "prepare"]

Command = Callable[[Workspace, Client, Contact], object]
STAFF = frozenset({"administrator", "editor", "representative", "account_manager", "operations_lead"})
HIGH = frozenset({"administrator", "editor"})
LEADS = HIGH | {"operations_lead"}
NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
ADDRESS = Address(street="1 Main Street", city="Springfield", country="US")
OWNER = NewContact(first_name="Olga", last_name="Roe", email="olga@bolt.example")
ROW = {"client": "Cora", "client_email": "c@cora.example"}


def _mail(ws: Workspace, contact: Contact) -> MailId:
    """The mail of this contact's invitation; an id that never was for a contact of another tenant."""
    try:
        return MailId(ws.acting_as(System("setup")).access.invitations(contact.id)[0].id)
    except (NotFoundError, IndexError):
        return MailId(UUID(int=1))


def _known(ws: Workspace, first_name: str, role: str) -> UserId:
    """A staff user of this tenant, who is added if need be."""
    system = ws.acting_as(System("setup"))
    reference = first_name.lower()
    known = system.staff.find(reference=reference)
    if known is None:
        named = {"first_name": first_name, "last_name": "Cole", "email": f"{reference}@northwind.example"}
        known = system.staff.add(**named, reference=reference, roles=[role])
    return known.id


def bea(ws: Workspace) -> UserId:
    """A staff user who may not manage clients."""
    return _known(ws, "Bea", "operations_lead")


def _cleo(ws: Workspace) -> UserId:
    """A staff user who may."""
    return _known(ws, "Cleo", "editor")


def managing(ws: Workspace, client: Client) -> UserId:
    """The same, after it was made an account manager of this client if that is there."""
    user_id = _cleo(ws)
    with suppress(NotFoundError):
        ws.acting_as(System("setup")).managers.add(client.id, user_id)
    return user_id


def site_of(ws: Workspace, client: Client, contact: Contact) -> SiteId:
    """The site of this contact's scope, else one of this client, which is added if need be."""
    if contact.scope.site_ids:
        return min(contact.scope.site_ids)
    system = ws.acting_as(System("setup"))
    try:
        known = system.sites.list(client.id).items
    except NotFoundError:
        return SiteId(UUID(int=1))
    return known[0].id if known else system.sites.add(client.id, name="Lobby", address=ADDRESS, timezone="UTC").id


def prepare(ws: Workspace, client: Client, contact: Contact) -> None:
    """Have everything there that operations look for, so that only what they do themselves changes anything."""
    bea(ws)
    managing(ws, client)
    site_of(ws, client, contact)


COMMANDS: dict[str, tuple[frozenset[str], Command]] = {
    "clients.add": (
        HIGH | {"account_manager"},
        lambda ws, _, __: ws.clients.add(name="Bolt", email="b@bolt.example"),
    ),
    "clients.add with an owner": (
        HIGH,
        lambda ws, _, __: ws.clients.add(name="Bolt", email="b@bolt.example", owner=OWNER),
    ),
    "clients.get": (STAFF, lambda ws, client, _: ws.clients.get(client.id)),
    "clients.find": (STAFF, lambda ws, _, __: ws.clients.find(reference=("crm", "1"))),
    "clients.list": (STAFF, lambda ws, _, __: ws.clients.list()),
    "clients.references": (STAFF, lambda ws, client, _: ws.clients.references(client.id)),
    "clients.set_status": (
        HIGH | {"account_manager"},
        lambda ws, client, _: ws.clients.set_status(client.id, "paused"),
    ),
    "clients.import_rows": (HIGH, lambda ws, _, __: ws.clients.import_rows([ROW])),
    "clients.preview_import": (HIGH, lambda ws, _, __: ws.clients.preview_import([ROW])),
    "contacts.add": (
        HIGH | {"representative"},
        lambda ws, client, _: ws.contacts.add(client.id, first_name="B", last_name="C", email="b@c.example"),
    ),
    "contacts.add with an invitation": (
        HIGH,
        lambda ws, client, _: ws.contacts.add(
            client.id, first_name="B", last_name="C", email="b@c.example", invite=True
        ),
    ),
    "contacts.add_many": (HIGH | {"representative"}, lambda ws, client, _: ws.contacts.add_many(client.id, [ROW])),
    "contacts.get": (STAFF, lambda ws, _, contact: ws.contacts.get(contact.id)),
    "contacts.find": (STAFF, lambda ws, client, _: ws.contacts.find(client.id, email="jane@acme.example")),
    "contacts.list": (STAFF, lambda ws, _, __: ws.contacts.list()),
    "contacts.list of a client": (STAFF, lambda ws, client, _: ws.contacts.list(client.id)),
    "contacts.list of a user": (STAFF, lambda ws, _, contact: ws.contacts.list(user_id=contact.user_id)),
    "contacts.update": (
        HIGH | {"representative"},
        lambda ws, _, contact: ws.contacts.update(contact.id, job_title="Clerk"),
    ),
    "contacts.remove": (HIGH | {"representative"}, lambda ws, _, contact: ws.contacts.remove(contact.id)),
    "contacts.suspend": (HIGH | {"representative"}, lambda ws, _, contact: ws.contacts.suspend(contact.id)),
    "contacts.resume": (HIGH | {"representative"}, lambda ws, _, contact: ws.contacts.resume(contact.id)),
    "contacts.send_invite": (HIGH, lambda ws, _, contact: ws.contacts.send_invite(contact.id)),
    "contacts.send_invites": (HIGH, lambda ws, client, _: ws.contacts.send_invites(client.id)),
    "contacts.send_invites to some": (
        HIGH,
        lambda ws, client, contact: ws.contacts.send_invites(client.id, [contact.id]),
    ),
    "contacts.revoke_invite": (HIGH, lambda ws, _, contact: ws.contacts.revoke_invite(contact.id)),
    "contacts.most_recent": (STAFF, lambda ws, client, _: ws.contacts.most_recent(client.id)),
    "access.invitations": (STAFF, lambda ws, _, contact: ws.access.invitations(contact.id)),
    "access.invite_link": (HIGH, lambda ws, _, contact: ws.access.invite_link(contact.id)),
    "access.may": (STAFF, lambda ws, client, _: ws.access.may("export", client.id)),
    "access.explain": (STAFF, lambda ws, client, contact: ws.access.explain(contact.user_id, "files", client.id)),
    "access.rights": (STAFF, lambda ws, _, contact: ws.access.rights(contact.id)),
    "access.preview_rights": (
        HIGH | {"representative"},
        lambda ws, _, contact: ws.access.preview_rights(contact.id, role="client_admin"),
    ),
    "access.set_rights": (
        HIGH | {"representative"},
        lambda ws, _, contact: ws.access.set_rights(contact.id, role="client_admin"),
    ),
    "access.visible_sites": (
        STAFF,
        lambda ws, client, contact: ws.access.visible_sites(contact.user_id, "reports", client.id),
    ),
    "access.set_owner": (
        HIGH | {"representative"},
        lambda ws, client, contact: ws.access.set_owner(client.id, contact.user_id),
    ),
    "access.deactivate": (HIGH, lambda ws, _, contact: ws.access.deactivate(contact.user_id)),
    "access.reactivate": (HIGH, lambda ws, _, contact: ws.access.reactivate(contact.user_id)),
    "access.set_password": (
        frozenset({"administrator"}),
        lambda ws, _, contact: ws.access.set_password(contact.user_id, "a quite different one"),
    ),
    "access.start_reset": (HIGH, lambda ws, _, contact: ws.access.start_reset(contact.user_id)),
    "access.links": (STAFF, lambda ws, _, contact: ws.access.links(contact.user_id)),
    "access.record_login": (
        HIGH | {"representative"},
        lambda ws, _, contact: ws.access.record_login(contact.user_id, NOON - timedelta(days=1)),
    ),
    "access.logins": (STAFF, lambda ws, _, contact: ws.access.logins(contact.user_id)),
    "notifications.get": (STAFF, lambda ws, _, contact: ws.notifications.get(_mail(ws, contact))),
    "notifications.list": (STAFF, lambda ws, _, __: ws.notifications.list()),
    "notifications.list of a client": (STAFF, lambda ws, client, _: ws.notifications.list(client_id=client.id)),
    "notifications.retry": (
        HIGH | {"representative"},
        lambda ws, _, contact: ws.notifications.retry(_mail(ws, contact)),
    ),
    "notifications.cancel": (
        HIGH | {"representative"},
        lambda ws, _, contact: ws.notifications.cancel(_mail(ws, contact)),
    ),
    "staff.add": (
        frozenset({"administrator"}),
        lambda ws, _, __: ws.staff.add(first_name="A", last_name="B", email="a@northwind.example", roles=["editor"]),
    ),
    "staff.get": (frozenset({"administrator"}), lambda ws, _, __: ws.staff.get(bea(ws))),
    "staff.update": (frozenset({"administrator"}), lambda ws, _, __: ws.staff.update(bea(ws), first_name="Eve")),
    "staff.set_roles": (frozenset({"administrator"}), lambda ws, _, __: ws.staff.set_roles(bea(ws), ["editor"])),
    "staff.find": (frozenset({"administrator"}), lambda ws, _, __: ws.staff.find(reference="ada")),
    "staff.list": (frozenset({"administrator"}), lambda ws, _, __: ws.staff.list()),
    "managers.add": (
        HIGH | {"account_manager"},
        lambda ws, client, _: ws.managers.add(client.id, _cleo(ws)),
    ),
    "managers.remove": (
        HIGH | {"account_manager"},
        lambda ws, client, _: ws.managers.remove(client.id, managing(ws, client)),
    ),
    "managers.set_primary": (
        HIGH | {"account_manager"},
        lambda ws, client, _: ws.managers.set_primary(client.id, managing(ws, client)),
    ),
    "managers.list": (STAFF, lambda ws, client, _: ws.managers.list(client.id)),
    "managers.clients_of": (STAFF, lambda ws, _, __: ws.managers.clients_of(_cleo(ws))),
    "managers.choices": (STAFF, lambda ws, client, _: ws.managers.choices(client.id)),
    "managers.assignable": (STAFF, lambda ws, client, _: ws.managers.assignable(client.id)),
    "sites.add": (
        HIGH | {"account_manager"},
        lambda ws, client, _: ws.sites.add(client.id, name="Roof", address=ADDRESS, timezone="Europe/Berlin"),
    ),
    "sites.get": (STAFF, lambda ws, client, contact: ws.sites.get(site_of(ws, client, contact))),
    "sites.find": (STAFF, lambda ws, _, __: ws.sites.find(reference="S-1")),
    "sites.list": (STAFF, lambda ws, client, _: ws.sites.list(client.id)),
    "sites.update": (LEADS, lambda ws, client, contact: ws.sites.update(site_of(ws, client, contact), name="Attic")),
    "sites.set_status": (
        LEADS,
        lambda ws, client, contact: ws.sites.set_status(site_of(ws, client, contact), "limited"),
    ),
    "sites.archive": (LEADS, lambda ws, client, contact: ws.sites.archive(site_of(ws, client, contact))),
    "sites.restore": (LEADS, lambda ws, client, contact: ws.sites.restore(site_of(ws, client, contact))),
    "sites.remove": (LEADS, lambda ws, client, contact: ws.sites.remove(site_of(ws, client, contact))),
    "sites.set_contacts": (
        LEADS,
        lambda ws, client, contact: ws.sites.set_contacts(
            site_of(ws, client, contact), [EmergencyContact(name="Eve", phone="1")]
        ),
    ),
    "sites.may_schedule": (
        STAFF,
        lambda ws, client, contact: ws.sites.may_schedule(site_of(ws, client, contact), NOON),
    ),
    "sites.to_local": (STAFF, lambda ws, client, contact: ws.sites.to_local(site_of(ws, client, contact), NOON)),
    "audit.list": (HIGH, lambda ws, _, __: ws.audit.list()),
}
