"""Adding a contact. Source: contacts page, adding; people model, known e-mails."""

from __future__ import annotations

import pytest

from clientmgmt import ContactState, InvalidInputError, Links, LinkState, MailState, Settings, Staff
from clientmgmt.domain import MailType
from clientmgmt.errors import (
    ClientClosedError,
    ConfigurationError,
    DuplicateContactError,
    EmailInUseError,
    StaffCannotBeClientUserError,
    UserInactiveError,
)
from tests.box import PASSWORD, Box


def test_a_contact_shows_what_was_typed(box: Box) -> None:
    acme = box.client()
    box.contact(acme, phone="+44 20 7946 0000", job_title="Head of Sales", role="client_admin")
    jane = box.ws.contacts.list(acme.id).items[0]
    assert (jane.first_name, jane.last_name, jane.name) == ("Jane", "Doe", "Jane Doe")
    assert (str(jane.email), jane.phone, jane.job_title) == (
        "jane@acme.example",
        "+44 20 7946 0000",
        "Head of Sales",
    )
    assert (jane.role, jane.client_id, jane.last_login) == ("client_admin", acme.id, None)


def test_only_names_and_email_must_be_typed(box: Box) -> None:
    jane = box.contact(box.client())
    assert (jane.phone, jane.job_title, jane.role) == (None, None, "client_standard")


def test_a_new_contact_is_listed_at_once(box: Box) -> None:
    acme = box.client()
    jane = box.contact(acme)
    assert box.ws.contacts.list(acme.id).items == (jane,)
    assert box.ws.contacts.get(jane.id) == jane
    assert box.ws.contacts.find(acme.id, email="jane@acme.example") == jane


def test_nobody_is_invited_unless_asked_for(box: Box) -> None:
    jane = box.contact(box.client())
    assert (jane.state, jane.link.state, jane.mail) == (ContactState.PENDING_INVITE, LinkState.NONE, None)
    assert box.deliver().sent == 0
    assert box.mails.messages == []


def test_the_switch_invites_at_once(box: Box) -> None:
    acme = box.client()
    jane = box.contact(acme, invite=True)
    assert (jane.state, jane.link.state) == (ContactState.INVITE_SENT, LinkState.OPEN)
    assert jane.mail is not None
    assert jane.mail.state is MailState.QUEUED
    assert box.now_of(jane) == jane
    assert box.deliver().sent == 1
    message = box.mails.messages[0]
    assert (message.type, message.to.email) == (MailType.INVITATION, "jane@acme.example")
    assert "Hello Jane Doe" in message.text
    assert "Northwind" in message.text
    assert "12 January 2026, 09:00 UTC" in message.text
    assert message.cc == ()


def test_a_client_user_of_another_client_is_linked_and_keeps_its_profile(box: Box) -> None:
    jane = box.active(box.client(), phone="1", job_title="Buyer", role="client_admin")
    bolt = box.client("Bolt Ltd")
    again = box.contact(
        bolt, "Janet", last_name="Roe", email="JANE@acme.example", phone="2", job_title="Owner", role="client_billing"
    )
    assert again.user_id == jane.user_id
    assert again.id != jane.id
    assert (again.name, str(again.email), again.phone) == ("Jane Doe", "jane@acme.example", "1")
    assert (again.job_title, again.role) == ("Owner", "client_billing")
    assert (box.now_of(jane).job_title, box.now_of(jane).role) == ("Buyer", "client_admin")
    assert again.state is ContactState.ACTIVE


def test_whoever_has_a_password_keeps_it_and_is_told_of_the_new_client(box: Box) -> None:
    box.active(box.client())
    box.mails.messages.clear()
    box.contact(box.client("Bolt Ltd"))
    assert box.deliver().sent == 1
    message = box.mails.messages[0]
    assert (message.type, message.to.email) == (MailType.CONTACT_ADDED, "jane@acme.example")
    assert "Bolt Ltd" in message.text
    assert "http" not in message.text
    assert len(box.sign_in().clients) == 2


def test_whoever_has_no_password_is_not_told(box: Box) -> None:
    box.contact(box.client())
    box.contact(box.client("Bolt Ltd"))
    assert box.deliver().sent == 0


def test_nobody_who_has_signed_in_is_invited_again(box: Box) -> None:
    box.active(box.client())
    box.mails.messages.clear()
    again = box.contact(box.client("Bolt Ltd"), invite=True)
    assert (again.state, again.link.state) == (ContactState.ACTIVE, LinkState.NONE)
    box.deliver()
    assert [message.type for message in box.mails.messages] == [MailType.CONTACT_ADDED]


def test_a_staged_user_of_another_client_can_be_invited_here(box: Box) -> None:
    jane = box.contact(box.client())
    again = box.contact(box.client("Bolt Ltd"), invite=True)
    assert again.state is ContactState.INVITE_SENT
    assert box.now_of(jane).state is ContactState.PENDING_INVITE


