"""The tenant's own people. Source: people model, staff users."""

from __future__ import annotations

import pytest

from clientmgmt import ForbiddenError, InvalidInputError, NotFoundError, iter_all
from clientmgmt.domain import UserKind
from clientmgmt.errors import DuplicateReferenceError, EmailInUseError, StaleVersionError, UnknownNameError
from tests.box import Box

ADA = {"first_name": "Ada", "last_name": "Byron", "email": "ada@northwind.example"}


def test_a_staff_user_is_found_by_id_address_and_reference(box: Box) -> None:
    ada = box.ws.staff.add(**ADA, roles=["editor", "account_manager"], reference="ada")
    assert (ada.kind, ada.roles) == (UserKind.STAFF, ("account_manager", "editor"))
    assert box.ws.staff.get(ada.id) == ada
    assert box.ws.staff.find(email="ADA@northwind.example") == ada
    assert box.ws.staff.find(reference="ada") == ada
    assert box.ws.staff.find(email="ada@northwind.example", reference="bob") is None
    assert box.ws.staff.find() is None
    assert box.ws.staff.list().items == (ada,)


def test_an_address_is_one_user_of_the_tenant_staff_or_not(box: Box) -> None:
    box.contact(box.client())
    box.ws.staff.add(**ADA, roles=["editor"])
    before = box.dump()
    for email in ("Jane@acme.example", "ADA@northwind.example"):
        with pytest.raises(EmailInUseError):
            box.ws.staff.add(first_name="X", last_name="Y", email=email, roles=["editor"])
    assert box.dump() == before


def test_a_reference_is_one_user(box: Box) -> None:
    box.ws.staff.add(**ADA, roles=["editor"], reference="ada")
    with pytest.raises(DuplicateReferenceError):
        box.ws.staff.add(first_name="X", last_name="Y", email="x@y.example", roles=["editor"], reference="ada")


@pytest.mark.parametrize("role", ["owner", "client_admin", "Editor", "", "editor "])
def test_only_known_staff_roles_are_given(box: Box, role: str) -> None:
    before = box.dump()
    with pytest.raises(UnknownNameError) as refused:
        box.ws.staff.add(**ADA, roles=["editor", role])
    assert set(refused.value.by_field()) == {"roles"}
    assert box.dump() == before


def test_a_contact_is_no_staff_user(box: Box) -> None:
    jane = box.contact(box.client())
    with pytest.raises(NotFoundError):
        box.ws.staff.get(jane.user_id)
    assert box.ws.staff.find(email="jane@acme.example") is None
    assert box.ws.staff.list().items == ()


def test_everything_wrong_is_said_at_once(box: Box) -> None:
    with pytest.raises(InvalidInputError) as refused:
        box.ws.staff.add(first_name="", last_name="\x00", email="x", roles=["owner"], reference="a\nb")
    assert set(refused.value.by_field()) == {"first_name", "last_name", "email", "roles", "reference"}


def test_what_is_given_is_changed_and_the_rest_stays(box: Box) -> None:
    ada = box.ws.staff.add(**ADA, roles=["editor"], reference="ada")
    box.later(minutes=1)
    changed = box.ws.staff.update(ada.id, last_name="King", email="a.king@northwind.example")
    assert changed == box.ws.staff.get(ada.id)
    assert (changed.name, changed.email.address) == ("Ada King", "a.king@northwind.example")
    assert (changed.reference, changed.roles, changed.version) == ("ada", ("editor",), ada.version + 1)
    assert box.ws.staff.find(email="ada@northwind.example") is None
    entry, moved = box.audit()[-2:]
    assert (entry.action, entry.subject) == ("staff_updated", ada.id)
    assert (moved.action, moved.new) == ("email_changed", {"email": "a.king@northwind.example"})
    assert entry.new == {"changed": "last_name, email", "title": "Ada King", "email": "a.king@northwind.example"}


