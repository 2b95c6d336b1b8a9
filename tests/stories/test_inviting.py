"""Sending, sending again, and withdrawing an invitation. Source: contacts page, invitations; glossary: invitation."""

from __future__ import annotations

from datetime import timedelta

import pytest

from clientmgmt import ContactState, InvalidLinkError, InviteRules, LinkState, Rules
from clientmgmt.domain import InvitationState
from clientmgmt.errors import AlreadyActiveError, ClientClosedError, LimitError, UserInactiveError
from tests.box import PASSWORD, Box


def reason(box: Box, token: str) -> str:
    """Why a link is dead."""
    with pytest.raises(InvalidLinkError) as refused:
        box.door.inspect(token)
    return refused.value.reason


def test_a_staged_contact_can_be_invited_later(box: Box) -> None:
    jane = box.contact(box.client())
    sent = box.later(days=3)
    invitation = box.ws.contacts.send_invite(jane.id)
    assert (invitation.sent_at, invitation.sent_by) == (sent, "staff:ada")
    assert invitation.expires_at == sent + timedelta(days=7)
    now = box.now_of(jane)
    assert (now.state, now.state_since) == (ContactState.INVITE_SENT, sent)
    assert (now.link.state, now.link.sent_at, now.link.expires_at) == (
        LinkState.OPEN,
        sent,
        sent + timedelta(days=7),
    )


def test_no_read_shows_the_link(box: Box) -> None:
    acme = box.client()
    jane, token = box.invited(acme)
    shown = [
        box.now_of(jane),
        *box.ws.contacts.list(acme.id),
        *box.ws.access.invitations(jane.id),
        *box.audit(),
        *box.dump().values(),
    ]
    assert token not in repr(shown)


def test_a_resent_link_kills_the_one_before(box: Box) -> None:
    jane, first = box.invited(box.client())
    box.resend(jane)
    assert reason(box, first) == "superseded"
    second = box.token(jane)
    assert second != first
    assert box.door.inspect(second).user_name == "Jane Doe"
    assert [invitation.state for invitation in box.ws.access.invitations(jane.id)] == [
        InvitationState.OPEN,
        InvitationState.SUPERSEDED,
    ]


def test_the_earlier_link_is_dead_before_the_new_mail_goes_out(box: Box) -> None:
    jane, first = box.invited(box.client())
    box.resend(jane)
    with pytest.raises(InvalidLinkError):
        box.door.accept_invite(first, password=PASSWORD)


def test_the_successor_works_for_seven_days_from_its_own_send(box: Box) -> None:
    jane, _ = box.invited(box.client())
    box.later(days=6)
    box.ws.contacts.send_invite(jane.id)
    token = box.token(jane)
    box.later(days=7)
    box.later(microseconds=-1)
    box.door.inspect(token)
    box.later(microseconds=1)
    assert reason(box, token) == "expired"


def test_one_microsecond_before_the_end_a_link_can_be_used(box: Box) -> None:
    jane, token = box.invited(box.client())
    box.clock.set(box.ws.access.invitations(jane.id)[0].expires_at - timedelta(microseconds=1))
    box.door.accept_invite(token, password=PASSWORD)
    assert box.now_of(jane).state is ContactState.ACTIVE


def test_at_the_very_end_a_link_cannot_be_used(box: Box) -> None:
    jane, token = box.invited(box.client())
    box.clock.set(box.ws.access.invitations(jane.id)[0].expires_at)
    with pytest.raises(InvalidLinkError):
        box.door.accept_invite(token, password=PASSWORD)
    now = box.now_of(jane)
    assert (now.state, now.link.state) == (ContactState.INVITE_SENT, LinkState.EXPIRED)


def test_an_expiry_that_was_met_stays_when_the_clock_goes_back(box: Box) -> None:
    jane, token = box.invited(box.client())
    box.later(days=7)
    with pytest.raises(InvalidLinkError):
        box.door.accept_invite(token, password=PASSWORD)
    box.later(days=-1)
    assert reason(box, token) == "expired"
    assert box.now_of(jane).link.state is LinkState.EXPIRED
    assert box.actions()[-1] == "invitation_expired"


def test_an_expired_link_can_be_followed_by_a_new_one(box: Box) -> None:
    jane, first = box.invited(box.client())
    box.later(days=8)
    box.ws.contacts.send_invite(jane.id)
    assert reason(box, first) == "expired"
    box.door.accept_invite(box.token(jane), password=PASSWORD)
    assert [invitation.state for invitation in box.ws.access.invitations(jane.id)] == [
        InvitationState.ACCEPTED,
        InvitationState.EXPIRED,
    ]


def test_a_withdrawn_link_is_dead(box: Box) -> None:
    jane, token = box.invited(box.client())
    now = box.ws.contacts.revoke_invite(jane.id)
    assert (now.state, now.link.state) == (ContactState.INVITE_SENT, LinkState.REVOKED)
    assert reason(box, token) == "revoked"
    assert box.actions()[-1] == "invitation_revoked"


