"""For which sites a contact has its rights. Source: people model, scope; organizations page, portal users."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from clientmgmt import Client, Contact, InvalidInputError, NotFoundError, Scope, Site, SiteId
from clientmgmt.adapters.memory._unit import InMemoryUnitOfWork
from clientmgmt.ports.collections import SITE_ACCESS
from tests.box import Box
from tests.stories.operations import ADDRESS


def add_sites(box: Box, client: Client, *names: str) -> list[Site]:
    return [box.ws.sites.add(client.id, name=name, address=ADDRESS, timezone="UTC") for name in names]


def rule(box: Box, contact: Contact, permission: str, site: Site | None = None) -> str:
    site_id = None if site is None else site.id
    asked = box.as_user(contact.user_id).access.may(permission, contact.client_id, site_id=site_id)
    assert asked == box.ws.access.explain(contact.user_id, permission, contact.client_id, site_id=site_id)
    return asked.rule


def names(sites: object) -> list[str]:
    assert isinstance(sites, tuple)
    return [site.name for site in sites]


def test_the_scope_of_an_organization_has_every_site_also_those_to_come(box: Box) -> None:
    acme = box.client()
    jane = box.active(acme)
    assert jane.scope == box.ws.access.rights(jane.id).scope == Scope.everything()
    lobby, _ = add_sites(box, acme, "Lobby", "Roof")
    assert rule(box, jane, "reports") == rule(box, jane, "reports", lobby) == "role"
    assert names(box.ws.access.visible_sites(jane.user_id, "reports", acme.id)) == ["Lobby", "Roof"]
    assert names(box.as_user(jane.user_id).sites.list(acme.id).items) == ["Lobby", "Roof"]


def test_a_scope_of_some_sites_has_exactly_these(box: Box) -> None:
    acme = box.client()
    lobby, roof, yard = add_sites(box, acme, "Lobby", "Roof", "Yard")
    jane = box.active(acme, scope=Scope.only(lobby.id, yard.id))
    assert jane.scope == box.ws.access.rights(jane.id).scope == Scope.only(yard.id, lobby.id)
    assert rule(box, jane, "reports", yard) == "role"
    assert names(box.ws.access.visible_sites(jane.user_id, "reports", acme.id)) == ["Lobby", "Yard"]
    assert box.ws.access.visible_sites(jane.user_id, "invoices", acme.id) == ()
    box.ws.access.set_rights(jane.id, role="client_admin")
    wide = box.active(acme, "Ann")
    seen = box.as_user(jane.user_id).access.visible_sites(wide.user_id, "reports", acme.id)
    assert names(seen) == ["Lobby", "Yard"]
    ws = box.as_user(jane.user_id)
    assert names(ws.access.visible_sites(jane.user_id, "reports", acme.id)) == ["Lobby", "Yard"]
    assert names(ws.sites.list(acme.id).items) == ["Lobby", "Yard"]
    add_sites(box, acme, "Annex")
    assert names(ws.sites.list(acme.id).items) == ["Lobby", "Yard"]
    for hidden in (roof.id, SiteId(UUID(int=7))):
        with pytest.raises(NotFoundError, match="site"):
            ws.sites.get(hidden)
        with pytest.raises(NotFoundError, match="site"):
            ws.access.may("reports", acme.id, site_id=hidden)
    assert box.ws.access.explain(jane.user_id, "reports", acme.id, site_id=roof.id).rule == "out_of_scope"


def test_what_belongs_to_the_client_as_a_whole_needs_the_whole_scope(box: Box) -> None:
    acme = box.client()
    (lobby,) = add_sites(box, acme, "Lobby")
    jane = box.active(acme, role="client_billing", scope=Scope.only(lobby.id))
    assert rule(box, jane, "invoices") == "out_of_scope"
    box.ws.access.set_rights(jane.id, scope=Scope.everything())
    assert rule(box, jane, "invoices") == "role"


def test_a_change_acts_on_the_very_next_call_also_amid_a_listing(box: Box) -> None:
    acme = box.client()
    sites = add_sites(box, acme, *"ABCD")
    jane = box.active(acme)
    ws = box.as_user(jane.user_id)
    first = ws.sites.list(acme.id, limit=1)
    assert names(first.items) == ["A"]
    changed = box.ws.access.set_rights(jane.id, scope=Scope.only(sites[0].id, sites[3].id))
    assert changed == box.now_of(jane)
    rest = ws.sites.list(acme.id, limit=3, cursor=first.next_cursor)
    assert (names(rest.items), rest.next_cursor) == (["D"], None)
    entry = box.audit()[-1]
    assert (entry.action, entry.new["sites"]) == ("contact_rights_changed", f"{sites[0].id}, {sites[3].id}")
    before = box.dump()
    box.ws.access.set_rights(jane.id, scope=Scope.only(sites[3].id, sites[0].id))
    assert box.dump() == before
    box.ws.access.set_rights(jane.id, scope=Scope.only(sites[1].id))
    assert names(ws.sites.list(acme.id).items) == ["B"]


def test_a_preview_shows_both_scopes_and_changes_nothing(box: Box) -> None:
    acme = box.client()
    (lobby,) = add_sites(box, acme, "Lobby")
    jane = box.contact(acme)
    before = box.dump()
    preview = box.ws.access.preview_rights(jane.id, scope=Scope.only(lobby.id))
    assert (preview.before.scope, preview.after.scope) == (Scope.everything(), Scope.only(lobby.id))
    assert box.dump() == before


def test_a_scope_names_sites_of_this_client_only(box: Box) -> None:
    acme, bolt = box.client(), box.client("Bolt")
    (lobby,) = add_sites(box, acme, "Lobby")
    (yard,) = add_sites(box, bolt, "Yard")
    elsewhere = box.neighbour()
    (far,) = add_sites(elsewhere, elsewhere.client(), "Far")
    jane = box.contact(acme)
    before = box.dump()
    for wrong in (yard.id, far.id, SiteId(UUID(int=7))):
        scope = Scope.only(lobby.id, wrong)
        with pytest.raises(InvalidInputError) as refused:
            box.contact(acme, "Bob", scope=scope)
        assert [violation.code for violation in refused.value.violations] == ["unknown_site"]
        with pytest.raises(InvalidInputError) as again:
            box.ws.access.set_rights(jane.id, scope=scope)
        assert again.value.violations == refused.value.violations
    assert box.dump() == before


@pytest.mark.parametrize("ids", [[], [5], [None], ["lobby"]])
def test_a_scope_of_no_site_is_none(ids: list[object]) -> None:
    with pytest.raises(InvalidInputError):
        Scope.only(*ids)  # type: ignore[arg-type]


def test_of_contacts_it_has_itself_and_those_who_share_a_site(box: Box) -> None:
    acme = box.client()
    lobby, roof, yard = add_sites(box, acme, "Lobby", "Roof", "Yard")
    jane = box.active(acme, role="client_admin", scope=Scope.only(lobby.id, yard.id))
    scopes = {
        "Ann": Scope.everything(),
        "Bob": Scope.only(lobby.id),
        "Cyd": Scope.only(roof.id),
        "Dan": Scope.only(roof.id, yard.id),
    }
    people = {name: box.contact(acme, name, scope=scope) for name, scope in scopes.items()}
    ws = box.as_user(jane.user_id)
    assert [contact.first_name for contact in ws.contacts.list(acme.id)] == ["Ann", "Bob", "Dan", "Jane"]
    first = ws.contacts.list(acme.id, limit=2)
    rest = ws.contacts.list(limit=2, cursor=first.next_cursor)
    assert [contact.first_name for contact in rest] == ["Dan", "Jane"]
    for name, contact in people.items():
        if name == "Cyd":
            with pytest.raises(NotFoundError):
                ws.contacts.get(contact.id)
            assert ws.contacts.find(acme.id, email=contact.email.address) is None
        else:
            seen = ws.contacts.get(contact.id)
            assert seen.name == contact.name
            assert ws.contacts.find(acme.id, email=contact.email.address) == seen
    dan = people["Dan"]
    assert ws.contacts.get(dan.id).scope == ws.access.rights(dan.id).scope == Scope.only(yard.id)
    box.ws.access.set_rights(jane.id, role="client_standard")
    assert [contact.first_name for contact in ws.contacts.list(acme.id)] == ["Jane"]


def test_staff_see_the_sites_of_every_client_as_far_as_their_roles_go(box: Box) -> None:
    acme = box.client()
    add_sites(box, acme, "Lobby", "Roof")
    named = {"first_name": "Ada", "last_name": "B", "email": "ada@northwind.example"}
    ada = box.ws.staff.add(**named, roles=["operations_lead"])
    assert names(box.ws.access.visible_sites(ada.id, "sites.manage", acme.id)) == ["Lobby", "Roof"]
    assert box.ws.access.visible_sites(ada.id, "export", acme.id) == ()
    box.ws.access.deactivate(ada.id)
    assert box.ws.access.visible_sites(ada.id, "sites.manage", acme.id) == ()


def test_who_is_out_sees_no_site(box: Box) -> None:
    acme = box.client()
    add_sites(box, acme, "Lobby")
    jane = box.active(acme)
    box.ws.contacts.suspend(jane.id)
    assert box.ws.access.visible_sites(jane.user_id, "reports", acme.id) == ()


def test_the_site_of_another_client_is_none_of_this_one(box: Box) -> None:
    acme, bolt = box.client(), box.client("Bolt")
    (yard,) = add_sites(box, bolt, "Yard")
    jane = box.active(acme)
    for ask in (box.ws.access.may, box.as_user(jane.user_id).access.may):
        with pytest.raises(NotFoundError, match="site"):
            ask("reports", acme.id, site_id=yard.id)
    with pytest.raises(NotFoundError, match="site"):
        box.ws.access.explain(jane.user_id, "reports", acme.id, site_id=yard.id)


def test_a_scope_that_changes_while_it_is_read_is_read_again(monkeypatch: pytest.MonkeyPatch, memory_box: Box) -> None:
    box = memory_box
    acme = box.client()
    (lobby,) = add_sites(box, acme, "Lobby")
    jane = box.contact(acme, scope=Scope.only(lobby.id))
    find = InMemoryUnitOfWork.find
    missed: list[object] = []

    def overtaken(uow: InMemoryUnitOfWork, source: Any, *where: Any, **page: Any) -> Any:  # noqa: ANN401 - any entity
        if source is SITE_ACCESS and not missed:
            missed.append(source)
            return ()
        return find(uow, source, *where, **page)

    monkeypatch.setattr(InMemoryUnitOfWork, "find", overtaken)
    assert box.ws.contacts.get(jane.id).scope == Scope.only(lobby.id)
    assert missed


def test_what_one_is_for_one_client_opens_nothing_at_another(box: Box) -> None:
    acme, bolt = box.client(), box.client("Bolt")
    (yard,) = add_sites(box, bolt, "Yard")
    jane = box.active(bolt, role="author", scope=Scope.only(yard.id))
    box.contact(acme, role="client_admin")
    bob = box.active(acme, "Bob")
    box.contact(bolt, "Bob")
    ws = box.as_user(jane.user_id)
    assert ws.access.explain(bob.user_id, "files", acme.id).rule == "role"
    with pytest.raises(NotFoundError, match="user"):
        ws.access.visible_sites(bob.user_id, "files", bolt.id)
    assert ws.access.explain(jane.user_id, "files", acme.id).rule == "role"


def test_out_of_scope_and_unknown_sites_are_refused_alike(box: Box) -> None:
    acme = box.client()
    lobby, roof = add_sites(box, acme, "Lobby", "Roof")
    jane = box.active(acme, role="client_admin", scope=Scope.only(lobby.id))
    bob = box.active(acme, "Bob", role="author", scope=Scope.only(lobby.id))
    ws = box.as_user(jane.user_id)
    answers = []
    for site_id in (roof.id, SiteId(UUID(int=7))):
        with pytest.raises(InvalidInputError) as refused:
            ws.access.set_rights(bob.id, scope=Scope.only(site_id))
        answers.append(refused.value.violations)
    assert answers[0] == answers[1]


def test_removing_a_contact_takes_its_scope_along(box: Box) -> None:
    acme = box.client()
    (lobby,) = add_sites(box, acme, "Lobby")
    jane = box.contact(acme, scope=Scope.only(lobby.id))
    box.ws.contacts.remove(jane.id)
    assert box.dump()["site_access"] == ()
    again = box.contact(acme)
    assert again.scope == Scope.everything()
