"""The registry of roles and permissions. Source: people model, roles and permissions."""

from __future__ import annotations

import pytest

from clientmgmt.domain import CLIENT_PERMISSIONS, ROLES, STAFF_PERMISSIONS, Catalog, Role, RoleKind
from clientmgmt.errors import ConfigurationError

MANAGERS = {"administrator", "editor", "representative", "account_manager"}


def test_a_new_catalog_has_what_comes_with_the_package() -> None:
    catalog = Catalog()
    assert catalog.roles == ROLES
    assert catalog.permissions(RoleKind.STAFF) == STAFF_PERMISSIONS
    assert catalog.permissions(RoleKind.CLIENT) == CLIENT_PERMISSIONS
    assert {role.name for role in ROLES.values() if role.may_manage} == MANAGERS


def test_roles_and_permissions_are_added_and_the_old_catalog_stays() -> None:
    old = Catalog()
    once = old.extend(permissions=["shifts.plan"], roles=[Role("dispatcher", "staff", ["shifts.plan"])])
    twice = once.extend(roles=[Role("planner", "client", ["shifts.plan", "tickets"])])
    assert old == Catalog()
    assert once.given(["dispatcher", "operations_lead"], RoleKind.STAFF) == {"read", "shifts.plan", "sites.manage"}
    assert twice.given(["planner"], RoleKind.CLIENT) == {"shifts.plan", "tickets"}
    assert twice.of_kind(RoleKind.CLIENT)[-1].name == "planner"
    assert twice.matrix(RoleKind.STAFF)["shifts.plan"] == {"dispatcher"}


def test_what_is_not_in_it_gives_nothing() -> None:
    assert Catalog().given(["nobody", "client_admin"], RoleKind.STAFF) == frozenset()
    assert Catalog().given(["administrator"], RoleKind.CLIENT) == frozenset()


@pytest.mark.parametrize("kind", RoleKind)
def test_the_matrix_says_what_the_roles_say(kind: RoleKind) -> None:
    catalog = Catalog()
    matrix = catalog.matrix(kind)
    assert list(matrix) == sorted(matrix)
    for role in catalog.of_kind(kind):
        assert {name for name, roles in matrix.items() if role.name in roles} == role.permissions


@pytest.mark.parametrize("name", ["", "Dispatcher", "two words", "a..b", ".a", "1a", "a" * 65, "ä", None])
def test_a_malformed_name_is_refused(name: str) -> None:
    with pytest.raises(ConfigurationError, match="small letters"):
        Catalog().extend(permissions=[name])
    with pytest.raises(ConfigurationError, match="small letters"):
        Catalog().extend(roles=[Role(name, "staff", ())])


def test_what_is_there_already_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"clients\.edit is in the catalog already"):
        Catalog().extend(permissions=["clients.edit"])
    with pytest.raises(ConfigurationError, match="invoices is in the catalog already"):
        Catalog().extend(permissions=["invoices"])
    with pytest.raises(ConfigurationError, match="mine is in the catalog already"):
        Catalog().extend(permissions=["mine", "mine"])
    with pytest.raises(ConfigurationError, match="editor is in the catalog already"):
        Catalog().extend(roles=[Role("editor", "staff", ())])


@pytest.mark.parametrize(("kind", "permission"), [("client", "users.staff"), ("staff", "tickets"), ("staff", "enter")])
def test_a_role_gives_only_what_roles_of_its_kind_can_give(kind: str, permission: str) -> None:
    with pytest.raises(ConfigurationError, match=f"mine cannot give {permission}"):
        Catalog().extend(roles=[Role("mine", kind, {permission})])


def test_a_role_is_registered_by_its_own_name() -> None:
    with pytest.raises(ConfigurationError, match="editor is registered as mine"):
        Catalog({"mine": ROLES["editor"]})


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="robot"):
        Role("mine", "robot", ())


def test_names_that_nobody_has_registered_are_violations_and_not_repeated() -> None:
    catalog = Catalog()
    (unknown,) = catalog.permission_violations(["tickets", "c4n4ry"], kind=RoleKind.CLIENT, field="grants")
    assert (unknown.code, unknown.field) == ("unknown_name", "grants")
    assert "c4n4ry" not in unknown.message
    assert len(catalog.role_violations(["editor", "x"], kind=RoleKind.CLIENT, field="role")) == 2
