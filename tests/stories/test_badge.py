"""The badge of a contact. Source: contacts page, lifecycle; people model, states derived from facts."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from itertools import product
from uuid import UUID

import attrs
import pytest

from clientmgmt import ContactState, InvalidInputError, LinkState, MailState
from clientmgmt.domain import Contact, Invitation, Membership, User, contact_state
from clientmgmt.errors import PermanentDeliveryError, TemporaryDeliveryError
from clientmgmt.ports.collections import INVITATIONS, MEMBERSHIPS, USERS
from tests.box import PASSWORD, Box

FACTS = tuple(product((False, True), repeat=5))


def true_of(state: ContactState, *, inactive: bool, credential: bool, login: bool, invited: bool) -> bool:
    """The row of the table that belongs to ``state``, read as it stands there."""
    match state:
        case ContactState.PENDING_INVITE:
            return not (inactive or credential or invited)
        case ContactState.INVITE_SENT:
            return not inactive and ((credential and not login) or (not credential and invited))
        case ContactState.ACTIVE:
            return credential and login and not inactive
        case ContactState.INACTIVE:
            return inactive


@pytest.mark.parametrize("facts", tuple(product((False, True), repeat=4)))
def test_one_row_is_true_for_every_combination_of_facts(facts: tuple[bool, bool, bool, bool]) -> None:
    inactive, credential, login, invited = facts
    true = [
        state
        for state in ContactState
        if true_of(state, inactive=inactive, credential=credential, login=login, invited=invited)
    ]
    derived = contact_state(inactive=inactive, credential=credential, logged_in=login, invited=invited)
    assert true == [derived]


def test_a_list_by_state_finds_what_the_facts_say_for_every_combination(box: Box) -> None:
    acme = box.client()
    contacts = dict(zip(FACTS, _contacts(box, acme.name), strict=True))
    listed = {state: set(_ids(box, state)) for state in ContactState}
    for (deactivated, suspended, credential, login, invited), contact in contacts.items():
        derived = contact_state(
            inactive=deactivated or suspended, credential=credential, logged_in=login, invited=invited
        )
        assert box.now_of(contact).state is derived
        assert [state for state, ids in listed.items() if contact.id in ids] == [derived]
    assert sum(map(len, listed.values())) == len(FACTS)


def _ids(box: Box, state: ContactState) -> Iterator[UUID]:
    return (contact.id for contact in box.ws.contacts.list(state=state, limit=1000))


def _contacts(box: Box, _: str) -> Iterator[Contact]:
    """A contact per combination, written as facts."""
    acme = box.ws.clients.list().items[0]
    now = box.clock.now()
    added = [box.contact(acme, f"P{number}") for number in range(len(FACTS))]
    with box.storage.unit_of_work(box.tenant) as uow:
        for contact, (deactivated, suspended, credential, login, invited) in zip(added, FACTS, strict=True):
            user: User = uow.get(USERS, contact.user_id)
            membership: Membership = uow.get(MEMBERSHIPS, contact.id)
            if invited:
                invitation = Invitation(
                    id=contact.id,  # type: ignore[arg-type]
                    contact_id=contact.id,
                    user_id=user.id,
                    client_id=acme.id,
                    email_key=user.email.key,
                    key_id="0000000a",
                    first_sent_at=now,
                    sent_at=now,
                    sent_by="staff:ada",
                    expires_at=now + timedelta(days=7),
                )
                uow.add(INVITATIONS, invitation)
                membership = attrs.evolve(membership, invitation_id=invitation.id)
            membership = attrs.evolve(membership, suspended_at=now if suspended else None)
            uow.save(MEMBERSHIPS, membership)
            user = attrs.evolve(
                user,
                credential_at=now if credential else None,
                first_login_at=now if login else None,
                last_login_at=now if login else None,
                deactivated_at=now if deactivated else None,
            )
            uow.save(USERS, user)
    yield from added


def test_the_badge_goes_from_pending_to_sent_to_active_to_inactive(box: Box) -> None:
    acme = box.client()
    seen = []
    jane = box.contact(acme)
    seen.append((box.now_of(jane).state, box.now_of(jane).state_since, box.clock.now()))
    sent = box.later(hours=1)
    box.ws.contacts.send_invite(jane.id)
    seen.append((box.now_of(jane).state, box.now_of(jane).state_since, sent))
    token = box.token(jane)
    accepted = box.later(hours=1)
    box.door.accept_invite(token, password=PASSWORD)
    seen.append((box.now_of(jane).state, box.now_of(jane).state_since, accepted))
    left = box.later(hours=1)
    box.ws.access.deactivate(jane.user_id)
    seen.append((box.now_of(jane).state, box.now_of(jane).state_since, left))
    assert [state for state, _, _ in seen] == list(ContactState)
    assert all(since == at for _, since, at in seen)


def test_sending_again_does_not_move_the_time_of_the_badge(box: Box) -> None:
    jane = box.contact(box.client(), invite=True)
    first = box.clock.now()
    for _ in range(3):
        sent = box.resend(jane).sent_at
        now = box.now_of(jane)
        assert (now.state_since, now.link.sent_at) == (first, sent)


def test_signing_in_again_does_not_move_the_time_of_the_badge(box: Box) -> None:
    jane = box.active(box.client())
    box.later(days=1)
    box.sign_in()
    assert box.now_of(jane).state_since == jane.state_since
    assert box.now_of(jane).last_login == box.clock.now()


def test_a_later_client_shows_active_since_it_was_added(box: Box) -> None:
    box.active(box.client())
    added = box.later(days=1)
    again = box.contact(box.client("Bolt Ltd"))
    assert (again.state, again.state_since) == (ContactState.ACTIVE, added)


def test_a_first_login_shows_at_all_clients(box: Box) -> None:
    staged = box.contact(box.client("Bolt Ltd"))
    at = box.later(days=1)
    box.active(box.client())
    assert (box.now_of(staged).state, box.now_of(staged).state_since) == (ContactState.ACTIVE, at)


def test_reactivation_derives_the_badge_anew(box: Box) -> None:
    acme = box.client()
    active = box.active(acme)
    staged = box.contact(acme, "Staged")
    invited, _ = box.invited(acme, "Invited")
    half, token = box.invited(acme, "Half")
    box.door.accept_invite(token, password=PASSWORD, sign_in=False)
    expected = {
        active.id: ContactState.ACTIVE,
        staged.id: ContactState.PENDING_INVITE,
        invited.id: ContactState.PENDING_INVITE,
        half.id: ContactState.INVITE_SENT,
    }
    for contact in (active, staged, invited, half):
        box.ws.access.deactivate(contact.user_id)
        assert box.now_of(contact).state is ContactState.INACTIVE
    back = box.later(days=1)
    for contact in (active, staged, invited, half):
        box.ws.access.reactivate(contact.user_id)
        now = box.now_of(contact)
        assert (now.state, now.state_since) == (expected[contact.id], back)


def test_the_link_beside_the_badge_tells_its_fate(box: Box) -> None:
    acme = box.client()
    jane = box.contact(acme)
    states = [box.now_of(jane).link.state]
    box.ws.contacts.send_invite(jane.id)
    states.append(box.now_of(jane).link.state)
    box.later(days=7)
    states.append(box.now_of(jane).link.state)
    box.ws.contacts.send_invite(jane.id)
    box.ws.contacts.revoke_invite(jane.id)
    states.append(box.now_of(jane).link.state)
    box.resend(jane)
    box.door.accept_invite(box.token(jane), password=PASSWORD)
    states.append(box.now_of(jane).link.state)
    assert states == list(LinkState)


def test_the_mail_beside_the_badge_tells_its_fate(box: Box) -> None:
    acme = box.client()
    first, second, third, fourth = (box.contact(acme, name, invite=True) for name in ("A", "B", "C", "D"))
    assert _mail(box, first) is MailState.QUEUED
    box.ws.contacts.revoke_invite(fourth.id)
    box.mails.fail_next(TemporaryDeliveryError("busy"))
    box.mails.fail_next(PermanentDeliveryError("no such mailbox"))
    box.deliver()
    fates = sorted(str(_mail(box, contact)) for contact in (first, second, third))
    assert fates == ["delivered", "failed", "retrying"]
    assert _mail(box, fourth) is MailState.OBSOLETE
    failed = [box.now_of(contact).mail for contact in (first, second, third)]
    assert {mail.error for mail in failed if mail} == {None, "busy", "no such mailbox"}


def _mail(box: Box, contact: Contact) -> MailState | None:
    mail = box.now_of(contact).mail
    return None if mail is None else mail.state


def test_the_badge_says_sent_although_the_mail_failed(box: Box) -> None:
    jane = box.contact(box.client(), invite=True)
    box.mails.fail_next(PermanentDeliveryError("no such mailbox"))
    box.deliver()
    assert box.now_of(jane).state is ContactState.INVITE_SENT


@pytest.mark.parametrize("state", ["", "ACTIVE", "invited", "pending", "active "])
def test_an_unknown_state_is_refused(memory_box: Box, state: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        memory_box.ws.contacts.list(state=state)
    assert set(refused.value.by_field()) == {"state"}
