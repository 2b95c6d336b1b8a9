"""Users whom an identity provider knows. Source: people model, actors and signing in, external identity."""

from __future__ import annotations

import pytest

from clientmgmt import ContactState, Identity, InvalidInputError, LinkPassword, SignInRefusedError
from clientmgmt.errors import DuplicateIdentityError, NotEligibleError, RefusedError
from tests.box import PASSWORD, Box

JANE = "jane@acme.example"
ME = Identity("https://login.example.com", "248289761001")


def codes(error: RefusedError) -> list[str]:
    return [violation.code for violation in error.violations]


def test_an_invitation_is_accepted_with_an_identity_that_the_host_vouches_for(box: Box) -> None:
    acme = box.client()
    jane, token = box.invited(acme)
    session = box.door.accept_invite(token, identity=ME)
    assert session.actor.user_id == jane.user_id
    assert box.now_of(jane).state is ContactState.ACTIVE
    again = box.door.sign_in_trusted(ME, client_id=acme.id)
    assert box.door.identify(again.token.reveal()) == again.actor
    assert box.door.sign_in_trusted(jane.user_id).actor.user_id == jane.user_id
    assert len(box.ws.access.logins(jane.user_id).items) == 3


def test_without_a_login_it_is_a_credential_and_the_badge_stays(box: Box) -> None:
    jane, token = box.invited(box.client())
    assert box.door.accept_invite(token, identity=ME, sign_in=False) is None
    assert box.now_of(jane).state is ContactState.INVITE_SENT
    box.door.sign_in_trusted(ME)
    assert box.now_of(jane).state is ContactState.ACTIVE


def test_such_a_user_has_no_password_and_answers_a_reset_as_an_unknown_address(box: Box) -> None:
    jane, token = box.invited(box.client())
    box.ws.access.start_reset(jane.user_id)
    reset = box.token(jane)
    box.door.accept_invite(token, identity=ME)
    with pytest.raises(SignInRefusedError):
        box.sign_in()
    sent = len(box.mails.messages)
    box.door.request_reset(JANE)
    box.deliver()
    assert len(box.mails.messages) == sent
    for command in (
        lambda: box.ws.access.start_reset(jane.user_id),
        lambda: box.ws.access.set_password(jane.user_id, PASSWORD),
    ):
        with pytest.raises(NotEligibleError):
            command()
    with pytest.raises(Exception, match="not valid") as refused:
        box.door.complete_reset(reset, password=PASSWORD)
    assert refused.value.reason == "revoked"  # type: ignore[attr-defined]
    session = box.door.sign_in_trusted(ME)
    with pytest.raises(SignInRefusedError):
        box.door.change_password(session.token.reveal(), password=PASSWORD, current="")


def test_who_has_an_identity_confirms_a_further_client_with_it_and_with_nothing_else(box: Box) -> None:
    _, token = box.invited(box.client())
    box.door.accept_invite(token, identity=ME)
    bolt = box.client("Bolt")
    ws = box.as_user(box.active(bolt, "Bob", role="client_admin").user_id)
    added = ws.contacts.add(bolt.id, first_name="J", last_name="D", email=JANE, invite=True)
    invitation = box.token(added)
    before = box.dump()
    for wrong in ({"identity": Identity(ME.issuer, "other")}, {"password": PASSWORD}):
        with pytest.raises(SignInRefusedError):
            box.door.accept_invite(invitation, **wrong)
    assert box.dump() == before
    assert box.door.accept_invite(invitation, identity=ME).actor.client_id == bolt.id


def test_an_identity_does_not_take_the_place_of_a_password(box: Box) -> None:
    box.active(box.client())
    bolt = box.client("Bolt")
    ws = box.as_user(box.active(bolt, "Bob", role="client_admin").user_id)
    invitation = box.token(ws.contacts.add(bolt.id, first_name="J", last_name="D", email=JANE, invite=True))
    with pytest.raises(SignInRefusedError):
        box.door.accept_invite(invitation, identity=ME)
    with pytest.raises(SignInRefusedError):
        box.door.sign_in_trusted(ME)


def test_one_identity_is_one_user(box: Box) -> None:
    acme = box.client()
    _, one = box.invited(acme)
    _, two = box.invited(acme, "Bob")
    box.door.accept_invite(one, identity=ME)
    before = box.dump()
    with pytest.raises(DuplicateIdentityError) as refused:
        box.door.accept_invite(two, identity=ME)
    assert codes(refused.value) == ["duplicate_identity"]
    assert box.dump() == before
    other = box.neighbour()
    _, three = other.invited(other.client())
    other.door.accept_invite(three, identity=ME)


def test_what_is_no_identity_or_too_much_is_refused_and_the_link_stays_good(box: Box) -> None:
    _, token = box.invited(box.client())
    before = box.dump()
    cases = [
        ({}, ["not_text"]),
        ({"identity": "x"}, ["not_an_identity"]),
        ({"identity": Identity("", "x")}, ["not_an_identity"]),
        ({"identity": Identity("i", "x" * 256)}, ["not_an_identity"]),
        ({"identity": Identity("i", "x\x00")}, ["not_an_identity"]),
        ({"identity": Identity("i", "\ud800")}, ["not_an_identity"]),
        ({"identity": Identity(5, None)}, ["not_an_identity"]),  # type: ignore[arg-type]
        ({"identity": ME, "password": PASSWORD}, ["contradiction"]),
    ]
    for given, expected in cases:
        with pytest.raises(InvalidInputError) as refused:
            box.door.accept_invite(token, **given)  # type: ignore[arg-type]
        assert codes(refused.value) == expected, given
    for wrong in (Identity(5, None), Identity([], "s"), Identity("i", "x\x00"), Identity("i", "\ud800"), {}, object()):  # type: ignore[arg-type]
        with pytest.raises(SignInRefusedError):
            box.door.sign_in_trusted(wrong)  # type: ignore[arg-type]
    assert box.dump() == before
    box.door.accept_invite(token, identity=ME)


def test_an_identity_is_taken_exactly_as_it_is(box: Box) -> None:
    subject = "jose\u0301 " + "x" * 249
    jane, token = box.invited(box.client())
    box.door.accept_invite(token, identity=Identity(ME.issuer, subject))
    assert box.door.sign_in_trusted(Identity(ME.issuer, subject)).actor.user_id == jane.user_id
    with pytest.raises(SignInRefusedError):
        box.door.sign_in_trusted(Identity(ME.issuer, subject.strip() + "x"))


def test_the_page_behind_a_further_invitation_knows_that_there_is_no_password(box: Box) -> None:
    _, token = box.invited(box.client())
    assert box.door.inspect(token).password is LinkPassword.CHOOSE
    box.door.accept_invite(token, identity=ME)
    bolt = box.client("Bolt")
    ws = box.as_user(box.active(bolt, "Bob", role="client_admin").user_id)
    invitation = box.token(ws.contacts.add(bolt.id, first_name="J", last_name="D", email=JANE, invite=True))
    assert box.door.inspect(invitation).password is LinkPassword.IDENTITY
    assert "Sign in to confirm it here" in box.mails.messages[-1].text
