"""Deactivating, reactivating, removing, adding again. Source: contacts page, leaving; people model, lifecycle."""

from __future__ import annotations

import pytest

from clientmgmt import ContactState, InvalidLinkError, LinkState, NotFoundError, SignInRefusedError
from clientmgmt.domain import InvitationState
from clientmgmt.errors import EmailInUseError
from tests.box import PASSWORD, Box


def test_deactivating_is_for_all_clients_of_a_user_and_names_them(box: Box) -> None:
    acme, bolt = box.client(), box.client("Bolt Ltd")
    here = box.active(acme)
    there = box.contact(bolt)
    result = box.ws.access.deactivate(here.user_id)
    assert set(result.clients) == {acme.id, bolt.id}
    assert result.user.deactivated_at == box.clock.now()
    assert {box.now_of(contact).state for contact in (here, there)} == {ContactState.INACTIVE}


def test_deactivating_keeps_the_record(box: Box) -> None:
    jane = box.active(box.client(), phone="1", job_title="Buyer")
    box.ws.access.deactivate(jane.user_id)
    now = box.now_of(jane)
    assert (now.name, now.phone, now.job_title, now.last_login) == ("Jane Doe", "1", "Buyer", jane.last_login)
    assert len(box.ws.access.logins(jane.user_id)) == 1
    assert len(box.ws.access.invitations(jane.id)) == 1


def test_deactivating_withdraws_open_invitations_everywhere(box: Box) -> None:
    here, first = box.invited(box.client())
    there, second = box.invited(box.client("Bolt Ltd"))
    box.ws.access.deactivate(here.user_id)
    for contact, token in ((here, first), (there, second)):
        assert box.ws.access.invitations(contact.id)[0].state is InvitationState.REVOKED
        with pytest.raises(InvalidLinkError):
            box.door.inspect(token)


def test_deactivating_twice_is_once(box: Box) -> None:
    acme = box.client()
    jane = box.active(acme)
    first = box.ws.access.deactivate(jane.user_id)
    box.later(days=1)
    before = box.dump()
    assert box.ws.access.deactivate(jane.user_id) == first
    assert box.dump() == before


def test_reactivating_whoever_is_not_deactivated_changes_nothing(box: Box) -> None:
    jane = box.active(box.client())
    before = box.dump()
    assert box.ws.access.reactivate(jane.user_id).id == jane.user_id
    assert box.dump() == before


def test_who_had_a_password_has_it_still(box: Box) -> None:
    jane = box.active(box.client())
    box.ws.access.deactivate(jane.user_id)
    box.ws.access.reactivate(jane.user_id)
    box.sign_in()
    assert box.now_of(jane).state is ContactState.ACTIVE


def test_who_had_no_password_is_staged_again_and_can_be_invited(box: Box) -> None:
    jane, _ = box.invited(box.client())
    box.ws.access.deactivate(jane.user_id)
    box.later(days=1)
    box.ws.access.reactivate(jane.user_id)
    now = box.now_of(jane)
    assert (now.state, now.link.state, now.mail) == (ContactState.PENDING_INVITE, LinkState.NONE, None)
    box.later(hours=1)
    box.ws.contacts.send_invite(jane.id)
    assert box.now_of(jane).state_since == box.clock.now()
    box.door.accept_invite(box.token(jane), password=PASSWORD)
    assert box.now_of(jane).state is ContactState.ACTIVE
    assert len(box.ws.access.invitations(jane.id)) == 2


def test_removing_ends_one_membership_only(box: Box) -> None:
    acme, bolt = box.client(), box.client("Bolt Ltd")
    here = box.active(acme)
    there = box.contact(bolt)
    box.ws.contacts.remove(here.id)
    with pytest.raises(NotFoundError):
        box.ws.contacts.get(here.id)
    assert box.ws.contacts.list(acme.id).items == ()
    assert box.now_of(there).state is ContactState.ACTIVE
    assert box.sign_in().clients == (bolt.id,)


def test_removing_withdraws_the_open_invitation_of_this_client_only(box: Box) -> None:
    here, first = box.invited(box.client())
    _, second = box.invited(box.client("Bolt Ltd"))
    box.ws.contacts.remove(here.id)
    with pytest.raises(InvalidLinkError):
        box.door.inspect(first)
    box.door.accept_invite(second, password=PASSWORD)


def test_removing_twice_is_not_found(box: Box) -> None:
    jane = box.contact(box.client())
    box.ws.contacts.remove(jane.id)
    before = box.dump()
    with pytest.raises(NotFoundError):
        box.ws.contacts.remove(jane.id)
    assert box.dump() == before


def test_a_user_outlives_its_last_client(box: Box) -> None:
    acme = box.client()
    jane = box.active(acme, phone="1")
    box.ws.contacts.remove(jane.id)
    assert len(box.ws.access.logins(jane.user_id)) == 1
    with pytest.raises(SignInRefusedError):
        box.sign_in()
    with pytest.raises(EmailInUseError):
        box.contact(acme, on_existing="reject")
    again = box.contact(box.client("Bolt Ltd"), last_name="Roe")
    assert (again.user_id, again.name, again.phone) == (jane.user_id, "Jane Doe", "1")


def test_adding_again_makes_a_new_contact_and_the_old_role_does_not_come_back(box: Box) -> None:
    acme = box.client()
    jane = box.active(acme, role="client_admin", job_title="Boss")
    box.ws.contacts.remove(jane.id)
    box.later(days=1)
    again = box.contact(acme)
    assert again.id != jane.id
    assert again.user_id == jane.user_id
    assert (again.role, again.job_title) == ("client_standard", None)
    assert (again.state, again.state_since) == (ContactState.ACTIVE, box.clock.now())
    assert box.sign_in().clients == (acme.id,)


def test_who_was_removed_before_accepting_is_staged_when_added_again(box: Box) -> None:
    acme = box.client()
    jane, token = box.invited(acme)
    box.ws.contacts.remove(jane.id)
    again = box.contact(acme)
    assert (again.state, again.link.state) == (ContactState.PENDING_INVITE, LinkState.NONE)
    with pytest.raises(InvalidLinkError):
        box.door.inspect(token)
    assert box.ws.contacts.send_invite(again.id).contact_id == again.id


def test_moving_is_removing_and_adding(box: Box) -> None:
    acme, bolt = box.client(), box.client("Bolt Ltd")
    jane = box.active(acme)
    box.ws.contacts.remove(jane.id)
    box.contact(bolt)
    assert [contact.client_id for contact in box.ws.contacts.list(user_id=jane.user_id)] == [bolt.id]
