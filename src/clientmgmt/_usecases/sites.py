"""The places of clients: adding, finding, changing, putting away."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from clientmgmt._usecases.authorize import authorize
from clientmgmt._usecases.loading import load_client, load_site
from clientmgmt._usecases.paging import find_page
from clientmgmt._usecases.sight import sites_in_sight
from clientmgmt._usecases.work import Work
from clientmgmt.domain.address import Address
from clientmgmt.domain.form import Form
from clientmgmt.domain.ids import ClientId, SiteId
from clientmgmt.domain.results import Archiving, Page
from clientmgmt.domain.rights import Decision
from clientmgmt.domain.sites import EmergencyContact, Site, may_schedule, read_emergency_contacts, read_site
from clientmgmt.domain.states import SiteStatus
from clientmgmt.domain.zones import to_local
from clientmgmt.errors import Violation, refuse
from clientmgmt.ports.collections import CLIENTS, SITE_ACCESS, SITES

__all__ = [
    "add_site",
    "archive_site",
    "find_site",
    "get_site",
    "list_sites",
    "may_schedule_at",
    "remove_site",
    "restore_site",
    "set_site_contacts",
    "set_site_status",
    "to_site_time",
    "update_site",
]


def add_site(
    work: Work,
    client_id: ClientId,
    *,
    name: str,
    address: Address,
    timezone: str,
    post_map: Mapping[str, str] | None,
    reference: str | None,
    details: Mapping[str, str] | None,
) -> Site:
    """Write a site; its reference is unique in the tenant."""
    client = load_client(work, client_id, "sites.add")
    form, stamp = Form(), work.stamp()
    blank = Site(
        id=SiteId(stamp.id),
        client_id=client.id,
        name="",
        name_key="",
        address=Address(street="", city="", country=""),
        timezone="",
        created_at=stamp.at,
        created_by=stamp.actor,
    )
    given = {"name": name, "address": address, "timezone": timezone, "post_map": post_map, "reference": reference}
    site = read_site(form, blank, given | {"details": {} if details is None else details})
    form.note(_taken(work, site))
    form.check()
    work.uow.add(SITES, site)
    work.record(site.added(stamp))
    return site


def get_site(work: Work, site_id: SiteId) -> Site:
    """One site."""
    return load_site(work, site_id, "sites.get")


def find_site(work: Work, *, reference: str) -> Site | None:
    """The site with this reference."""
    authorize(work, "sites.find")
    form = Form()
    wanted = form.text("reference", reference)
    form.check()
    found = work.uow.find(SITES, SITES.reference.eq(wanted), *sites_in_sight(work))
    return next(iter(found), None)


def list_sites(work: Work, client_id: ClientId, *, archived: bool | None, limit: int, cursor: str | None) -> Page[Site]:
    """A page of the sites of a client, in the order of their names."""
    client = load_client(work, client_id, "sites.list")
    form = Form()
    where = [SITES.client_id.eq(client.id), *sites_in_sight(work)]
    if archived is not None:
        put_away = form.flag("archived", archived)
        where.append(SITES.archived_at.present() if put_away else SITES.archived_at.eq(None))
    form.check()
    rows, following = find_page(work, SITES, *where, order=SITES.name_key.asc(), limit=limit, cursor=cursor)
    return Page(rows, following)


def update_site(work: Work, site_id: SiteId, given: Mapping[str, object], *, expected_version: int | None) -> Site:
    """Change the fields that are given; nothing is written if that changes nothing."""
    site = load_site(work, site_id, "sites.update", lock=True)
    form = Form()
    form.version(site.version, expected_version)
    changed = read_site(form, site, given)
    if changed.reference != site.reference:
        form.note(_taken(work, changed))
    form.check()
    fact = site.changed(changed, work.stamp())
    if not fact.changed:
        return site
    work.record(fact)
    return work.uow.save(SITES, changed)


def set_site_status(work: Work, site_id: SiteId, status: str) -> Site:
    """Write a site's status if the table has the step; the same status again changes nothing."""
    site = load_site(work, site_id, "sites.set_status", lock=True)
    form = Form()
    target = form.choice("status", status, SiteStatus)
    form.check()
    if target is site.status:
        return site
    changed, fact = site.set_status(target, work.stamp())
    work.record(fact)
    return work.uow.save(SITES, changed)


def archive_site(work: Work, site_id: SiteId) -> Archiving:
    """Close a site and put it away."""
    site = load_site(work, site_id, "sites.archive", lock=True)
    if site.archived_at is not None:
        return Archiving(site=site, changed=False)
    changed, fact = site.archive(work.stamp())
    work.record(fact)
    return Archiving(site=work.uow.save(SITES, changed), changed=True)


def restore_site(work: Work, site_id: SiteId) -> Site:
    """Bring an archived site back, closed."""
    site = load_site(work, site_id, "sites.restore", lock=True)
    if site.archived_at is None:
        return site
    changed, fact = site.restore(work.stamp())
    work.record(fact)
    return work.uow.save(SITES, changed)


def remove_site(work: Work, site_id: SiteId) -> None:
    """Remove a site that nothing tells of."""
    site = load_site(work, site_id, "sites.remove", lock=True)
    refuse(_history(work, site))
    work.uow.remove(SITES, site.id)
    work.record(site.removed(work.stamp()))


def set_site_contacts(work: Work, site_id: SiteId, contacts: Sequence[EmergencyContact]) -> Site:
    """Give a site these emergency contacts instead of those that it has."""
    site = load_site(work, site_id, "sites.set_contacts", lock=True)
    form = Form()
    read = read_emergency_contacts(form, contacts)
    form.check()
    if read == site.contacts:
        return site
    changed, fact = site.set_contacts(read, work.stamp())
    work.record(fact)
    return work.uow.save(SITES, changed)


def may_schedule_at(work: Work, site_id: SiteId, at: datetime, *, override_limited: bool) -> Decision:
    """Whether new work can be planned at a site."""
    site = load_site(work, site_id, "sites.may_schedule")
    form = Form()
    form.moment("at", at)
    override = form.flag("override_limited", override_limited)
    form.check()
    return may_schedule(site, work.uow.get(CLIENTS, site.client_id), override_limited=override)


def to_site_time(work: Work, site_id: SiteId, instant: datetime) -> datetime:
    """A moment as the clocks at a site show it."""
    site = load_site(work, site_id, "sites.to_local")
    form = Form()
    moment = form.moment("instant", instant)
    form.check()
    return to_local(moment, site.timezone)


def _taken(work: Work, site: Site) -> tuple[Violation, ...]:
    if site.reference is None or not work.uow.count(SITES, SITES.reference.eq(site.reference)):
        return ()
    return (Violation("duplicate_reference", "belongs to another site", "reference"),)


def _history(work: Work, site: Site) -> tuple[Violation, ...]:
    """What tells of a site, so that it cannot be removed."""
    found = {
        "has emergency contacts": bool(site.contacts),
        "is in the scope of contacts": work.uow.count(SITE_ACCESS, SITE_ACCESS.site_id.eq(site.id)) > 0,
    }
    told = [what for what, is_so in found.items() if is_so]
    return tuple(Violation("site_has_history", f"{what}: archive it instead", "site") for what in told)
