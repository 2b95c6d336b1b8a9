"""The places of clients. Source: organizations page, sites; contracts, sites."""

from __future__ import annotations

from datetime import UTC, datetime

import attrs
import pytest

from clientmgmt import Address, Client, EmergencyContact, InvalidInputError, NotFoundError, Scope, Site, SiteStatus
from clientmgmt.domain import SITE_LIFECYCLE, SiteTrigger
from clientmgmt.errors import (
    DuplicateReferenceError,
    IllegalTransitionError,
    SiteHasHistoryError,
    StaleVersionError,
    StateError,
)
from tests.box import Box

ADDRESS = Address(street="1 Main Street", city="Chicago", region="IL", postal_code="60601", country="US")
EVE = EmergencyContact(name="Eve Night", phone="+1 312 555 0100", function="night manager", hours="20:00-06:00")
MAX = EmergencyContact(name="Max Chief", phone="+1 312 555 0101", email="max@acme.example", critical=True)
NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)


def add(box: Box, client: Client, name: str = "Loop store", **fields: object) -> Site:
    given = {"name": name, "address": ADDRESS, "timezone": "America/Chicago"} | fields
    return box.ws.sites.add(client.id, **given)  # type: ignore[arg-type]


def test_a_site_has_an_address_a_time_zone_a_post_map_and_service_details(box: Box) -> None:
    acme = box.client()
    posts, details = {"Main door": "two guards", "Dock": "cameras"}, {"alarm": "box 4"}
    loop = add(box, acme, post_map=posts, details=details, reference="S-1")
    assert box.ws.sites.get(loop.id) == box.ws.sites.find(reference="S-1") == loop
    assert (loop.client_id, loop.name, loop.address, loop.timezone) == (
        acme.id,
        "Loop store",
        ADDRESS,
        "America/Chicago",
    )
    assert (loop.post_map, loop.details, loop.status, loop.archived_at) == (posts, details, SiteStatus.ACTIVE, None)
    assert (loop.created_at, loop.created_by, loop.contacts, loop.version) == (box.clock.now(), "staff:ada", (), 1)
    assert box.ws.sites.find(reference="S-2") is None
    entry = box.audit()[-1]
    assert (entry.action, entry.subject, entry.client_id) == ("site_added", loop.id, acme.id)
    assert entry.new == {"title": "Loop store", "timezone": "America/Chicago"}


def test_six_sites_come_in_pages_in_the_order_of_their_names(box: Box) -> None:
    acme = box.client()
    for letter in "CAFEBD":
        add(box, acme, letter)
    add(box, box.client("Bolt"), "A1")
    first = box.ws.sites.list(acme.id, limit=4)
    rest = box.ws.sites.list(acme.id, limit=4, cursor=first.next_cursor)
    assert [site.name for site in (*first, *rest)] == list("ABCDEF")
    assert rest.next_cursor is None


@pytest.mark.parametrize(
    "zone", ["", "Chicago", "america/chicago", "Mars/Olympus", "../etc/passwd", "UTC+1", "posixrules"]
)
def test_a_time_zone_is_one_that_there_is(memory_box: Box, zone: str) -> None:
    acme = memory_box.client()
    before = memory_box.dump()
    with pytest.raises(InvalidInputError) as refused:
        add(memory_box, acme, timezone=zone)
    assert set(refused.value.by_field()) == {"timezone"}
    assert memory_box.dump() == before


def test_everything_wrong_is_said_at_once(box: Box) -> None:
    acme = box.client()
    wrong = attrs.evolve(ADDRESS, street="", country="usa")
    before = box.dump()
    with pytest.raises(InvalidInputError) as refused:
        add(box, acme, name=" ", address=wrong, timezone="Nowhere", post_map={"": "x"})
    assert set(refused.value.by_field()) == {"name", "address.street", "address.country", "timezone", "post_map"}
    assert box.dump() == before


def test_an_update_changes_what_is_given_and_says_what(box: Box) -> None:
    loop = add(box, box.client(), reference="S-1", post_map={"Dock": "cameras"})
    moved = box.ws.sites.update(loop.id, timezone="Europe/Berlin", post_map=None, name="Loop")
    assert moved == attrs.evolve(loop, name="Loop", name_key="loop", timezone="Europe/Berlin", post_map=None, version=2)
    entry = box.audit()[-1]
    assert (entry.action, entry.new["changed"]) == ("site_updated", "name, timezone, post_map")
    before = box.dump()
    assert box.ws.sites.update(loop.id, name="Loop") == moved
    with pytest.raises(StaleVersionError):
        box.ws.sites.update(loop.id, name="Loops", expected_version=1)
    assert box.dump() == before


