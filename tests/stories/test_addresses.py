"""Changing addresses. Source: people model, contact lifecycle, edit; who hears what, e-mail changed."""

from __future__ import annotations

from datetime import timedelta

import attrs
import pytest

from clientmgmt import (
    Client,
    Contact,
    ContactState,
    InvalidLinkError,
    ResetRules,
    Rules,
    SignInRefusedError,
    Workspace,
)
from clientmgmt.domain import LinkPassword, LinkPurpose, MailType
from clientmgmt.errors import (
    ConfigurationError,
    DuplicateContactError,
    EmailInUseError,
    InvalidInputError,
    LimitError,
    RefusedError,
    SharedProfileError,
)
from tests.box import PASSWORD, Box

JANE, DOE = "jane@acme.example", "doe@acme.example"


def admin(box: Box, client: Client) -> Workspace:
    return box.as_user(box.active(client, "Ann", role="client_admin").user_id)


def wanted(box: Box, jane: Contact, email: str = DOE) -> str:
    """The token of the link with which Jane confirms another address."""
    box.as_user(jane.user_id).contacts.update(jane.id, email=email)
    box.deliver()
    return box.mails.token(email)


def shown(ws: Workspace, contact: Contact) -> dict[str, object]:
    """All that is shown of a contact but its version."""
    return {**attrs.asdict(ws.contacts.get(contact.id), recurse=False), "version": None}


def told(box: Box) -> list[tuple[str, str]]:
    """Who was sent what about a changed address."""
    box.deliver()
    kinds = {MailType.EMAIL_CHANGED, MailType.EMAIL_LEFT}
    return sorted((mail.to.email, mail.type.value) for mail in box.mails.messages if mail.type in kinds)


def dead(box: Box, token: str, reason: str) -> None:
    for use in (box.door.inspect, box.door.confirm_email):
        with pytest.raises(InvalidLinkError) as refused:
            use(token)
        assert refused.value.reason == reason


def test_staff_change_it_at_once_and_sessions_and_links_end_and_both_addresses_are_told(box: Box) -> None:
    acme, bolt = box.client(), box.client("Bolt")
    jane, there = box.active(acme), box.contact(bolt)
    session = box.sign_in()
    box.door.request_reset(JANE)
    box.deliver()
    reset = box.mails.token(JANE)
    began = box.later(minutes=1)
    changed = box.ws.contacts.update(jane.id, email="Doe@acme.example")
    assert (changed.email.address, box.now_of(there).email) == ("Doe@acme.example", changed.email)
    assert box.now_of(there).version == there.version + 1
    with pytest.raises(SignInRefusedError):
        box.door.identify(session.token.reveal())
    with pytest.raises(InvalidLinkError):
        box.door.inspect(reset)
    with pytest.raises(SignInRefusedError):
        box.sign_in()
    assert box.sign_in(DOE).actor.user_id == jane.user_id
    assert told(box) == [("Doe@acme.example", "email_changed"), (JANE, "email_left")]
    entries = {entry.action: entry for entry in box.audit(after=began)}
    assert entries["email_changed"].old == {"email": JANE}
    assert entries["email_changed"].new == {"email": "Doe@acme.example"}
    assert entries["contact_updated"].new["changed"] == "email"
    (link, _) = box.ws.access.links(jane.user_id)
    assert (link.purpose, link.state.value, link.sent_by) == (LinkPurpose.EMAIL, "accepted", "staff:ada")


def test_an_open_invitation_to_the_old_address_is_dead(box: Box) -> None:
    jane, token = box.invited(box.client())
    box.ws.contacts.update(jane.id, email=DOE)
    with pytest.raises(InvalidLinkError) as refused:
        box.door.accept_invite(token, password=PASSWORD)
    assert refused.value.reason == "revoked"
    box.resend(jane)
    box.deliver()
    box.door.accept_invite(box.mails.token(DOE), password=PASSWORD)
    assert box.now_of(jane).state is ContactState.ACTIVE


def test_who_was_never_sent_anything_is_told_nothing(box: Box) -> None:
    jane = box.contact(box.client())
    box.ws.contacts.update(jane.id, email=DOE)
    assert told(box) == []


