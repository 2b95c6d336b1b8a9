"""Logins that are put on record. Source: people model, login tracking; contacts page, last login."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

import pytest

from clientmgmt import ClientId, ClientUser, ContactState, InvalidInputError, NotFoundError, Staff, UserId
from clientmgmt.errors import IllegalTransitionError, UserInactiveError
from tests.box import Box


def test_it_never_moves_backwards_whatever_order_they_come_in(box: Box) -> None:
    acme = box.client()
    jane = box.active(acme)
    now = box.later(days=3)
    hours = [timedelta(hours=hours) for hours in (5, 40, 1, 20)]
    for ago in hours:
        box.ws.access.record_login(jane.user_id, now - ago, client_id=acme.id)
    assert box.now_of(jane).last_login == now - timedelta(hours=1)
    newest = [login.at for login in box.ws.access.logins(jane.user_id, limit=4)]
    assert newest == [now - ago for ago in sorted(hours)]
    recent = box.ws.contacts.most_recent(acme.id)
    assert recent is not None
    assert (recent.at, recent.ago) == (now - timedelta(hours=1), "1 hour ago")


def test_the_first_one_makes_a_contact_active(box: Box) -> None:
    acme = box.client()
    jane, token = box.invited(acme)
    box.door.accept_invite(token, password="correct horse battery staple", sign_in=False)
    at = box.later(hours=1)
    box.later(hours=1)
    login = box.ws.access.record_login(jane.user_id, at)
    assert (login.at, login.name, login.client_id) == (at, "Jane Doe", None)
    assert box.now_of(jane).state is ContactState.ACTIVE


def test_the_same_one_again_is_no_second_one(box: Box) -> None:
    acme = box.client()
    jane = box.active(acme)
    at = box.later(hours=1)
    first = box.ws.access.record_login(jane.user_id, at, client_id=acme.id)
    before = box.dump()
    assert box.ws.access.record_login(jane.user_id, at, client_id=acme.id) == first
    assert box.dump() == before
    box.ws.access.record_login(jane.user_id, at)
    assert len(box.dump()["logins"]) == len(before["logins"]) + 1


def test_a_user_of_several_clients_counts_for_each(box: Box) -> None:
    acme, bolt = box.client(), box.client("Bolt")
    jane = box.active(acme)
    box.contact(bolt)
    at = box.later(hours=1)
    box.ws.access.record_login(jane.user_id, at, client_id=acme.id)
    for client in (acme, bolt):
        recent = box.ws.contacts.most_recent(client.id)
        assert recent is not None
        assert (recent.user_id, recent.at) == (jane.user_id, at)


def test_impersonation_is_no_login(box: Box) -> None:
    acme = box.client()
    jane = box.active(acme)
    seen = box.now_of(jane).last_login
    box.later(hours=1)
    actor = ClientUser(jane.user_id, impersonated_by=Staff("ada"))
    ws = box.manager.workspace(box.tenant, actor=actor)
    ws.contacts.update(jane.id, first_name="Janet")
    assert box.now_of(jane).last_login == seen
    assert (box.audit()[-1].actor, box.audit()[-1].on_behalf_of) == ("staff:ada", f"user:{jane.user_id}")


def test_a_refused_sign_in_is_no_login(box: Box) -> None:
    jane = box.active(box.client())
    seen = box.now_of(jane).last_login
    box.later(hours=1)
    with pytest.raises(Exception, match="do not match"):
        box.sign_in(password="wrong")
    assert box.now_of(jane).last_login == seen


def test_nobody_has_come_in_before_it_has_a_credential_nor_tomorrow_nor_elsewhere(box: Box) -> None:
    acme, bolt = box.client(), box.client("Bolt")
    jane, bob = box.active(acme), box.contact(acme, "Bob")
    ada, now = box.active_staff(), box.later(hours=1)
    before = box.dump()
    with pytest.raises(IllegalTransitionError):
        box.ws.access.record_login(bob.user_id, now)
    for wrong in (now + timedelta(microseconds=1), datetime(2026, 1, 5), "2026-01-05", None):  # noqa: DTZ001
        with pytest.raises(InvalidInputError) as refused:
            box.ws.access.record_login(jane.user_id, wrong)  # type: ignore[arg-type]
        assert list(refused.value.by_field()) == ["at"]
    for client_id in (bolt.id, ClientId(UUID(int=1)), "x"):
        with pytest.raises(NotFoundError):
            box.ws.access.record_login(jane.user_id, now, client_id=client_id)  # type: ignore[arg-type]
    for user_id in (ada.id, UserId(UUID(int=1))):
        with pytest.raises(NotFoundError):
            box.ws.access.record_login(user_id, now)
    assert box.dump() == before


def test_a_client_that_was_not_accepted_and_a_time_after_the_deactivation_are_refused(box: Box) -> None:
    acme, bolt = box.client(), box.client("Bolt")
    jane = box.active(acme)
    ws = box.as_user(box.active(bolt, "Ann", role="client_admin").user_id)
    ws.contacts.add(bolt.id, first_name="J", last_name="D", email="jane@acme.example")
    before, gone = box.later(hours=1), box.later(hours=1)
    box.ws.access.deactivate(jane.user_id)
    box.later(hours=1)
    stored = box.dump()
    with pytest.raises(NotFoundError):
        box.ws.access.record_login(jane.user_id, before, client_id=bolt.id)
    with pytest.raises(UserInactiveError):
        box.ws.access.record_login(jane.user_id, gone)
    assert box.dump() == stored
    assert box.ws.access.record_login(jane.user_id, before, client_id=acme.id).at == before
    assert box.audit()[-1].new["login_at"] == before.isoformat()
