"""Account managers. Source: contacts page, account managers; people model, account managers."""

from __future__ import annotations

import pytest

from clientmgmt import Catalog, NotFoundError, Role, UserId
from clientmgmt.domain import User
from clientmgmt.errors import NotEligibleError
from tests.box import Box


def staff(box: Box, first: str = "Ada", *roles: str) -> User:
    named = {"first_name": first, "last_name": "Byron", "email": f"{first.lower()}@northwind.example"}
    return box.ws.staff.add(**named, roles=roles or ["editor"], reference=first.lower())


def names(users: tuple[User, ...]) -> list[str]:
    return [user.first_name for user in users]


def test_a_manager_is_listed_for_the_client_and_the_client_for_the_manager(box: Box) -> None:
    acme, bolt = box.client(), box.client("Bolt Bikes")
    ada, bea = staff(box), staff(box, "Bea")
    box.ws.managers.add(bolt.id, ada.id)
    added = box.ws.managers.add(acme.id, ada.id)
    box.ws.managers.add(acme.id, bea.id)
    assert (added.client_id, added.user_id, added.name, added.email) == (
        acme.id, ada.id, "Ada Byron", "ada@northwind.example",
    )  # fmt: skip
    assert (added.is_primary, added.is_eligible, added.added_at) == (False, True, box.clock.now())
    assert [manager.name for manager in box.ws.managers.list(acme.id)] == ["Ada Byron", "Bea Byron"]
    assert box.ws.managers.clients_of(ada.id).items == (acme, bolt)
    assert box.ws.managers.clients_of(bea.id).items == (acme,)
    entry = box.audit()[-2]
    assert (entry.action, entry.subject, entry.client_id) == ("account_manager_added", acme.id, acme.id)
    assert entry.new == {"user_id": str(ada.id), "title": "Ada Byron", "email": "ada@northwind.example"}


def test_my_clients_come_in_pages(box: Box) -> None:
    ada = staff(box)
    clients = [box.client(f"{letter} Ltd", email=f"{letter}@x.example") for letter in "CABED"]
    for client in clients:
        box.ws.managers.add(client.id, ada.id)
    first = box.ws.managers.clients_of(ada.id, limit=3)
    rest = box.ws.managers.clients_of(ada.id, limit=3, cursor=first.next_cursor)
    assert [client.name[0] for client in (*first, *rest)] == list("ABCDE")
    assert rest.next_cursor is None


def test_adding_twice_changes_nothing(box: Box) -> None:
    acme, ada = box.client(), staff(box)
    added = box.ws.managers.add(acme.id, ada.id)
    before = box.dump()
    box.later(minutes=1)
    assert box.ws.managers.add(acme.id, ada.id) == added
    assert box.dump() == before


@pytest.mark.parametrize("role", ["administrator", "editor", "representative", "account_manager"])
def test_these_roles_may_manage(box: Box, role: str) -> None:
    acme, ada = box.client(), staff(box, "Ada", role)
    assert names(box.ws.managers.choices(acme.id)) == ["Ada"]
    assert box.ws.managers.add(acme.id, ada.id).is_eligible


def test_others_cannot(box: Box) -> None:
    acme, ada = box.client(), staff(box, "Ada", "operations_lead")
    before = box.dump()
    assert box.ws.managers.choices(acme.id) == ()
    with pytest.raises(NotEligibleError) as refused:
        box.ws.managers.add(acme.id, ada.id)
    assert set(refused.value.by_field()) == {"user_id"}
    assert box.dump() == before


def test_the_catalog_says_which_roles_may(box: Box) -> None:
    keeper = box.again(catalog=Catalog().extend(roles=[Role("keeper", "staff", {"files"}, may_manage=True)]))
    acme, kim = keeper.client(), staff(keeper, "Kim", "keeper")
    assert keeper.ws.managers.add(acme.id, kim.id).is_eligible
    assert not box.ws.managers.list(acme.id)[0].is_eligible


def test_a_contact_or_nobody_cannot(box: Box) -> None:
    acme = box.client()
    jane = box.contact(acme)
    before = box.dump()
    for nobody in (jane.user_id, UserId(acme.id)):
        for command in (box.ws.managers.add, box.ws.managers.remove, box.ws.managers.set_primary):
            with pytest.raises(NotFoundError, match="user"):
                command(acme.id, nobody)
        with pytest.raises(NotFoundError, match="user"):
            box.ws.managers.clients_of(nobody)
    assert box.dump() == before


def test_managers_are_no_contacts(box: Box) -> None:
    acme, ada = box.client(), staff(box)
    box.ws.managers.add(acme.id, ada.id)
    assert box.ws.contacts.list(acme.id).items == ()
    assert box.ws.contacts.most_recent(acme.id) is None


def test_removal_ends_it_and_leaves_the_user(box: Box) -> None:
    acme, ada = box.client(), staff(box)
    box.ws.managers.add(acme.id, ada.id)
    box.ws.managers.remove(acme.id, ada.id)
    assert box.ws.managers.list(acme.id) == ()
    assert box.ws.managers.clients_of(ada.id).items == ()
    assert box.ws.staff.get(ada.id) == ada
    entry = box.audit()[-1]
    assert (entry.action, entry.new["was_primary"]) == ("account_manager_removed", "False")
    before = box.dump()
    with pytest.raises(NotFoundError, match="manager"):
        box.ws.managers.remove(acme.id, ada.id)
    assert box.dump() == before