def test_a_staff_address_is_refused(box: Box) -> None:
    box.ws.staff.add(first_name="Ada", last_name="B", email="ada@northwind.example", roles=["editor"])
    acme = box.client()
    before = box.dump()
    with pytest.raises(StaffCannotBeClientUserError):
        box.contact(acme, email="ADA@northwind.example")
    assert box.dump() == before


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("jane@acme.example", "JANE@ACME.example"),
        ("jane@acme.example", "  jane@acme.example "),
        ("jane@bücher.example", "Jane@xn--bcher-kva.example"),
        ("jane@bücher.example", "jane@BÜCHER.example"),
        ("straße@acme.example", "STRASSE@acme.example"),
        ("jané@acme.example", "jane\u0301@acme.example"),
    ],
)
def test_one_mailbox_is_one_contact_in_any_spelling(box: Box, first: str, second: str) -> None:
    acme = box.client()
    jane = box.contact(acme, email=first)
    before = box.dump()
    with pytest.raises(DuplicateContactError):
        box.contact(acme, "Other", email=second)
    assert box.dump() == before
    assert box.ws.contacts.find(acme.id, email=second) == jane


@pytest.mark.parametrize("other", ["ja.ne@acme.example", "jane+x@acme.example", "jane@acme2.example"])
def test_no_tricks_of_providers_are_known(box: Box, other: str) -> None:
    acme = box.client()
    box.contact(acme)
    box.contact(acme, "Other", email=other)
    assert len(box.ws.contacts.list(acme.id)) == 2


def test_the_strict_reading_refuses_every_known_address(box: Box) -> None:
    acme, bolt = box.client(), box.client("Bolt Ltd")
    box.contact(acme)
    with pytest.raises(EmailInUseError):
        box.contact(bolt, on_existing="reject")
    with pytest.raises(DuplicateContactError):
        box.contact(acme, on_existing="reject")
    assert box.contact(bolt, "New", on_existing="reject").name == "New Doe"


def test_a_closed_client_takes_contacts_but_no_invitations(box: Box) -> None:
    acme = box.client()
    box.ws.clients.set_status(acme.id, "closed")
    before = box.dump()
    with pytest.raises(ClientClosedError):
        box.contact(acme, invite=True)
    assert box.dump() == before
    assert box.contact(acme).state is ContactState.PENDING_INVITE


def test_a_deactivated_user_is_added_as_inactive_and_cannot_be_invited(box: Box) -> None:
    jane = box.contact(box.client())
    box.ws.access.deactivate(jane.user_id)
    bolt = box.client("Bolt Ltd")
    with pytest.raises(UserInactiveError):
        box.contact(bolt, invite=True)
    assert box.contact(bolt).state is ContactState.INACTIVE


@pytest.mark.parametrize(
    "settings",
    [
        Settings(links=Links(invite="https://p.example/?t={token}")),
        Settings(sender="Northwind <hello@northwind.example>"),
    ],
    ids=["no sender", "no template"],
)
def test_an_invitation_that_could_not_be_mailed_is_refused_before_anything_is_written(
    box: Box, settings: Settings
) -> None:
    acme = box.client()
    bare = box.again(settings=settings)
    before = box.dump()
    with pytest.raises(ConfigurationError):
        bare.contact(acme, invite=True)
    assert box.dump() == before
    assert bare.contact(acme).state is ContactState.PENDING_INVITE


def test_everything_that_is_wrong_is_said_at_once(box: Box) -> None:
    acme = box.client()
    before = box.dump()
    with pytest.raises(InvalidInputError) as refused:
        box.ws.contacts.add(acme.id, first_name="", last_name="a\nb", email="nobody", phone="1" * 51, role="owner")
    assert set(refused.value.by_field()) == {"first_name", "last_name", "email", "phone", "role"}
    assert box.dump() == before


def test_a_wrong_field_and_a_known_address_are_said_together(box: Box) -> None:
    acme = box.client()
    box.contact(acme)
    with pytest.raises(Exception, match="first_name") as refused:
        box.ws.contacts.add(acme.id, first_name="", last_name="Doe", email="jane@acme.example")
    assert {violation.code for violation in getattr(refused.value, "violations", ())} == {
        "required",
        "duplicate_contact",
    }


def test_several_clients_may_have_one_primary_address(box: Box) -> None:
    first = box.client("Acme Retail", email="books@keeper.example")
    second = box.client("Bolt Ltd", email="BOOKS@keeper.example")
    assert set(box.ws.clients.list(email="Books@Keeper.example")) == {first, second}


def test_a_primary_address_is_no_login(box: Box) -> None:
    acme = box.client(email="jane@acme.example")
    assert box.contact(acme).name == "Jane Doe"


def test_who_added_the_contact_is_remembered(box: Box) -> None:
    acme = box.client()
    workspace = box.manager.workspace(box.tenant, actor=Staff("grace", roles={"editor"}))
    jane = workspace.contacts.add(acme.id, first_name="Jane", last_name="Doe", email="jane@acme.example")
    entry = box.audit()[-1]
    assert (entry.actor, entry.action, entry.subject) == ("staff:grace", "contact_added", jane.id)
    assert entry.client_id == acme.id
    assert PASSWORD not in str(entry)