def test_a_change_of_name_moves_a_staff_user_in_the_list(box: Box) -> None:
    ada = box.ws.staff.add(**ADA, roles=["editor"])
    bea = box.ws.staff.add(first_name="Bea", last_name="Cole", email="bea@northwind.example", roles=["editor"])
    assert [user.id for user in box.ws.staff.list()] == [ada.id, bea.id]
    box.ws.staff.update(ada.id, last_name="Zuse")
    assert [user.id for user in box.ws.staff.list()] == [bea.id, ada.id]


def test_writing_what_is_there_writes_nothing(box: Box) -> None:
    ada = box.ws.staff.add(**ADA, roles=["editor"])
    before = box.dump()
    assert box.ws.staff.update(ada.id, first_name="Ada", last_name="Byron", email=ADA["email"]) == ada
    assert box.ws.staff.update(ada.id) == ada
    assert box.ws.staff.set_roles(ada.id, ["editor", "editor"]) == ada
    assert box.dump() == before


def test_another_spelling_of_the_own_address_is_taken(box: Box) -> None:
    ada = box.ws.staff.add(**ADA, roles=["editor"])
    assert box.ws.staff.update(ada.id, email="Ada@Northwind.example").email.address == "Ada@northwind.example"


def test_the_address_of_somebody_else_is_refused(box: Box) -> None:
    jane = box.contact(box.client())
    ada = box.ws.staff.add(**ADA, roles=["editor"])
    before = box.dump()
    with pytest.raises(EmailInUseError) as refused:
        box.ws.staff.update(ada.id, first_name="Eve", email=jane.email.address.upper())
    assert set(refused.value.by_field()) == {"email"}
    assert box.dump() == before


def test_who_was_slower_is_told(box: Box) -> None:
    ada = box.ws.staff.add(**ADA, roles=["editor"])
    box.ws.staff.update(ada.id, first_name="Eve", expected_version=ada.version)
    before = box.dump()
    with pytest.raises(StaleVersionError):
        box.ws.staff.update(ada.id, first_name="Eva", expected_version=ada.version)
    assert box.dump() == before


def test_roles_count_from_the_next_call_on(box: Box) -> None:
    ada = box.ws.staff.add(**ADA, roles=["operations_lead"], reference="ada")
    hers = box.stored_staff("ada")
    with pytest.raises(ForbiddenError):
        hers.clients.add(name="Acme", email="ap@acme.example")
    assert box.ws.staff.set_roles(ada.id, ["editor", "account_manager"]).roles == ("account_manager", "editor")
    assert hers.clients.add(name="Acme", email="ap@acme.example").name == "Acme"
    box.ws.staff.set_roles(ada.id, [])
    with pytest.raises(ForbiddenError):
        hers.clients.list()
    entry = next(entry for entry in box.audit() if entry.action == "staff_roles_changed")
    assert (entry.old, entry.new) == ({"roles": "operations_lead"}, {"roles": "account_manager, editor"})


@pytest.mark.parametrize("role", ["owner", "client_admin", "Editor"])
def test_only_known_staff_roles_are_set(box: Box, role: str) -> None:
    ada = box.ws.staff.add(**ADA, roles=["editor"])
    before = box.dump()
    with pytest.raises(UnknownNameError):
        box.ws.staff.set_roles(ada.id, [role])
    assert box.dump() == before


def test_a_contact_is_not_edited_as_staff(box: Box) -> None:
    jane = box.contact(box.client())
    before = box.dump()
    with pytest.raises(NotFoundError):
        box.ws.staff.update(jane.user_id, first_name="Eve")
    with pytest.raises(NotFoundError):
        box.ws.staff.set_roles(jane.user_id, ["administrator"])
    assert box.dump() == before


def test_staff_is_listed_by_role_in_pages_of_any_size(box: Box) -> None:
    for number in range(7):
        roles = ["editor", "representative"] if number % 3 == 0 else ["representative"]
        box.ws.staff.add(first_name=f"P{number}", last_name="X", email=f"p{number}@northwind.example", roles=roles)
    for size in (1, 2, 3, 50):
        names = [user.first_name for user in iter_all(box.ws.staff.list, role="editor", limit=size)]
        assert names == ["P0", "P3", "P6"]
    assert box.ws.staff.list(role="operations_lead").items == ()
    with pytest.raises(UnknownNameError):
        box.ws.staff.list(role="client_admin")