def test_an_address_of_somebody_else_is_refused_and_nothing_is_written(box: Box) -> None:
    acme = box.client()
    jane = box.active(acme)
    box.contact(box.client("Bolt"), "Bob")
    ada = box.ws.staff.add(first_name="Ada", last_name="B", email="ada@northwind.example", roles=["editor"])
    before = box.dump()
    for email in ("BOB@acme.example", "ada@northwind.example"):
        with pytest.raises(EmailInUseError):
            box.ws.contacts.update(jane.id, email=email, first_name="X")
    with pytest.raises(EmailInUseError):
        box.ws.staff.update(ada.id, email=JANE)
    for wrong in ("", "no address", None):
        with pytest.raises(InvalidInputError):
            box.ws.contacts.update(jane.id, email=wrong)  # type: ignore[arg-type]
    assert box.dump() == before


def test_staff_users_are_told_at_both_addresses_too(box: Box) -> None:
    ada = box.active_staff()
    box.ws.staff.update(ada.id, email="king@northwind.example")
    assert told(box) == [("ada@northwind.example", "email_left"), ("king@northwind.example", "email_changed")]


def test_ones_own_is_changed_when_the_link_to_the_new_address_is_used(box: Box) -> None:
    acme = box.client()
    jane = box.active(acme)
    session = box.sign_in()
    token = wanted(box, jane)
    assert box.now_of(jane).email.address == JANE
    message = box.mails.messages[-1]
    assert (message.type, message.to.email, message.cc) == (MailType.EMAIL_CONFIRMATION, DOE, ())
    assert "until 05 January 2026, 11:00 UTC" in message.text
    view = box.door.inspect(token)
    assert (view.purpose, view.email.address, view.user_name, view.password) == (
        LinkPurpose.EMAIL, DOE, "Jane Doe", LinkPassword.NONE,
    )  # fmt: skip
    assert box.door.identify(session.token.reveal()) == session.actor
    box.door.confirm_email(token)
    assert box.now_of(jane).email.address == DOE
    with pytest.raises(SignInRefusedError):
        box.door.identify(session.token.reveal())
    box.sign_in(DOE)
    assert told(box) == [(DOE, "email_changed"), (JANE, "email_left")]
    assert box.audit()[-2].actor == f"user:{jane.user_id}"
    dead(box, token, "used")


def test_the_rest_of_the_same_change_counts_at_once(box: Box) -> None:
    jane = box.active(box.client())
    seen = box.as_user(jane.user_id).contacts.update(jane.id, email=DOE, first_name="Janet")
    assert (seen.name, seen.email.address) == ("Janet Doe", JANE)


def test_the_link_works_for_two_hours_and_a_newer_one_kills_it(box: Box) -> None:
    jane = box.active(box.client())
    first = wanted(box, jane)
    second = wanted(box, jane, "other@acme.example")
    dead(box, first, "superseded")
    box.later(hours=2)
    dead(box, second, "expired")
    box.clock.advance(timedelta(hours=-1))
    dead(box, second, "expired")
    assert box.now_of(jane).email.address == JANE


def test_a_link_dies_with_a_change_of_password_or_address(box: Box) -> None:
    acme = box.client()
    jane, bob = box.active(acme), box.active(acme, "Bob")
    one, two = wanted(box, jane), wanted(box, bob, "rob@acme.example")
    box.ws.access.set_password(jane.user_id, "a quite different one")
    box.ws.contacts.update(bob.id, email="bobby@acme.example")
    dead(box, one, "revoked")
    dead(box, two, "revoked")


def test_asking_for_an_address_that_is_known_looks_the_same_and_leads_nowhere(box: Box) -> None:
    acme = box.client()
    jane = box.active(acme)
    bob = box.contact(box.client("Bolt"), "Bob")
    ws = box.as_user(jane.user_id)
    seen = [ws.contacts.update(jane.id, email=email) for email in (DOE, "bob@acme.example")]
    assert seen[0] == seen[1]
    sent = len(box.mails.messages)
    assert box.deliver().obsolete == 2
    assert len(box.mails.messages) == sent
    token = wanted(box, jane)
    box.ws.contacts.update(bob.id, email=DOE)
    with pytest.raises(InvalidLinkError) as refused:
        box.door.confirm_email(token)
    assert refused.value.reason == "email_in_use"


