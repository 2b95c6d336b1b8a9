"""Sites: the places of a client where service is done."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import attrs

from clientmgmt.domain.address import Address, read_address
from clientmgmt.domain.client import Client
from clientmgmt.domain.events import (
    SiteAdded,
    SiteArchived,
    SiteContactChanged,
    SiteRemoved,
    SiteRestored,
    SiteStatusChanged,
    SiteUpdated,
    Stamp,
)
from clientmgmt.domain.form import Form
from clientmgmt.domain.ids import ClientId, SiteId
from clientmgmt.domain.rights import Decision
from clientmgmt.domain.states import SITE_LIFECYCLE, SiteStatus, SiteTrigger
from clientmgmt.domain.text import name_key
from clientmgmt.domain.unset import UNSET
from clientmgmt.domain.value import Value
from clientmgmt.domain.zones import read_zone
from clientmgmt.errors import StateError, Violation

__all__ = ["EmergencyContact", "Site", "may_schedule", "read_emergency_contacts", "read_site"]

_MOST_CONTACTS = 100
_MOST_WORDS = 200


@attrs.frozen(kw_only=True, repr=False, eq=False)
class EmergencyContact(Value):
    """Somebody to call about a site. It belongs to the site alone and gets no mail.

    ``hours`` says when, in the site's own words. A change of one that is ``critical`` is told apart.
    """

    name: str
    phone: str
    email: str | None = None
    function: str | None = None
    hours: str | None = None
    critical: bool = False


@attrs.frozen(kw_only=True, repr=False, eq=False)
class Site(Value):
    """A place of a client where service is done.

    ``timezone`` is an IANA name. ``post_map`` says what is done at each post, ``details`` hold whatever the service
    needs; both are text by name. ``contacts`` are whom to call, in that order.
    """

    id: SiteId
    client_id: ClientId
    name: str
    name_key: str
    address: Address
    timezone: str
    status: SiteStatus = SiteStatus.ACTIVE
    archived_at: datetime | None = None
    reference: str | None = None
    post_map: Mapping[str, str] | None = None
    details: Mapping[str, str] = attrs.field(factory=dict)
    contacts: tuple[EmergencyContact, ...] = ()
    created_at: datetime
    created_by: str
    version: int = 1

    def added(self, stamp: Stamp) -> SiteAdded:
        """That this site is there."""
        return SiteAdded(
            stamp=stamp, subject=self.id, client_id=self.client_id, title=self.name, timezone=self.timezone
        )

    def changed(self, new: Site, stamp: Stamp) -> SiteUpdated:
        """What ``new`` has otherwise."""
        fields = ("name", "address", "timezone", "post_map", "details", "reference")
        return SiteUpdated(
            stamp=stamp,
            subject=self.id,
            client_id=self.client_id,
            changed=tuple(field for field in fields if getattr(self, field) != getattr(new, field)),
            title=new.name,
            timezone=new.timezone,
        )

    def set_status(self, status: SiteStatus, stamp: Stamp) -> tuple[Site, SiteStatusChanged]:
        """The site in ``status``; ``IllegalTransitionError`` if the table has no such step.

        An archived one stays closed until it is restored (``StateError``).
        """
        if self.archived_at is not None:
            raise StateError([Violation("site_archived", "is archived: restore it first", "site")])
        target = SITE_LIFECYCLE.target(self.status, SiteTrigger.to(status))
        fact = SiteStatusChanged(stamp=stamp, subject=self.id, client_id=self.client_id, old=self.status, new=target)
        return attrs.evolve(self, status=target), fact

    def archive(self, stamp: Stamp) -> tuple[Site, SiteArchived]:
        """The site that is closed and put away."""
        fact = SiteArchived(stamp=stamp, subject=self.id, client_id=self.client_id, status=self.status)
        return attrs.evolve(self, status=SiteStatus.CLOSED, archived_at=stamp.at), fact

    def restore(self, stamp: Stamp) -> tuple[Site, SiteRestored]:
        """The site that is closed, and not put away any more."""
        fact = SiteRestored(stamp=stamp, subject=self.id, client_id=self.client_id)
        return attrs.evolve(self, archived_at=None), fact

    def removed(self, stamp: Stamp) -> SiteRemoved:
        """That this site is gone."""
        return SiteRemoved(stamp=stamp, subject=self.id, client_id=self.client_id, title=self.name)

    def set_contacts(self, contacts: tuple[EmergencyContact, ...], stamp: Stamp) -> tuple[Site, SiteContactChanged]:
        """The site with these contacts instead. It is critical if one that is so comes, goes or changes."""
        touched = [one for one in (*self.contacts, *contacts) if (one in self.contacts) is not (one in contacts)]
        fact = SiteContactChanged(
            stamp=stamp,
            subject=self.id,
            client_id=self.client_id,
            names=tuple(dict.fromkeys(one.name for one in touched)),
            critical=any(one.critical for one in touched),
        )
        return attrs.evolve(self, contacts=contacts), fact


def read_site(form: Form, site: Site, given: Mapping[str, object]) -> Site:
    """``site`` with the fields that are given, read and checked; what is wrong with them is noted in ``form``."""
    read: dict[str, Any] = {
        name: reader(form, name, given[name])
        for name, reader in _READERS.items()
        if given.get(name, UNSET) is not UNSET
    }
    if "name" in read:
        read["name_key"] = name_key(str(read["name"]))
    return attrs.evolve(site, **read)


def read_emergency_contacts(form: Form, contacts: object) -> tuple[EmergencyContact, ...]:
    """The contacts as they are stored; what is wrong with them is noted in ``form``, by their place in the list."""
    given = form.items("contacts", contacts)
    if len(given) > _MOST_CONTACTS:
        message = f"must not be more than {_MOST_CONTACTS}"
        data = {"limit": _MOST_CONTACTS, "count": len(given)}
        form.note([Violation("too_long", message, "contacts", data)])
        return ()
    return tuple(_read_contact(form, f"contacts.{number}", one) for number, one in enumerate(given))


def may_schedule(site: Site, client: Client, *, override_limited: bool) -> Decision:
    """Whether new work can be planned at ``site``."""
    for applies, rule, reason in _obstacles(site, client):
        if applies:
            return Decision(allowed=False, rule=rule, reasons=(reason,))
    if site.status is SiteStatus.ACTIVE:
        return Decision(allowed=True, rule="site_active", reasons=("the site is active",))
    if override_limited:
        return Decision(allowed=True, rule="override", reasons=("the site is limited, which is overridden",))
    return Decision(allowed=False, rule="site_limited", reasons=("the site is limited",))


def _obstacles(site: Site, client: Client) -> Iterable[tuple[bool, str, str]]:
    yield site.archived_at is not None, "site_archived", "the site is archived"
    yield site.status is SiteStatus.CLOSED, "site_closed", "the site is closed"
    yield client.status.suspends_downstream, "client_suspended", f"the client is {client.status}"


def _read_contact(form: Form, field: str, value: object) -> EmergencyContact:
    if not isinstance(value, EmergencyContact):
        form.note([Violation("not_a_contact", "must be an EmergencyContact", field)])
        return EmergencyContact(name="", phone="")
    address = form.optional(f"{field}.email", value.email, limit=320)
    return EmergencyContact(
        name=form.text(f"{field}.name", value.name),
        phone=form.text(f"{field}.phone", value.phone, limit=50),
        email=None if address is None else form.email(f"{field}.email", address).address,
        function=form.optional(f"{field}.function", value.function, limit=100),
        hours=form.optional(f"{field}.hours", value.hours, limit=100),
        critical=form.flag(f"{field}.critical", value.critical),
    )


def _read_words(form: Form, field: str, value: object) -> dict[str, str]:
    """Text by name, both checked."""
    if not isinstance(value, Mapping):
        form.note([Violation("not_a_mapping", "must be text by name", field)])
        return {}
    if len(value) > _MOST_WORDS:
        message = f"must not have more than {_MOST_WORDS} entries"
        form.note([Violation("too_long", message, field, {"limit": _MOST_WORDS, "count": len(value)})])
        return {}
    return {form.text(field, name, limit=100): form.text(field, text, limit=2000) for name, text in value.items()}


def _read_name(form: Form, field: str, value: object) -> str:
    return form.text(field, value)


def _read_reference(form: Form, field: str, value: object) -> str | None:
    return form.optional(field, value)


def _read_post_map(form: Form, field: str, value: object) -> dict[str, str] | None:
    return None if value is None else _read_words(form, field, value)


_READERS = {
    "name": _read_name,
    "address": read_address,
    "timezone": read_zone,
    "post_map": _read_post_map,
    "details": _read_words,
    "reference": _read_reference,
}
