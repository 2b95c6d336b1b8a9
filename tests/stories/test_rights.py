"""What somebody may do, and why. Source: people model, roles, permissions and scope."""

from __future__ import annotations

import pytest

from clientmgmt import Catalog, Client, Contact, ForbiddenError, InvalidInputError, NotFoundError, Role, UserId
from clientmgmt.domain import ROLES, Decision, RoleKind
from clientmgmt.errors import UnknownNameError
from tests.box import Box

CLIENT_ROLES = sorted(role.name for role in ROLES.values() if role.kind is RoleKind.CLIENT)


def asked(box: Box, contact: Contact, permission: str) -> Decision:
    """What the user is told, which is what staff are told of it."""
    own = box.as_user(contact.user_id).access.may(permission, contact.client_id)
    assert box.ws.access.explain(contact.user_id, permission, contact.client_id) == own
    return own


@pytest.mark.parametrize("role", CLIENT_ROLES)
def test_a_role_gives_what_it_bundles_and_nothing_else(memory_box: Box, role: str) -> None:
    jane = memory_box.active(memory_box.client(), role=role)
    permissions = Catalog().permissions(RoleKind.CLIENT)
    assert {name for name in permissions if asked(memory_box, jane, name)} == ROLES[role].permissions
    assert memory_box.ws.access.rights(jane.id).permissions == ROLES[role].permissions


def test_grants_add_denies_take_away_and_a_denial_wins_over_the_role(box: Box) -> None:
    jane = box.active(box.client(), role="client_basic")
    changed = box.ws.access.set_rights(jane.id, grants=["invoices"], denies=["tickets"])
    assert changed == box.now_of(jane)
    rights = box.ws.access.rights(jane.id)
    assert (rights.role, rights.grants, rights.denies) == ("client_basic", ("invoices",), ("tickets",))
    assert rights.permissions == {"files", "invoices"}
    assert asked(box, jane, "files") == Decision(
        allowed=True, rule="role", reasons=("the role client_basic gives files",)
    )
    assert asked(box, jane, "invoices").rule == "grant"
    assert asked(box, jane, "tickets").rule == "denial"
    assert asked(box, jane, "orders").rule == "not_given"


def test_what_is_not_given_stays(box: Box) -> None:
    jane = box.active(box.client())
    box.ws.access.set_rights(jane.id, role="client_basic", grants=["invoices"], denies=["files"])
    box.ws.access.set_rights(jane.id, grants=[])
    rights = box.ws.access.rights(jane.id)
    assert (rights.role, rights.grants, rights.denies) == ("client_basic", (), ("files",))


def test_a_change_counts_from_the_next_call_on(box: Box) -> None:
    jane = box.active(box.client())
    hers = box.as_user(jane.user_id)
    assert not hers.access.may("invoices", jane.client_id)
    box.ws.access.set_rights(jane.id, role="client_billing")
    assert hers.access.may("invoices", jane.client_id)
    box.ws.access.set_rights(jane.id, denies=["invoices"])
    assert not hers.access.may("invoices", jane.client_id)


def test_a_preview_says_what_comes_and_goes_and_changes_nothing(box: Box) -> None:
    jane = box.active(box.client(), role="client_billing")
    before = box.dump()
    change = box.ws.access.preview_rights(jane.id, role="client_basic", grants=["reports"])
    assert box.dump() == before
    assert change.added == ()
    assert change.removed == ("contracts", "domains", "invoices", "orders", "products", "projects", "quotes")
    box.ws.access.set_rights(jane.id, role="client_basic", grants=["reports"])
    assert box.ws.access.rights(jane.id) == change.after
    entry = box.audit()[-1]
    assert (entry.action, entry.subject, entry.client_id) == ("contact_rights_changed", jane.id, jane.client_id)
    assert (entry.new["role"], entry.new["grants"], entry.new["added"]) == ("client_basic", "reports", "")
    assert entry.new["removed"] == ", ".join(change.removed)


def test_writing_what_is_there_writes_nothing(box: Box) -> None:
    jane = box.active(box.client())
    box.ws.access.set_rights(jane.id, grants=["invoices", "emails"])
    before = box.dump()
    assert box.ws.access.set_rights(jane.id) == box.now_of(jane)
    box.ws.access.set_rights(jane.id, role=jane.role, grants=("emails", "invoices", "emails"), denies=[])
    assert box.dump() == before


