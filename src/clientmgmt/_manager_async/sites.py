# Written by scripts/asyncify.py from _manager/sites.py: change that one.
"""Sites, as a workspace offers them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from clientmgmt._manager_async.group import Group
from clientmgmt._usecases import sites
from clientmgmt.domain.address import Address
from clientmgmt.domain.ids import ClientId, SiteId
from clientmgmt.domain.results import Archiving, Page
from clientmgmt.domain.rights import Decision
from clientmgmt.domain.sites import EmergencyContact, Site
from clientmgmt.domain.unset import UNSET, Unset

__all__ = ["SiteGroup"]


class SiteGroup(Group):
    """``ws.sites``: the places of clients where service is done."""

    __slots__ = ()

    async def add(
        self,
        client_id: ClientId,
        *,
        name: str,
        address: Address,
        timezone: str,
        post_map: Mapping[str, str] | None = None,
        reference: str | None = None,
        details: Mapping[str, str] | None = None,
        idempotency_key: str | None = None,
    ) -> Site:
        """Add a site to a client. Needs ``sites.create``.

        Args:
            client_id: the client.
            name: 1 to 200 characters.
            address: where it is; street, city and country are required.
            timezone: an IANA time zone such as ``America/Chicago``.
            post_map: what is done at each post, by the name of the post; up to 200.
            reference: the host's own id, unique in the tenant.
            details: whatever the service needs, text by name; up to 200.
            idempotency_key: the same key with the same arguments again changes nothing and answers the same.

        Raises:
            InvalidInputError: fields are missing or malformed.
            DuplicateReferenceError: the reference is another site's.
            IdempotencyConflictError: the key was used for something else.

        >>> from clientmgmt import Address, ClientManager, System
        >>> ws = ClientManager("memory:").workspace("northwind", actor=System("docs"))
        >>> acme = ws.clients.add(name="Acme Retail", email="ap@acme.example")
        >>> loop = ws.sites.add(
        ...     acme.id,
        ...     name="Loop store",
        ...     address=Address(street="1 Main Street", city="Chicago", country="US"),
        ...     timezone="America/Chicago",
        ... )
        >>> loop.status.value
        'active'
        """
        return await self._calls.write_once(
            idempotency_key,
            "sites.add",
            Site,
            sites.add_site,
            client_id,
            name=name,
            address=address,
            timezone=timezone,
            post_map=post_map,
            reference=reference,
            details=details,
        )

    async def get(self, site_id: SiteId) -> Site:
        """One site."""
        return await self._calls.read(sites.get_site, site_id)

    async def find(self, *, reference: str) -> Site | None:
        """The site with this reference."""
        return await self._calls.read(sites.find_site, reference=reference)

    async def list(
        self, client_id: ClientId, *, archived: bool | None = False, limit: int = 50, cursor: str | None = None
    ) -> Page[Site]:
        """A page of the sites of a client in the order of their names.

        Args:
            client_id: the client.
            archived: only those that are archived, only those that are not (the default), or with ``None`` both.
            limit: 1 to 1000.
            cursor: where to go on: the ``next_cursor`` of the page before.
        """
        return await self._calls.read(sites.list_sites, client_id, archived=archived, limit=limit, cursor=cursor)

    async def update(
        self,
        site_id: SiteId,
        *,
        name: str | Unset = UNSET,
        address: Address | Unset = UNSET,
        timezone: str | Unset = UNSET,
        post_map: Mapping[str, str] | Unset | None = UNSET,
        reference: str | Unset | None = UNSET,
        details: Mapping[str, str] | Unset = UNSET,
        expected_version: int | None = None,
    ) -> Site:
        """Change a site; what is not given stays, ``None`` clears. Needs ``sites.manage``.

        Args:
            site_id: the site.
            name: as in :meth:`add`.
            address: as in :meth:`add`.
            timezone: as in :meth:`add`; from now on, work is shown in it.
            post_map: as in :meth:`add`, as a whole.
            reference: as in :meth:`add`.
            details: as in :meth:`add`, as a whole.
            expected_version: the ``version`` that was seen; nothing is changed if there is a newer one.

        Raises:
            InvalidInputError: a field is malformed.
            DuplicateReferenceError: the reference is another site's.
            StaleVersionError: somebody else changed the site first.
        """
        given = {
            "name": name,
            "address": address,
            "timezone": timezone,
            "post_map": post_map,
            "reference": reference,
            "details": details,
        }
        return await self._calls.write(sites.update_site, site_id, given, expected_version=expected_version)

    async def set_status(self, site_id: SiteId, status: str) -> Site:
        """Set what a site is: ``active``, ``limited`` or ``closed``; the same again changes nothing.

        Needs ``sites.manage``. A closed site is reopened as an active one.

        Raises:
            UnknownNameError: there is no such status.
            IllegalTransitionError: nothing leads there from its status.
            StateError: the site is archived.
        """
        return await self._calls.write(sites.set_site_status, site_id, status)

    async def archive(self, site_id: SiteId) -> Archiving:
        """Close a site and put it away: nothing new is planned there. Needs ``sites.manage``."""
        return await self._calls.write(sites.archive_site, site_id)

    async def restore(self, site_id: SiteId) -> Site:
        """Bring an archived site back; it is closed until its status is set. Needs ``sites.manage``."""
        return await self._calls.write(sites.restore_site, site_id)

    async def remove(self, site_id: SiteId) -> None:
        """Remove a site that was added by mistake. Needs ``sites.manage``.

        Raises:
            SiteHasHistoryError: something tells of it; archive it instead.
        """
        await self._calls.write(sites.remove_site, site_id)

    async def set_contacts(self, site_id: SiteId, contacts: Sequence[EmergencyContact]) -> Site:
        """Say whom to call about a site, in that order, instead of those before. Needs ``sites.manage``.

        They belong to the site alone: they get no mail and cannot sign in.

        Args:
            site_id: the site.
            contacts: up to 100, each with a name and a phone number.

        Raises:
            InvalidInputError: something in them is missing or malformed.
        """
        return await self._calls.write(sites.set_site_contacts, site_id, contacts)

    async def may_schedule(self, site_id: SiteId, at: datetime, *, override_limited: bool = False) -> Decision:
        """Whether new work can be planned at a site.

        Args:
            site_id: the site.
            at: when the work would begin, with a zone.
            override_limited: whether somebody has said that it may be, although the site is limited.
        """
        return await self._calls.read(sites.may_schedule_at, site_id, at, override_limited=override_limited)

    async def to_local(self, site_id: SiteId, instant: datetime) -> datetime:
        """A moment as the clocks at a site show it: what a schedule is drawn with.

        Args:
            site_id: the site.
            instant: a moment with any zone.
        """
        return await self._calls.read(sites.to_site_time, site_id, instant)