def test_three_new_addresses_an_hour(box: Box) -> None:
    jane = box.active(box.client())
    ws = box.as_user(jane.user_id)
    for number in range(3):
        ws.contacts.update(jane.id, email=f"p{number}@acme.example")
    before = box.dump()
    with pytest.raises(LimitError) as refused:
        ws.contacts.update(jane.id, email=DOE, first_name="X")
    assert dict(refused.value.violations[0].data) == {"limit": 3, "count": 3}
    assert box.dump() == before
    box.later(hours=1)
    ws.contacts.update(jane.id, email=DOE)


def test_without_a_template_nothing_is_asked_for(box: Box) -> None:
    jane = box.active(box.client())
    bare = box.again(settings=type(box.settings)(sender="Northwind <hello@northwind.example>"))
    before = box.dump()
    with pytest.raises(ConfigurationError, match="email="):
        bare.as_user(jane.user_id).contacts.update(jane.id, email=DOE)
    assert box.dump() == before


def test_a_client_takes_nobody_over_by_an_address(box: Box) -> None:
    acme = box.client()
    ws = admin(box, acme)
    bob, cid = box.active(acme, "Bob"), box.contact(acme, "Cid")
    box.contact(box.client("Bolt"), "Cid")
    before = box.dump()
    for contact in (bob, cid):
        with pytest.raises(SharedProfileError):
            ws.contacts.update(contact.id, email="mine@acme.example")
    assert {name for name, rows in box.dump().items() if rows != before[name]} == {"audit"}


@pytest.mark.parametrize("by_staff", [True, False])
def test_a_mistyped_address_of_its_own_people_is_put_right_and_has_to_be_invited_again(
    box: Box, *, by_staff: bool
) -> None:
    acme = box.client()
    ws = admin(box, acme)
    add = box.ws.contacts.add if by_staff else ws.contacts.add
    bob = add(acme.id, first_name="Bob", last_name="Roe", email="bbo@acme.example", invite=True)
    box.deliver()
    old = box.mails.token("bbo@acme.example")
    box.active(box.client("Bolt"), "Known")
    outcomes = []
    for email in ("known@acme.example", "unknown@acme.example"):
        seen = ws.contacts.update(bob.id, email=email)
        outcomes.append((seen.name, seen.email.address == email, seen.state, seen.is_accepted, seen.mail))
        assert str(seen.user_id) == str(bob.id)
    assert outcomes[0] == outcomes[1] == ("Bob Roe", True, ContactState.PENDING_INVITE, False, None)
    with pytest.raises(InvalidLinkError):
        box.door.inspect(old)
    ws.contacts.update(bob.id, email="bob@acme.example")
    box.later(minutes=1)
    ws.contacts.send_invite(bob.id)
    box.deliver()
    box.door.accept_invite(box.mails.token("bob@acme.example"), password=PASSWORD)
    assert (box.now_of(bob).state, box.now_of(bob).name) == (ContactState.ACTIVE, "Bob Roe")


def test_an_address_of_staff_or_of_a_contact_of_this_client_is_refused(box: Box) -> None:
    acme = box.client()
    ws = admin(box, acme)
    bob = ws.contacts.add(acme.id, first_name="Bob", last_name="Roe", email="bob@acme.example")
    box.contact(acme)
    box.ws.staff.add(first_name="Ada", last_name="B", email="ada@northwind.example", roles=["editor"])
    before = box.dump()
    with pytest.raises(DuplicateContactError):
        ws.contacts.update(bob.id, email=JANE)
    with pytest.raises(RefusedError) as refused:
        ws.contacts.update(bob.id, email="ada@northwind.example")
    assert [violation.code for violation in refused.value.violations] == ["not_allowed"]
    assert box.dump() == before


