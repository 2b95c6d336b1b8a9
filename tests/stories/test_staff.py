"""The tenant's own people. Source: people model, staff users."""

from __future__ import annotations

import pytest

from clientmgmt import InvalidInputError, NotFoundError
from clientmgmt.domain import UserKind
from clientmgmt.errors import DuplicateReferenceError, EmailInUseError, UnknownNameError
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
