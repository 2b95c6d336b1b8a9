"""Users who change their own passwords, and checks of a password apart. Source: people model, actors and signing in."""

from __future__ import annotations

import pytest

from clientmgmt import InvalidInputError, RateLimitedError, SignInRefusedError
from clientmgmt.domain import MailType
from tests.box import PASSWORD, Box

NEW = "a quite different one"


def test_all_sessions_end_a_new_one_begins_and_the_user_is_told(box: Box) -> None:
    acme = box.client()
    jane = box.active(acme)
    bound = box.door.sign_in("jane@acme.example", PASSWORD, client_id=acme.id)
    other = box.sign_in()
    logins = len(box.ws.access.logins(jane.user_id).items)
    changed = box.door.change_password(bound.token.reveal(), password=NEW, current=PASSWORD)
    for ended in (bound, other):
        with pytest.raises(SignInRefusedError):
            box.door.identify(ended.token.reveal())
    assert box.door.identify(changed.token.reveal()) == changed.actor
    assert (changed.actor.client_id, changed.must_change) == (acme.id, False)
    assert len(box.ws.access.logins(jane.user_id).items) == logins
    with pytest.raises(SignInRefusedError):
        box.sign_in()
    box.sign_in(password=NEW)
    box.deliver()
    assert box.mails.messages[-1].type == MailType.PASSWORD_CHANGED


def test_the_old_one_has_to_be_known_and_guessing_is_limited(box: Box) -> None:
    box.active(box.client())
    token = box.sign_in().token.reveal()
    for current in ("wrong", "", None, 5, "x" * 5000, *["wrong"] * 5):
        with pytest.raises(SignInRefusedError):
            box.door.change_password(token, password=NEW, current=current)  # type: ignore[arg-type]
    with pytest.raises(RateLimitedError):
        box.door.change_password(token, password=NEW, current=PASSWORD)
    box.later(minutes=15)
    box.door.change_password(token, password=NEW, current=PASSWORD)


def test_a_new_one_that_the_rules_refuse_changes_nothing(box: Box) -> None:
    box.active(box.client())
    token = box.sign_in().token.reveal()
    box.sign_in()
    before = box.dump()
    for password in ("short", "", None, 5):
        with pytest.raises(InvalidInputError):
            box.door.change_password(token, password=password, current=PASSWORD)  # type: ignore[arg-type]
    assert {**box.dump(), "attempts": ()} == {**before, "attempts": ()}


def test_a_token_that_is_none_changes_nothing(box: Box) -> None:
    box.active(box.client())
    session = box.sign_in()
    box.door.sign_out(session.token.reveal())
    before = box.dump()
    for token in (session.token.reveal(), "", None, 5):
        with pytest.raises(SignInRefusedError):
            box.door.change_password(token, password=NEW, current=PASSWORD)  # type: ignore[arg-type]
    assert box.dump() == before


def test_a_host_checks_the_password_then_a_second_factor_then_records_the_login(box: Box) -> None:
    acme = box.client()
    jane = box.active(acme)
    before = len(box.ws.access.logins(jane.user_id).items)
    user_id = box.door.check_password("JANE@acme.example", PASSWORD)
    assert user_id == jane.user_id
    assert len(box.ws.access.logins(jane.user_id).items) == before
    box.door.sign_in_trusted(user_id)
    assert len(box.ws.access.logins(jane.user_id).items) == before + 1


def test_a_check_is_refused_as_a_sign_in_is(box: Box) -> None:
    acme = box.client()
    jane = box.active(acme)
    box.contact(acme, "Staged")
    cases = [("jane@acme.example", "wrong"), ("nobody@acme.example", PASSWORD), ("staged@acme.example", PASSWORD)]
    for email, password in cases:
        with pytest.raises(SignInRefusedError):
            box.door.check_password(email, password)
    for stand_in_the_way in (
        lambda: box.ws.clients.set_status(acme.id, "closed"),
        lambda: box.ws.access.deactivate(jane.user_id),
    ):
        stand_in_the_way()
        with pytest.raises(SignInRefusedError):
            box.door.check_password("jane@acme.example", PASSWORD)