def test_a_client_that_has_typed_an_address_does_not_follow_whoever_leaves_it(box: Box) -> None:
    acme, bolt = box.client(), box.client("Bolt")
    jane = box.active(acme)
    ws = admin(box, bolt)
    typed = [
        ws.contacts.add(bolt.id, first_name="X", last_name="Y", email=email, invite=True)
        for email in (JANE, "nobody@acme.example")
    ]
    old = box.token(typed[0])
    before = [shown(ws, contact) for contact in typed]
    box.door.confirm_email(wanted(box, jane))
    assert [shown(ws, contact) for contact in typed] == before
    assert ws.contacts.find(bolt.id, email=DOE) is None
    found = ws.contacts.find(bolt.id, email=JANE)
    assert found is not None
    assert found.id == typed[0].id
    box.later(minutes=2)
    assert ws.contacts.send_invite(typed[0].id).email_key == JANE
    box.deliver()
    assert box.mails.messages[-1].to.email == JANE
    with pytest.raises(InvalidLinkError):
        box.door.accept_invite(old, password=PASSWORD)
    session = box.door.accept_invite(box.mails.token(JANE), password=PASSWORD)
    assert session.actor.user_id != jane.user_id
    assert box.sign_in(DOE).clients == (acme.id,)
    assert ws.contacts.add(bolt.id, first_name="D", last_name="D", email=DOE).email.address == DOE


def test_the_spelling_of_an_address_that_nobody_has_accepted_can_be_put_right(box: Box) -> None:
    acme = box.client()
    ws = admin(box, acme)
    typed = ws.contacts.add(acme.id, first_name="X", last_name="Y", email="Bob@acme.example", invite=True)
    token = box.token(typed)
    assert ws.contacts.update(typed.id, email="bob@ACME.example").email.address == "bob@acme.example"
    box.door.accept_invite(token, password=PASSWORD)


def test_a_generated_password_does_not_outlive_the_address_that_it_was_mailed_to(box: Box) -> None:
    mailed = box.again(rules=Rules(resets=ResetRules(mode="generate_and_mail")))
    jane = mailed.active(mailed.client())
    mailed.door.request_reset(JANE)
    mailed.deliver()
    mailed.door.complete_reset(mailed.mails.token(JANE))
    mailed.deliver()
    password = next(line for line in mailed.mails.messages[-1].text.splitlines() if line.count("-") == 3)
    mailed.ws.contacts.update(jane.id, email=DOE)
    with pytest.raises(SignInRefusedError):
        mailed.sign_in(DOE, password)


def test_what_staff_changes_does_not_count_against_the_user(box: Box) -> None:
    jane = box.active(box.client())
    for number in range(4):
        box.ws.contacts.update(jane.id, email=f"p{number}@acme.example")
    for number in range(3):
        box.as_user(jane.user_id).contacts.update(jane.id, email=f"q{number}@acme.example")


def test_an_address_that_a_client_has_typed_in_and_taken_back_is_free(box: Box) -> None:
    acme, bolt = box.client(), box.client("Bolt")
    jane = box.active(acme)
    ws = admin(box, bolt)
    for email in (DOE, "roe@acme.example", "king@northwind.example"):
        left = ws.contacts.add(bolt.id, first_name="X", last_name="Y", email=email, invite=True)
        ws.contacts.remove(left.id)
    box.door.confirm_email(wanted(box, jane))
    assert box.now_of(jane).email.address == DOE
    assert box.ws.contacts.update(jane.id, email="roe@acme.example").email.address == "roe@acme.example"
    ada = box.active_staff()
    assert box.ws.staff.update(ada.id, email="king@northwind.example").email.address == "king@northwind.example"
    left = ws.contacts.add(bolt.id, first_name="X", last_name="Y", email="new@northwind.example")
    ws.contacts.remove(left.id)
    box.ws.staff.add(first_name="N", last_name="N", email="new@northwind.example", roles=["editor"])
    assert ws.contacts.add(bolt.id, first_name="X", last_name="Y", email=DOE).email.address == DOE
    with pytest.raises(EmailInUseError):
        box.ws.contacts.update(jane.id, email=DOE)
