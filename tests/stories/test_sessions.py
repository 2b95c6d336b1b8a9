"""Sessions: from the sign-in to their end. Source: people model, actors and signing in."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import attrs
import pytest

from clientmgmt import (
    ClientManager,
    ClientUser,
    ForbiddenError,
    NotFoundError,
    Rules,
    SessionRules,
    SignInRefusedError,
    System,
    UserId,
)
from clientmgmt.adapters.system import generate_key
from clientmgmt.domain import Event
from clientmgmt.errors import ConfigurationError
from tests.box import KEY, PASSWORD, Box

OTHER_KEY = generate_key()


def refused(box: Box, token: str) -> None:
    with pytest.raises(SignInRefusedError):
        box.door.identify(token)


def test_a_token_says_who_has_signed_in_until_the_session_is_over(box: Box) -> None:
    acme = box.client()
    jane = box.active(acme)
    session = box.sign_in()
    token = session.token.reveal()
    assert box.door.identify(token) == session.actor == ClientUser(jane.user_id, epoch=0)
    assert session.expires_at == box.clock.now() + timedelta(hours=12)
    assert token not in repr(session)
    box.later(hours=11, minutes=59)
    assert box.door.identify(token) == session.actor
    box.later(minutes=1)
    refused(box, token)


def test_looking_at_a_token_writes_nothing(box: Box) -> None:
    box.active(box.client())
    token = box.sign_in().token.reveal()
    before = box.dump()
    box.door.identify(token)
    assert box.dump() == before


def test_accepting_an_invitation_and_a_trusted_sign_in_begin_one_too(box: Box) -> None:
    acme = box.client()
    jane, token = box.invited(acme)
    accepted = box.door.accept_invite(token, password=PASSWORD)
    trusted = box.door.sign_in_trusted(jane.user_id, client_id=acme.id)
    for session in (accepted, trusted):
        assert box.door.identify(session.token.reveal()) == session.actor
    assert accepted.token.reveal() != trusted.token.reveal()
    assert trusted.actor.client_id == acme.id


def test_signing_out_ends_one_session_and_leaves_the_others(box: Box) -> None:
    box.active(box.client())
    first, second = box.sign_in(), box.sign_in()
    box.door.sign_out(first.token.reveal())
    refused(box, first.token.reveal())
    assert box.door.identify(second.token.reveal()) == second.actor
    before = box.dump()
    for nothing in (first.token.reveal(), "", "x" * 60, None, 5):
        box.door.sign_out(nothing)  # type: ignore[arg-type]
    assert box.dump() == before


def test_deactivation_ends_all_sessions_for_good(box: Box) -> None:
    acme = box.client()
    jane = box.active(acme)
    session = box.sign_in()
    ws = box.manager.workspace(box.tenant, actor=session.actor)
    assert ws.clients.get(acme.id) == acme
    box.ws.access.deactivate(jane.user_id)
    box.ws.access.reactivate(jane.user_id)
    refused(box, session.token.reveal())
    with pytest.raises(NotFoundError):
        ws.clients.get(acme.id)
    with pytest.raises(NotFoundError):
        ws.access.may("files", acme.id)
    with pytest.raises(ForbiddenError):
        ws.clients.list()
    again = box.sign_in()
    assert again.actor.epoch == 1
    assert box.door.identify(again.token.reveal()) == again.actor
    assert box.as_user(jane.user_id).clients.get(acme.id) == acme


def test_a_session_of_one_client_ends_with_it_and_others_go_on(box: Box) -> None:
    acme, bolt = box.client(), box.client("Bolt")
    jane = box.active(acme)
    box.contact(bolt)
    bound = box.door.sign_in(jane.email.address, PASSWORD, client_id=acme.id)
    free = box.sign_in()
    box.ws.clients.set_status(acme.id, "closed")
    refused(box, bound.token.reveal())
    assert box.door.identify(free.token.reveal()) == free.actor
    box.ws.clients.set_status(bolt.id, "closed")
    refused(box, free.token.reveal())
    box.ws.clients.set_status(acme.id, "active")
    assert box.door.identify(bound.token.reveal()) == bound.actor


def test_who_was_suspended_or_removed_everywhere_has_no_session(box: Box) -> None:
    jane = box.active(box.client())
    token = box.sign_in().token.reveal()
    box.ws.contacts.suspend(jane.id)
    refused(box, token)
    box.ws.contacts.resume(jane.id)
    box.door.identify(token)
    box.ws.contacts.remove(jane.id)
    refused(box, token)


def test_a_token_opens_nothing_elsewhere(box: Box) -> None:
    jane, invitation = box.invited(box.client())
    session = box.door.accept_invite(invitation, password=PASSWORD)
    token = session.token.reveal()
    other = box.neighbour()
    other.active(other.client())
    refused(other, token)
    for wrong in (invitation, token[:-1], token.swapcase(), token + "A", "", "x" * 10**6, None, 5, b"x"):
        refused(box, wrong)  # type: ignore[arg-type]
    assert box.door.identify(token).user_id == jane.user_id


def test_how_long_it_lasts_is_a_rule(box: Box) -> None:
    short = box.again(rules=Rules(sessions=SessionRules(valid=timedelta(minutes=5))))
    short.active(short.client())
    token = short.sign_in().token.reveal()
    short.later(minutes=5)
    refused(short, token)


def test_removing_a_key_ends_the_sessions_that_it_signed(box: Box) -> None:
    box.active(box.client())
    token = box.sign_in().token.reveal()
    rotated = box.again(keys=[OTHER_KEY, KEY])
    assert rotated.door.identify(token).epoch == 0
    refused(box.again(keys=[OTHER_KEY]), token)


def test_upkeep_removes_what_is_over(box: Box) -> None:
    box.active(box.client())
    box.later(hours=6)
    token = box.sign_in().token.reveal()
    box.later(hours=6)
    assert box.manager.upkeep(only=["sessions"], tenants=[box.tenant]).done == {"sessions": 1}
    assert len(box.dump()["sessions"]) == 1
    box.door.identify(token)


class Kept:
    """The sessions of an application, by user."""

    def __init__(self) -> None:
        self.ended: list[tuple[str, UserId]] = []

    def end(self, tenant: str, user_id: UserId, /) -> None:
        self.ended.append((tenant, user_id))


def test_an_application_is_told_when_the_sessions_of_a_user_end(memory_box: Box) -> None:
    kept, heard = Kept(), list[Event]()
    box = memory_box
    options: dict[str, Any] = {"secret_keys": [KEY], "settings": box.settings, "sessions": kept}
    manager = ClientManager(box.storage, on_commit=heard.extend, **options)
    jane = box.active(box.client())
    ws = manager.workspace(box.tenant, actor=System("job"))
    ws.contacts.suspend(jane.id)
    assert kept.ended == []
    ws.access.deactivate(jane.user_id)
    assert kept.ended == [(box.tenant, jane.user_id)]
    assert [event.name for event in heard] == ["contact_suspended", "user_deactivated"]
    ClientManager(box.storage, **options).workspace(box.tenant, actor=System("job")).access.reactivate(jane.user_id)
    assert len(kept.ended) == 1
    ws.access.set_password(jane.user_id, "a quite different one")
    ws.contacts.update(jane.id, email="doe@acme.example")
    assert len(kept.ended) == 3
    manager.entrance(box.tenant, origin="x").request_reset("doe@acme.example")
    ws.contacts.update(jane.id, first_name="Janet")
    assert len(kept.ended) == 3


def test_what_are_no_sessions_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="sessions must be a Sessions"):
        ClientManager("memory:", sessions=object())  # type: ignore[arg-type]


def test_a_host_with_sessions_of_its_own_keeps_the_actor(box: Box) -> None:
    acme = box.client()
    jane = box.active(acme)
    kept = box.sign_in().actor
    told = attrs.evolve(kept, epoch=None)
    box.ws.access.deactivate(jane.user_id)
    box.ws.access.reactivate(jane.user_id)
    with pytest.raises(NotFoundError):
        box.manager.workspace(box.tenant, actor=kept).clients.get(acme.id)
    assert box.manager.workspace(box.tenant, actor=told).clients.get(acme.id) == acme