def test_one_is_primary_and_comes_first(box: Box) -> None:
    acme, ada, bea = box.client(), staff(box), staff(box, "Bea")
    for user in (ada, bea):
        box.ws.managers.add(acme.id, user.id)
    primary = box.ws.managers.set_primary(acme.id, bea.id)
    assert primary is not None
    assert (primary.user_id, primary.is_primary) == (bea.id, True)
    assert [(each.name, each.is_primary) for each in box.ws.managers.list(acme.id)] == [
        ("Bea Byron", True),
        ("Ada Byron", False),
    ]
    assert names(box.ws.managers.assignable(acme.id)) == ["Bea", "Ada"]
    entry = box.audit()[-1]
    assert (entry.action, entry.old, entry.new) == (
        "primary_manager_changed", {"primary_manager": ""}, {"primary_manager": str(bea.id)},
    )  # fmt: skip


def test_the_primary_manager_is_exchanged_and_cleared(box: Box) -> None:
    acme, ada, bea = box.client(), staff(box), staff(box, "Bea")
    for user in (ada, bea):
        box.ws.managers.add(acme.id, user.id)
        box.ws.managers.set_primary(acme.id, user.id)
    assert [each.name for each in box.ws.managers.list(acme.id) if each.is_primary] == ["Bea Byron"]
    before = box.dump()
    again = box.ws.managers.set_primary(acme.id, bea.id)
    assert again is not None
    assert again.is_primary
    assert box.dump() == before
    assert box.ws.managers.set_primary(acme.id, None) is None
    assert not any(each.is_primary for each in box.ws.managers.list(acme.id))
    before = box.dump()
    assert box.ws.managers.set_primary(acme.id, None) is None
    assert box.dump() == before


def test_each_client_has_a_primary_manager_of_its_own(box: Box) -> None:
    acme, bolt, ada = box.client(), box.client("Bolt Bikes"), staff(box)
    for client in (acme, bolt):
        box.ws.managers.add(client.id, ada.id)
        box.ws.managers.set_primary(client.id, ada.id)
    for client in (acme, bolt):
        assert [each.is_primary for each in box.ws.managers.list(client.id)] == [True]


def test_who_is_primary_leaves_none_behind(box: Box) -> None:
    acme, ada, bea = box.client(), staff(box), staff(box, "Bea")
    for user in (ada, bea):
        box.ws.managers.add(acme.id, user.id)
    box.ws.managers.set_primary(acme.id, ada.id)
    box.ws.managers.remove(acme.id, ada.id)
    assert box.audit()[-1].new["was_primary"] == "True"
    assert [each.is_primary for each in box.ws.managers.list(acme.id)] == [False]


def test_only_a_manager_of_this_client_can_be_primary(box: Box) -> None:
    acme, bolt, ada = box.client(), box.client("Bolt Bikes"), staff(box)
    box.ws.managers.add(bolt.id, ada.id)
    before = box.dump()
    with pytest.raises(NotEligibleError, match="account manager of this client"):
        box.ws.managers.set_primary(acme.id, ada.id)
    assert box.dump() == before


def lose_the_role(box: Box, user: User) -> None:
    box.ws.staff.set_roles(user.id, ["operations_lead"])


def be_deactivated(box: Box, user: User) -> None:
    box.ws.access.deactivate(user.id)


@pytest.mark.parametrize("end", [lose_the_role, be_deactivated])
def test_who_cannot_manage_any_more_stays_listed_and_is_inert(box: Box, end: object) -> None:
    acme, ada, bea = box.client(), staff(box), staff(box, "Bea")
    for user in (ada, bea):
        box.ws.managers.add(acme.id, user.id)
    box.ws.managers.set_primary(acme.id, bea.id)
    assert callable(end)
    end(box, ada)
    assert [(each.name, each.is_eligible) for each in box.ws.managers.list(acme.id)] == [
        ("Bea Byron", True),
        ("Ada Byron", False),
    ]
    assert names(box.ws.managers.assignable(acme.id)) == ["Bea"]
    assert names(box.ws.managers.choices(acme.id)) == []
    before = box.dump()
    with pytest.raises(NotEligibleError):
        box.ws.managers.set_primary(acme.id, ada.id)
    assert not box.ws.managers.add(acme.id, ada.id).is_eligible
    assert box.dump() == before
    box.ws.managers.remove(acme.id, ada.id)
    assert len(box.ws.managers.list(acme.id)) == 1


def test_the_choices_are_those_who_could_and_do_not_yet(box: Box) -> None:
    acme, ada = box.client(), staff(box)
    staff(box, "Cleo")
    staff(box, "Bea")
    staff(box, "Otto", "operations_lead")
    assert names(box.ws.managers.choices(acme.id)) == ["Ada", "Bea", "Cleo"]
    box.ws.managers.add(acme.id, ada.id)
    assert names(box.ws.managers.choices(acme.id)) == ["Bea", "Cleo"]
