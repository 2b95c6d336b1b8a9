"""What every operation needs: of staff one permission, of a client's user another or none that would do."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from clientmgmt.domain.roles import BELONG, ENTER, READ
from clientmgmt.domain.value import Value

__all__ = ["OPERATIONS", "Need"]


@attrs.frozen(repr=False, eq=False)
class Need(Value):
    """What an operation needs.

    ``staff`` is the permission that a staff user needs, ``client`` the one that a client's own user needs, for the
    client that the operation is about. ``None``: such an operation is not for clients' users at all. ``whole``: it is
    about the client as a whole, so that a scope of some sites does not do.
    """

    staff: str
    client: str | None = None
    whole: bool = False


OPERATIONS: Mapping[str, Need] = {
    "entrance": Need(ENTER),
    "clients.add": Need("clients.create"),
    "clients.get": Need(READ, BELONG),
    "clients.find": Need(READ),
    "clients.list": Need(READ, BELONG),
    "clients.references": Need(READ),
    "clients.set_status": Need("clients.status"),
    "clients.import_rows": Need("clients.create"),
    "clients.preview_import": Need("clients.create"),
    "contacts.add": Need("users.manage", "users.manage"),
    "contacts.add_many": Need("users.manage", "users.manage"),
    "contacts.get": Need(READ, BELONG),
    "contacts.find": Need(READ, BELONG),
    "contacts.list": Need(READ, BELONG),
    "contacts.update": Need("users.manage", BELONG),
    "contacts.update others": Need("users.manage", "users.manage"),
    "contacts.remove": Need("users.manage", "users.manage"),
    "contacts.suspend": Need("users.manage", "users.manage"),
    "contacts.resume": Need("users.manage", "users.manage"),
    "contacts.send_invite": Need("clients.invite", "clients.invite"),
    "contacts.send_invites": Need("clients.invite", "clients.invite"),
    "contacts.revoke_invite": Need("clients.invite", "clients.invite"),
    "contacts.most_recent": Need(READ, "users.manage", whole=True),
    "access.invitations": Need(READ, "clients.invite"),
    "access.invite_link": Need("clients.invite"),
    "access.may": Need(READ, BELONG),
    "access.explain": Need(READ, "users.manage"),
    "access.rights": Need(READ, BELONG),
    "access.preview_rights": Need("users.manage", "users.manage"),
    "access.set_rights": Need("users.manage", "users.manage"),
    "access.set_owner": Need("users.manage", BELONG),
    "access.visible_sites": Need(READ, BELONG),
    "access.deactivate": Need("users.deactivate"),
    "access.reactivate": Need("users.deactivate"),
    "access.set_password": Need("users.set_password"),
    "access.start_reset": Need("clients.invite"),
    "access.links": Need(READ, BELONG),
    "access.record_login": Need("users.manage"),
    "access.logins": Need(READ, BELONG),
    "staff.add": Need("users.staff"),
    "staff.get": Need("users.staff"),
    "staff.update": Need("users.staff"),
    "staff.set_roles": Need("users.staff"),
    "staff.deactivate": Need("users.staff"),
    "staff.find": Need("users.staff"),
    "staff.list": Need("users.staff"),
    "managers.add": Need("managers.assign"),
    "managers.remove": Need("managers.assign"),
    "managers.set_primary": Need("managers.assign"),
    "managers.list": Need(READ),
    "managers.clients_of": Need(READ),
    "managers.choices": Need(READ),
    "managers.assignable": Need(READ),
    "notifications.get": Need(READ),
    "notifications.list": Need(READ),
    "notifications.retry": Need("notifications.manage"),
    "notifications.cancel": Need("notifications.manage"),
    "sites.add": Need("sites.create"),
    "sites.get": Need(READ, BELONG),
    "sites.find": Need(READ, BELONG),
    "sites.list": Need(READ, BELONG),
    "sites.may_schedule": Need(READ, BELONG),
    "sites.to_local": Need(READ, BELONG),
    "sites.update": Need("sites.manage"),
    "sites.set_status": Need("sites.manage"),
    "sites.archive": Need("sites.manage"),
    "sites.restore": Need("sites.manage"),
    "sites.remove": Need("sites.manage"),
    "sites.set_contacts": Need("sites.manage"),
    "audit.list": Need("audit.read"),
}
"""What every operation of a workspace needs, and the entrance as a whole. What is not here cannot be called."""