def test_withdrawing_twice_or_nothing_changes_nothing(box: Box) -> None:
    acme = box.client()
    jane, _ = box.invited(acme)
    box.ws.contacts.revoke_invite(jane.id)
    staged = box.contact(acme, "Bob")
    before = box.dump()
    box.ws.contacts.revoke_invite(jane.id)
    box.ws.contacts.revoke_invite(staged.id)
    assert box.dump() == before


def test_a_withdrawn_link_can_be_followed_by_a_new_one(box: Box) -> None:
    jane, _ = box.invited(box.client())
    box.ws.contacts.revoke_invite(jane.id)
    box.resend(jane)
    box.door.accept_invite(box.token(jane), password=PASSWORD)
    assert box.now_of(jane).state is ContactState.ACTIVE


def test_between_two_sends_there_is_a_minute(box: Box) -> None:
    jane = box.contact(box.client(), invite=True)
    box.later(seconds=60, microseconds=-1)
    before = box.dump()
    with pytest.raises(LimitError) as refused:
        box.ws.contacts.send_invite(jane.id)
    assert refused.value.violations[0].data == {"limit": 1, "count": 1, "seconds": 60}
    assert box.dump() == before
    box.later(microseconds=1)
    box.ws.contacts.send_invite(jane.id)


def test_within_a_day_there_are_ten_sends(box: Box) -> None:
    jane = box.contact(box.client(), invite=True)
    began = box.clock.now()
    for _ in range(9):
        box.resend(jane)
    box.later(minutes=1)
    with pytest.raises(LimitError) as refused:
        box.ws.contacts.send_invite(jane.id)
    assert refused.value.violations[0].data == {"limit": 10, "count": 10}
    box.clock.set(began + timedelta(days=1, microseconds=-1))
    with pytest.raises(LimitError):
        box.ws.contacts.send_invite(jane.id)
    box.clock.set(began + timedelta(days=1))
    box.ws.contacts.send_invite(jane.id)
    assert len(box.ws.access.invitations(jane.id)) == 11


def test_the_numbers_are_rules_of_the_host(box: Box) -> None:
    jane = box.contact(box.client(), invite=True)
    rules = Rules(invites=InviteRules(valid=timedelta(hours=1), pause=timedelta(0), per_day=2))
    quick = box.again(rules=rules)
    box.later(microseconds=1)
    invitation = quick.ws.contacts.send_invite(jane.id)
    assert invitation.expires_at == box.clock.now() + timedelta(hours=1)
    with pytest.raises(LimitError):
        quick.ws.contacts.send_invite(jane.id)


def test_nobody_is_invited_to_a_closed_client(box: Box) -> None:
    acme = box.client()
    jane = box.contact(acme)
    box.ws.clients.set_status(acme.id, "closed")
    with pytest.raises(ClientClosedError):
        box.ws.contacts.send_invite(jane.id)


def test_a_deactivated_user_is_not_invited(box: Box) -> None:
    jane = box.contact(box.client())
    box.ws.access.deactivate(jane.user_id)
    with pytest.raises(UserInactiveError):
        box.ws.contacts.send_invite(jane.id)


def test_an_active_contact_is_not_invited(box: Box) -> None:
    jane = box.active(box.client())
    box.later(days=1)
    with pytest.raises(AlreadyActiveError):
        box.ws.contacts.send_invite(jane.id)


@pytest.mark.parametrize("status", ["prospect", "active", "inactive", "paused"])
def test_contacts_of_every_open_client_are_invited(box: Box, status: str) -> None:
    acme = box.client(status="prospect" if status == "prospect" else "active")
    if status not in {"prospect", "active"}:
        box.ws.clients.set_status(acme.id, status)
    jane, token = box.invited(acme)
    box.door.accept_invite(token, password=PASSWORD)
    assert box.now_of(jane).state is ContactState.ACTIVE


def test_the_history_names_who_sent_each_and_what_became_of_it(box: Box) -> None:
    jane, _ = box.invited(box.client())
    box.later(minutes=1)
    box.staff("editor", reference="grace").contacts.send_invite(jane.id)
    newest, oldest = box.ws.access.invitations(jane.id)
    assert (newest.sent_by, newest.state, newest.closed_at) == ("staff:grace", InvitationState.OPEN, None)
    assert (oldest.sent_by, oldest.state, oldest.closed_at) == (
        "staff:ada",
        InvitationState.SUPERSEDED,
        newest.sent_at,
    )


def test_the_history_shows_an_expiry_before_it_is_on_record(box: Box) -> None:
    jane, _ = box.invited(box.client())
    box.later(days=7)
    assert box.ws.access.invitations(jane.id)[0].state is InvitationState.EXPIRED


def test_an_expired_link_stays_expired_in_the_history_when_the_contact_leaves(box: Box) -> None:
    acme = box.client()
    jane, _ = box.invited(acme)
    bob, _ = box.invited(acme, "Bob")
    box.later(days=8)
    box.ws.access.deactivate(jane.user_id)
    assert box.ws.access.invitations(jane.id)[0].state is InvitationState.EXPIRED
    box.ws.contacts.remove(bob.id)
    invitations = [row for row in box.dump()["invitations"] if getattr(row, "contact_id", None) == bob.id]
    assert [getattr(row, "state", None) for row in invitations] == [InvitationState.EXPIRED]
