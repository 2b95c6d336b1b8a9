"""Taking away one client from a user, and giving it back. Source: contact lifecycle, suspend and resume."""

from __future__ import annotations

import pytest

from clientmgmt import ContactState, InvalidLinkError, LinkState, SignInRefusedError
from clientmgmt.errors import EscalationError, UserInactiveError
from tests.box import PASSWORD, Box


def test_a_suspended_contact_is_out_of_this_client_and_in_its_others(box: Box) -> None:
    acme, bolt = box.client(), box.client("Bolt Ltd")
    jane = box.active(acme)
    there = box.contact(bolt)
    suspended = box.ws.contacts.suspend(jane.id, reason="left the company").contact
    assert suspended == box.now_of(jane)
    assert (suspended.state, suspended.state_since) == (ContactState.INACTIVE, box.clock.now())
    assert box.now_of(there).state is ContactState.ACTIVE
    assert box.sign_in().clients == (bolt.id,)
    with pytest.raises(SignInRefusedError):
        box.door.sign_in(jane.email.address, PASSWORD, client_id=acme.id)


def test_who_has_no_other_client_cannot_sign_in_until_it_is_resumed(box: Box) -> None:
    jane = box.active(box.client())
    box.ws.contacts.suspend(jane.id)
    with pytest.raises(SignInRefusedError):
        box.sign_in()
    resumed = box.ws.contacts.resume(jane.id)
    assert resumed == box.now_of(jane)
    assert resumed.state is ContactState.ACTIVE
    assert box.sign_in().clients == (jane.client_id,)


def test_a_suspended_contact_has_no_link_and_gets_none(box: Box) -> None:
    jane, token = box.invited(box.client())
    suspended = box.ws.contacts.suspend(jane.id).contact
    assert suspended.link.state is LinkState.REVOKED
    with pytest.raises(UserInactiveError):
        box.ws.contacts.send_invite(jane.id)
    box.ws.contacts.resume(jane.id)
    with pytest.raises(InvalidLinkError) as refused:
        box.door.accept_invite(token, password=PASSWORD)
    assert refused.value.reason == "revoked"
    assert box.now_of(jane).state is ContactState.INVITE_SENT
    box.resend(jane)
    box.door.accept_invite(box.token(jane), password=PASSWORD)
    assert box.now_of(jane).state is ContactState.ACTIVE


def test_mail_that_waits_for_a_suspended_contact_is_not_sent(box: Box) -> None:
    jane = box.contact(box.client(), invite=True)
    box.ws.contacts.suspend(jane.id)
    assert box.deliver().obsolete == 1
    assert box.mails.messages == []


def test_twice_is_once(box: Box) -> None:
    jane = box.active(box.client())
    box.ws.contacts.suspend(jane.id, reason="left")
    before = box.dump()
    box.later(minutes=5)
    assert box.ws.contacts.suspend(jane.id, reason="again").contact == box.now_of(jane)
    assert box.dump() == before
    box.ws.contacts.resume(jane.id)
    before = box.dump()
    assert box.ws.contacts.resume(jane.id) == box.now_of(jane)
    assert box.dump() == before


def test_resuming_brings_no_deactivated_user_back(box: Box) -> None:
    jane = box.active(box.client())
    box.ws.contacts.suspend(jane.id)
    box.ws.access.deactivate(jane.user_id)
    assert box.ws.contacts.resume(jane.id).state is ContactState.INACTIVE
    box.ws.access.reactivate(jane.user_id)
    assert box.now_of(jane).state is ContactState.ACTIVE


def test_the_trail_says_who_and_why(box: Box) -> None:
    jane = box.active(box.client())
    box.ws.contacts.suspend(jane.id, reason="left the company")
    box.ws.contacts.resume(jane.id)
    entries = {entry.action: entry for entry in box.audit()}
    suspended = entries["contact_suspended"]
    assert (suspended.subject, suspended.client_id, suspended.actor) == (jane.id, jane.client_id, "staff:ada")
    assert suspended.new["reason"] == "left the company"
    assert entries["contact_resumed"].new["user_id"] == str(jane.user_id)


def test_what_staff_has_suspended_no_user_of_the_client_takes_back(box: Box) -> None:
    acme = box.client()
    ws = box.as_user(box.active(acme, "Ann", role="client_admin").user_id)
    bob, cid = box.active(acme, "Bob"), box.active(acme, "Cid")
    ws.contacts.suspend(cid.id)
    for contact in (bob, cid):
        box.ws.contacts.suspend(contact.id)
        ws.contacts.suspend(contact.id)
        with pytest.raises(EscalationError):
            ws.contacts.resume(contact.id)
        with pytest.raises(EscalationError):
            ws.contacts.remove(contact.id)
    box.ws.contacts.resume(bob.id)
    ws.contacts.suspend(bob.id)
    assert ws.contacts.resume(bob.id).state is ContactState.ACTIVE