def test_a_reference_belongs_to_one_site(box: Box) -> None:
    acme = box.client()
    add(box, acme, reference="S-1")
    other = add(box, acme, "Other", reference="S-2")
    before = box.dump()
    with pytest.raises(DuplicateReferenceError):
        add(box, acme, "Third", reference="S-1")
    with pytest.raises(DuplicateReferenceError):
        box.ws.sites.update(other.id, reference="S-1")
    assert box.dump() == before
    assert box.ws.sites.update(other.id, reference=None).reference is None


@pytest.mark.parametrize("status", SiteStatus)
@pytest.mark.parametrize("target", SiteStatus)
def test_its_status_goes_where_the_table_leads(memory_box: Box, status: SiteStatus, target: SiteStatus) -> None:
    loop = add(memory_box, memory_box.client())
    memory_box.ws.sites.set_status(loop.id, status)
    before = memory_box.dump()
    if target is status:
        assert memory_box.ws.sites.set_status(loop.id, target).status is status
        assert memory_box.dump() == before
    elif SITE_LIFECYCLE.allows(status, SiteTrigger.to(target)):
        assert memory_box.ws.sites.set_status(loop.id, target).status is target
        assert (memory_box.audit()[-1].old, memory_box.audit()[-1].new) == ({"status": status}, {"status": target})
    else:
        assert (status, target) == (SiteStatus.CLOSED, SiteStatus.LIMITED)
        with pytest.raises(IllegalTransitionError):
            memory_box.ws.sites.set_status(loop.id, target)
        assert memory_box.dump() == before


def test_archiving_closes_it_and_restoring_leaves_it_closed(box: Box) -> None:
    acme = box.client()
    loop = add(box, acme)
    at = box.later(days=1)
    archived = box.ws.sites.archive(loop.id)
    assert archived.changed
    assert (archived.site.status, archived.site.archived_at, archived.warnings) == (SiteStatus.CLOSED, at, ())
    assert (box.audit()[-1].action, box.audit()[-1].new) == ("site_archived", {"status": "active"})
    assert box.ws.sites.list(acme.id).items == ()
    assert box.ws.sites.list(acme.id, archived=True).items == box.ws.sites.list(acme.id, archived=None).items
    before = box.dump()
    assert not box.ws.sites.archive(loop.id).changed
    with pytest.raises(StateError):
        box.ws.sites.set_status(loop.id, "active")
    assert box.dump() == before
    restored = box.ws.sites.restore(loop.id)
    assert (restored.status, restored.archived_at) == (SiteStatus.CLOSED, None)
    before = box.dump()
    assert box.ws.sites.restore(loop.id) == restored
    assert box.dump() == before
    assert box.ws.sites.set_status(loop.id, "active").status is SiteStatus.ACTIVE


def test_new_work_is_planned_at_active_sites_and_at_limited_ones_by_override(box: Box) -> None:
    loop = add(box, box.client())

    def answer(**options: bool) -> tuple[bool, str]:
        decision = box.ws.sites.may_schedule(loop.id, NOON, **options)
        return decision.allowed, decision.rule

    assert answer() == (True, "site_active")
    box.ws.sites.set_status(loop.id, "limited")
    assert answer() == (False, "site_limited")
    assert answer(override_limited=True) == (True, "override")
    box.ws.sites.set_status(loop.id, "closed")
    assert answer(override_limited=True) == (False, "site_closed")
    box.ws.sites.archive(loop.id)
    assert answer(override_limited=True) == (False, "site_archived")


@pytest.mark.parametrize(
    ("status", "allowed"), [("prospect", False), ("inactive", True), ("paused", False), ("closed", False)]
)
def test_a_client_that_suspends_what_depends_on_it_has_no_new_work(
    memory_box: Box, status: str, *, allowed: bool
) -> None:
    acme = memory_box.client(status="prospect" if status == "prospect" else "active")
    loop = add(memory_box, acme)
    if status != "prospect":
        memory_box.ws.clients.set_status(acme.id, status)
    decision = memory_box.ws.sites.may_schedule(loop.id, NOON, override_limited=True)
    assert (decision.allowed, decision.rule) == (allowed, "site_active" if allowed else "client_suspended")