def test_nobody_is_granted_and_denied_the_same(box: Box) -> None:
    jane = box.active(box.client())
    box.ws.access.set_rights(jane.id, denies=["files"])
    before = box.dump()
    with pytest.raises(InvalidInputError) as refused:
        box.ws.access.set_rights(jane.id, grants=["files"])
    assert [violation.code for violation in refused.value.violations] == ["contradiction"]
    assert box.dump() == before


def test_everything_wrong_is_said_at_once(box: Box) -> None:
    jane = box.active(box.client())
    with pytest.raises(UnknownNameError) as refused:
        box.ws.access.set_rights(jane.id, role="editor", grants=["users.staff"], denies=["x"])
    assert set(refused.value.by_field()) == {"role", "grants", "denies"}


def out(box: Box, acme: Client, jane: Contact, how: str) -> None:
    match how:
        case "user_inactive":
            box.ws.access.deactivate(jane.user_id)
        case "contact_suspended":
            box.ws.contacts.suspend(jane.id)
        case _:
            box.ws.clients.set_status(acme.id, "closed")


@pytest.mark.parametrize("rule", ["user_inactive", "contact_suspended", "client_closed"])
def test_who_is_out_has_no_rights_whatever_the_role_gives(box: Box, rule: str) -> None:
    acme = box.client()
    jane = box.active(acme, role="client_admin")
    assert asked(box, jane, "files")
    out(box, acme, jane, rule)
    assert asked(box, jane, "files").rule == rule


def test_a_client_of_others_answers_like_one_that_never_was(box: Box) -> None:
    jane, bolt = box.active(box.client()), box.client("Bolt Ltd")
    with pytest.raises(NotFoundError, match="no such client"):
        box.as_user(jane.user_id).access.may("files", bolt.id)
    assert box.ws.access.explain(jane.user_id, "files", bolt.id).rule == "no_contact"
    with pytest.raises(NotFoundError, match="no such user"):
        box.as_user(UserId(bolt.id)).access.may("files", jane.client_id)


def test_rights_belong_to_one_client_only(box: Box) -> None:
    jane, bolt = box.active(box.client(), role="client_admin"), box.client("Bolt Ltd")
    there = box.contact(bolt, role="client_basic")
    assert asked(box, jane, "orders")
    assert not asked(box, there, "orders")


def test_staff_are_told_the_role_that_decided(box: Box) -> None:
    acme = box.client()
    assert box.ws.access.may("export", acme.id).reasons == ("the role administrator gives export",)
    bob = box.staff("operations_lead", "representative")
    assert bob.access.may("files", acme.id).reasons == ("the role representative gives files",)
    refused = bob.access.may("export", acme.id)
    assert (refused.rule, refused.reasons) == (
        "not_given",
        ("none of the roles operations_lead, representative gives export",),
    )
    assert box.system.access.may("export", acme.id).rule == "system"


def test_who_has_no_role_cannot_even_ask(box: Box) -> None:
    acme = box.client()
    with pytest.raises(ForbiddenError):
        box.staff().access.may("export", acme.id)
    with pytest.raises(ForbiddenError):
        box.stored_staff("nobody").access.may("export", acme.id)


def test_stored_roles_are_explained_and_a_deactivated_user_has_none(box: Box) -> None:
    acme = box.client()
    bea = box.ws.staff.add(
        first_name="Bea", last_name="Cole", email="bea@northwind.example", roles=["editor"], reference="bea"
    )
    assert box.stored_staff("bea").access.may("export", acme.id)
    assert box.ws.access.explain(bea.id, "export", acme.id).reasons == ("the role editor gives export",)
    box.ws.access.deactivate(bea.id)
    refused = box.ws.access.explain(bea.id, "export", acme.id)
    assert (refused.allowed, refused.reasons) == (False, ("no role that counts gives export",))


def test_permissions_of_the_host_are_asked_for_like_any_other(box: Box) -> None:
    catalog = Catalog().extend(permissions=["shifts.plan"], roles=[Role("planner", "client", {"shifts.plan"})])
    hosted = box.again(catalog=catalog)
    jane = hosted.active(hosted.client(), role="planner")
    assert asked(hosted, jane, "shifts.plan")
    with pytest.raises(UnknownNameError):
        box.as_user(jane.user_id).access.may("shifts.plan", jane.client_id)
