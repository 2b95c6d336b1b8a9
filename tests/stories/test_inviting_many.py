"""Inviting many at once. Source: contacts page, staging a batch; glossary: bulk command."""

from __future__ import annotations

import secrets
from datetime import timedelta
from uuid import UUID

import pytest

from clientmgmt import BulkRules, ClientId, Contact, ContactId, ContactState, InviteRules, NotFoundError, Rules
from clientmgmt.errors import ClientClosedError, ConfigurationError, ForbiddenError
from tests.box import SETTINGS, Box


def staged(box: Box, count: int = 3) -> tuple[ClientId, list[Contact]]:
    acme = box.client()
    return acme.id, [box.contact(acme, f"P{number}") for number in range(count)]


def test_all_who_are_staged_are_invited_with_one_call(box: Box) -> None:
    acme = box.client()
    jane = box.active(acme)
    bob, _ = box.invited(acme, "Bob")
    gone = box.contact(acme, "Gone")
    box.ws.access.deactivate(gone.user_id)
    elsewhere = box.contact(box.client("Bolt Ltd"), "Else")
    people = [box.contact(acme, f"P{number}") for number in range(3)]
    result = box.ws.contacts.send_invites(acme.id)
    assert sorted(row.value.id for row in result.ok if row.value) == sorted(contact.id for contact in people)
    assert all(row.changed for row in result)
    assert all(row.value is not None and row.value.state is ContactState.INVITE_SENT for row in result)
    assert box.deliver().sent == 3
    assert box.now_of(jane).state is ContactState.ACTIVE
    assert box.now_of(gone).state is ContactState.INACTIVE
    assert box.now_of(elsewhere).state is ContactState.PENDING_INVITE
    assert len(box.ws.access.invitations(bob.id)) == 1


def test_each_row_says_what_became_of_one_contact(box: Box) -> None:
    acme = box.client()
    jane, bob, eve, gone = (box.contact(acme, first) for first in ("Jane", "Bob", "Eve", "Gone"))
    box.door.accept_invite((box.ws.contacts.send_invite(jane.id), box.token(jane))[1], password="correct horse battery")
    box.ws.contacts.send_invite(bob.id)
    box.ws.access.deactivate(gone.user_id)
    foreign = box.contact(box.client("Bolt Ltd"), "Foreign")
    unknown = ContactId(UUID(int=secrets.randbits(128), version=4))
    ids = [jane.id, bob.id, eve.id, gone.id, foreign.id, unknown]
    result = box.ws.contacts.send_invites(acme.id, ids)
    assert [row.number for row in result] == [1, 2, 3, 4, 5, 6]
    assert [[violation.code for violation in row.violations] for row in result] == [
        ["already_active"],
        [],
        [],
        ["user_inactive"],
        ["not_found"],
        ["not_found"],
    ]
    assert result.rows[4].violations == result.rows[5].violations
    assert [row.changed for row in result] == [False, False, True, False, False, False]
    assert [row.value.name if row.value else None for row in result.ok] == ["Bob Doe", "Eve Doe"]
    assert len(result.failed) == 4


def test_naming_somebody_twice_counts_once(box: Box) -> None:
    client_id, people = staged(box, 2)
    result = box.ws.contacts.send_invites(client_id, [people[0].id, people[1].id, people[0].id])
    assert [row.number for row in result] == [1, 2]
    assert all(len(box.ws.access.invitations(contact.id)) == 1 for contact in people)


def test_the_same_call_again_sends_only_what_is_missing(box: Box) -> None:
    client_id, people = staged(box)
    ids = [contact.id for contact in people]
    box.ws.contacts.send_invites(client_id, ids[:2])
    result = box.ws.contacts.send_invites(client_id, ids)
    assert [row.changed for row in result] == [False, False, True]
    assert result.failed == ()
    before = box.dump()
    assert [row.changed for row in box.ws.contacts.send_invites(client_id, ids)] == [False] * 3
    assert len(box.ws.contacts.send_invites(client_id)) == 0
    assert box.dump() == before
    assert box.deliver().sent == 3


def test_an_expired_or_withdrawn_link_is_sent_again_and_the_pause_holds(box: Box) -> None:
    acme = box.client()
    jane, _ = box.invited(acme)
    box.ws.contacts.revoke_invite(jane.id)
    row = box.ws.contacts.send_invites(acme.id, [jane.id]).rows[0]
    assert [violation.code for violation in row.violations] == ["limit"]
    box.later(minutes=1)
    assert box.ws.contacts.send_invites(acme.id, [jane.id]).rows[0].changed
    box.later(days=7)
    assert box.ws.contacts.send_invites(acme.id, [jane.id]).rows[0].changed
    assert len(box.ws.access.invitations(jane.id)) == 3


def test_parts_do_not_show(box: Box) -> None:
    client_id, people = staged(box, 5)
    small = box.again(rules=Rules(bulk=BulkRules(rows=2)))
    result = small.ws.contacts.send_invites(client_id, [contact.id for contact in people])
    assert [row.number for row in result] == [1, 2, 3, 4, 5]
    assert [row.value.id for row in result if row.value] == [contact.id for contact in people]


def test_a_client_that_is_closed_or_elsewhere_is_refused_as_a_whole(box: Box) -> None:
    client_id, people = staged(box)
    with pytest.raises(NotFoundError):
        box.neighbour().ws.contacts.send_invites(client_id, [people[0].id])
    box.ws.clients.set_status(client_id, "closed")
    before = box.dump()
    with pytest.raises(ClientClosedError):
        box.ws.contacts.send_invites(client_id)
    assert box.dump() == before


def test_without_a_template_or_the_permission_nothing_is_sent(box: Box) -> None:
    client_id, _ = staged(box)
    bare = box.again(settings=type(SETTINGS)(sender="Northwind <hello@northwind.example>"))
    before = box.dump()
    with pytest.raises(ConfigurationError):
        bare.ws.contacts.send_invites(client_id)
    assert box.dump() == before
    with pytest.raises(ForbiddenError):
        box.staff("representative").contacts.send_invites(client_id)
    assert box.dump()["invitations"] == ()


def test_nobody_of_a_closed_client_is_invited_even_if_nobody_is_staged(box: Box) -> None:
    acme = box.client()
    box.ws.clients.set_status(acme.id, "closed")
    with pytest.raises(ClientClosedError):
        box.ws.contacts.send_invites(acme.id)
    with pytest.raises(ClientClosedError):
        box.ws.contacts.send_invites(acme.id, [])


def test_without_a_pause_an_invitation_follows_at_once(box: Box) -> None:
    eager = box.again(rules=Rules(invites=InviteRules(pause=timedelta(0))))
    contact = eager.contact(eager.client(), invite=True)
    assert eager.ws.contacts.send_invite(contact.id).sent_at == eager.clock.now()