def test_schedules_are_drawn_in_the_time_of_the_site(box: Box) -> None:
    loop = add(box, box.client())
    assert box.ws.sites.to_local(loop.id, NOON).isoformat() == "2026-01-05T06:00:00-06:00"
    box.ws.sites.update(loop.id, timezone="Asia/Kolkata")
    assert box.ws.sites.to_local(loop.id, NOON).isoformat() == "2026-01-05T17:30:00+05:30"


def test_emergency_contacts_are_the_sites_own_and_ordered(box: Box) -> None:
    acme = box.client()
    loop = add(box, acme)
    called = box.ws.sites.set_contacts(loop.id, [MAX, EVE])
    assert called.contacts == (MAX, EVE)
    assert box.ws.sites.get(loop.id) == called
    assert box.ws.contacts.list(acme.id).items == ()
    before = box.dump()
    assert box.ws.sites.set_contacts(loop.id, [MAX, EVE]) == called
    assert box.dump() == before
    assert box.ws.sites.set_contacts(loop.id, [EVE, MAX]).contacts == (EVE, MAX)


def test_a_change_of_a_critical_contact_is_told_apart(box: Box) -> None:
    loop = add(box, box.client())

    def told() -> tuple[str, str]:
        entry = box.audit()[-1]
        assert entry.action == "site_contact_changed"
        return entry.new["names"], entry.new["critical"]

    box.ws.sites.set_contacts(loop.id, [EVE])
    assert told() == ("Eve Night", "False")
    box.ws.sites.set_contacts(loop.id, [EVE, MAX])
    assert told() == ("Max Chief", "True")
    box.ws.sites.set_contacts(loop.id, [attrs.evolve(EVE, hours=None), MAX])
    assert told() == ("Eve Night", "False")
    box.ws.sites.set_contacts(loop.id, [attrs.evolve(EVE, hours=None), attrs.evolve(MAX, phone="1")])
    assert told() == ("Max Chief", "True")
    box.ws.sites.set_contacts(loop.id, [])
    assert told() == ("Eve Night, Max Chief", "True")


def test_each_contact_has_a_name_and_a_phone_number(box: Box) -> None:
    loop = add(box, box.client())
    before = box.dump()
    nobody = EmergencyContact(name="", phone=" ", email="nowhere", critical="yes")  # type: ignore[arg-type]
    with pytest.raises(InvalidInputError) as refused:
        box.ws.sites.set_contacts(loop.id, [EVE, nobody, "Max"])  # type: ignore[list-item]
    fields = {"contacts.1.name", "contacts.1.phone", "contacts.1.email", "contacts.1.critical", "contacts.2"}
    assert set(refused.value.by_field()) == fields
    assert box.dump() == before


def test_a_site_without_history_can_be_removed(box: Box) -> None:
    loop = add(box, box.client())
    box.ws.sites.remove(loop.id)
    with pytest.raises(NotFoundError):
        box.ws.sites.get(loop.id)
    assert (box.audit()[-1].action, box.audit()[-1].new) == ("site_removed", {"title": "Loop store"})


def test_one_that_something_tells_of_is_archived_instead(box: Box) -> None:
    acme = box.client()
    loop = add(box, acme)
    jane = box.contact(acme, scope=Scope.only(loop.id))
    box.ws.sites.set_contacts(loop.id, [EVE])
    before = box.dump()
    with pytest.raises(SiteHasHistoryError) as refused:
        box.ws.sites.remove(loop.id)
    assert len(refused.value.violations) == 2
    assert box.dump() == before
    box.ws.sites.set_contacts(loop.id, [])
    with pytest.raises(SiteHasHistoryError):
        box.ws.sites.remove(loop.id)
    box.ws.contacts.remove(jane.id)
    box.ws.sites.remove(loop.id)


def test_the_same_key_adds_one_site(box: Box) -> None:
    acme = box.client()
    first = add(box, acme, details={"a": "b"}, idempotency_key="loop")
    assert add(box, acme, details={"a": "b"}, idempotency_key="loop") == first
    assert len(box.ws.sites.list(acme.id)) == 1
