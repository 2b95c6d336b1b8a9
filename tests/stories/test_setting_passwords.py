"""Passwords that staff set. Source: people model, invitations and resets; client page, password."""

from __future__ import annotations

import pytest

from clientmgmt import ContactState, NotFoundError, SignInRefusedError
from clientmgmt.domain import MailType
from clientmgmt.errors import UserInactiveError
from tests.box import PASSWORD, Box

NEW = "a quite different one"


def test_staff_set_a_password_and_the_old_one_and_all_sessions_are_over(box: Box) -> None:
    jane = box.active(box.client())
    session = box.sign_in()
    user = box.ws.access.set_password(jane.user_id, NEW)
    assert (user.id, user.epoch) == (jane.user_id, 1)
    with pytest.raises(SignInRefusedError):
        box.sign_in(password=PASSWORD)
    with pytest.raises(SignInRefusedError):
        box.door.identify(session.token.reveal())
    assert box.sign_in(password=NEW).actor.epoch == 1
    entry = next(entry for entry in box.audit() if entry.action == "password_changed")
    assert (entry.action, entry.subject, entry.actor, entry.new) == (
        "password_changed", jane.user_id, "staff:ada", {"first": "False"},
    )  # fmt: skip


def test_the_user_is_told_by_a_mail_that_waits_for_nobody(box: Box) -> None:
    acme = box.client()
    jane = box.active(acme)
    box.ws.access.set_password(jane.user_id, NEW)
    box.ws.access.deactivate(jane.user_id)
    assert box.deliver().sent == 1
    message = box.mails.messages[-1]
    assert (message.type, message.to.email, message.cc) == (MailType.PASSWORD_CHANGED, "jane@acme.example", ())
    assert message.subject == "Northwind: your password was changed"
    assert message.text.startswith("Hello Jane Doe,")
    assert NEW not in message.text
    (mail,) = box.ws.notifications.list(type="password_changed")
    assert (mail.client_id, mail.about) == (acme.id, jane.user_id)


def test_who_was_only_invited_can_come_in_with_it(box: Box) -> None:
    jane, _ = box.invited(box.client())
    box.ws.access.set_password(jane.user_id, NEW)
    assert box.now_of(jane).state is ContactState.INVITE_SENT
    assert box.audit()[-1].new == {"first": "True"}
    box.sign_in(password=NEW)
    assert box.now_of(jane).state is ContactState.ACTIVE


def test_a_user_of_no_client_or_of_several_is_told_by_a_mail_about_none(box: Box) -> None:
    jane, bob = box.active(box.client()), box.active(box.client(), "Bob")
    box.contact(box.client("Bolt"), "Bob")
    box.ws.contacts.remove(jane.id)
    for contact in (jane, bob):
        box.ws.access.set_password(contact.user_id, NEW)
    box.deliver()
    mails = box.ws.notifications.list(type="password_changed")
    assert {(mail.about, mail.client_id) for mail in mails} == {(jane.user_id, None), (bob.user_id, None)}


def test_not_for_staff_nor_for_the_deactivated(box: Box) -> None:
    jane = box.active(box.client())
    ada = box.ws.staff.add(first_name="A", last_name="B", email="a@northwind.example", roles=["editor"])
    box.ws.access.deactivate(jane.user_id)
    before = box.dump()
    with pytest.raises(UserInactiveError):
        box.ws.access.set_password(jane.user_id, NEW)
    with pytest.raises(NotFoundError, match="user"):
        box.ws.access.set_password(ada.id, NEW)
    assert box.dump() == before
