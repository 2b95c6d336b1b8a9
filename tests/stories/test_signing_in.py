"""Signing in, and who did last. Source: contacts page, most recent login; glossary: session, login."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from uuid import uuid5

import pytest

from clientmgmt import ClientId, SignInRefusedError, UserId
from clientmgmt.testing import FastHasher
from tests.box import PASSWORD, Box


class CountingHasher(FastHasher):
    """Counts how often a password is checked."""

    def __init__(self, rounds: int = 1) -> None:
        super().__init__(rounds)
        self.checks = 0

    def verify(self, password: str, hashed: str, /) -> bool:
        self.checks += 1
        return super().verify(password, hashed)


def unchanging(box: Box) -> Mapping[str, tuple[object, ...]]:
    """What a refused sign-in leaves as it is: all but the record of it."""
    return {name: stored for name, stored in box.dump().items() if name not in {"audit", "attempts"}}


def refused(box: Box, email: str = "jane@acme.example", password: str = PASSWORD) -> None:
    before = unchanging(box)
    with pytest.raises(SignInRefusedError, match="do not match an account that may sign in"):
        box.door.sign_in(email, password)
    assert unchanging(box) == before


def test_a_contact_signs_in_with_any_spelling_of_its_address(box: Box) -> None:
    acme = box.client()
    jane = box.active(acme)
    for email in ("jane@acme.example", "JANE@Acme.Example", " jane@acme.example"):
        session = box.sign_in(email)
        assert (session.actor.user_id, session.actor.client_id, session.clients) == (jane.user_id, None, (acme.id,))


def test_every_refusal_is_the_same_after_the_same_work(box: Box) -> None:
    hasher = CountingHasher()
    counted = box.again(hasher=hasher)
    acme = counted.client()
    jane = counted.active(acme)
    counted.contact(acme, "Staged")
    counted.invited(acme, "Invited")
    counted.ws.staff.add(first_name="Ada", last_name="B", email="ada@northwind.example", roles=["editor"])
    refused(counted, "nobody@acme.example")  # the decoy is made
    cases = [
        ("jane@acme.example", "wrong"),
        ("jane@acme.example", ""),
        ("jane@acme.example", "x" * 2000),
        ("nobody@acme.example", PASSWORD),
        ("staged@acme.example", PASSWORD),
        ("invited@acme.example", PASSWORD),
        ("ada@northwind.example", PASSWORD),
        ("no address", PASSWORD),
        ("", ""),
    ]
    for email, password in cases:
        hasher.checks = 0
        refused(counted, email, password)
        assert hasher.checks == 1, email
    gone = counted.active(counted.client("Bolt"), "Gone")
    counted.ws.contacts.suspend(jane.id)
    counted.ws.clients.set_status(gone.client_id, "closed")
    for email in ("jane@acme.example", "gone@acme.example"):
        hasher.checks = 0
        refused(counted, email)
        assert hasher.checks == 1
    counted.ws.access.deactivate(jane.user_id)
    counted.ws.contacts.remove(gone.id)
    for email in ("jane@acme.example", "gone@acme.example"):
        hasher.checks = 0
        refused(counted, email)
        assert hasher.checks == 1


def test_the_password_is_taken_as_it_is(box: Box) -> None:
    acme = box.client()
    _, token = box.invited(acme)
    box.door.accept_invite(token, password=" Correct Horse ﬁ  ")
    for other in ("Correct Horse ﬁ", " correct horse ﬁ  ", " Correct Horse fi  "):
        refused(box, password=other)
    box.sign_in(password=" Correct Horse ﬁ  ")


def test_a_deactivated_user_signs_in_nowhere_until_it_is_reactivated(box: Box) -> None:
    jane = box.active(box.client())
    box.ws.access.deactivate(jane.user_id)
    refused(box)
    box.ws.access.reactivate(jane.user_id)
    box.sign_in()


def test_a_closed_client_lets_nobody_in_and_other_clients_go_on(box: Box) -> None:
    acme, bolt = box.client(), box.client("Bolt Ltd")
    box.active(acme)
    box.ws.clients.set_status(acme.id, "closed")
    refused(box)
    box.contact(bolt)
    assert box.sign_in().clients == (bolt.id,)
    with pytest.raises(SignInRefusedError):
        box.door.sign_in("jane@acme.example", PASSWORD, client_id=acme.id)
    assert box.door.sign_in("jane@acme.example", PASSWORD, client_id=bolt.id).actor.client_id == bolt.id
    box.ws.clients.set_status(acme.id, "active")
    assert set(box.sign_in().clients) == {acme.id, bolt.id}


@pytest.mark.parametrize("status", ["inactive", "paused"])
def test_an_inactive_or_paused_client_lets_its_users_in(box: Box, status: str) -> None:
    acme = box.client()
    box.active(acme)
    box.ws.clients.set_status(acme.id, status)
    assert box.sign_in().clients == (acme.id,)


def test_a_user_without_any_client_does_not_sign_in(box: Box) -> None:
    jane = box.active(box.client())
    box.ws.contacts.remove(jane.id)
    refused(box)


def test_another_client_than_ones_own_is_refused_like_one_that_is_not_there(box: Box) -> None:
    box.active(box.client())
    bolt = box.client("Bolt Ltd")
    for client_id in (bolt.id, ClientId(uuid5(bolt.id, "nobody"))):
        with pytest.raises(SignInRefusedError):
            box.door.sign_in("jane@acme.example", PASSWORD, client_id=client_id)


def test_another_tenant_knows_nobody(box: Box) -> None:
    box.active(box.client())
    refused(box.neighbour())


def test_a_host_that_checked_the_identity_itself_records_the_login(box: Box) -> None:
    acme = box.client()
    jane = box.active(acme)
    at = box.later(hours=1)
    session = box.door.sign_in_trusted(jane.user_id)
    assert (session.actor.user_id, session.clients) == (jane.user_id, (acme.id,))
    assert box.now_of(jane).last_login == at
    staged = box.contact(acme, "Staged")
    nobody = UserId(uuid5(jane.user_id, "nobody"))
    box.ws.access.deactivate(jane.user_id)
    before = box.dump()
    for user_id in (staged.user_id, nobody, jane.user_id):
        with pytest.raises(SignInRefusedError):
            box.door.sign_in_trusted(user_id)
    assert box.dump() == before


def test_a_login_brings_an_old_hash_up_to_date(box: Box) -> None:
    box.active(box.client())
    old = box.dump()["credentials"]
    better = box.again(hasher=FastHasher(rounds=2))
    better.sign_in()
    new = box.dump()["credentials"]
    assert new != old
    better.sign_in()
    assert box.dump()["credentials"] == new
    refused(better, password="wrong")


def test_every_login_is_kept_newest_first(box: Box) -> None:
    acme = box.client()
    jane = box.active(acme)
    first = box.clock.now()
    second = box.later(hours=1)
    box.door.sign_in("jane@acme.example", PASSWORD)
    with pytest.raises(SignInRefusedError):
        box.door.sign_in("jane@acme.example", "wrong")
    logins = box.ws.access.logins(jane.user_id).items
    assert [(login.at, login.name, login.client_id) for login in logins] == [
        (second, "Jane Doe", None),
        (first, "Jane Doe", acme.id),
    ]


def test_the_last_login_never_moves_backwards(box: Box) -> None:
    acme = box.client()
    jane = box.active(acme)
    at = box.clock.now()
    box.later(days=-1)
    box.sign_in()
    assert box.now_of(jane).last_login == at
    recent = box.ws.contacts.most_recent(acme.id)
    assert recent is not None
    assert recent.at == at


def test_the_header_shows_who_signed_in_last_and_how_long_ago(box: Box) -> None:
    acme = box.client()
    assert box.ws.contacts.most_recent(acme.id) is None
    box.active(acme, "Bob")
    box.later(hours=1)
    jane = box.active(acme)
    at = box.clock.now()
    box.later(hours=2, minutes=30)
    recent = box.ws.contacts.most_recent(acme.id)
    assert recent is not None
    assert (recent.user_id, recent.name, recent.at, recent.ago) == (jane.user_id, "Jane Doe", at, "2 hours ago")


def test_how_long_ago_is_said_in_the_largest_whole_unit(memory_box: Box) -> None:
    acme = memory_box.client()
    memory_box.active(acme)
    at = memory_box.clock.now()
    words = {
        timedelta(seconds=-5): "just now",
        timedelta(0): "just now",
        timedelta(seconds=59): "just now",
        timedelta(seconds=60): "1 minute ago",
        timedelta(minutes=59, seconds=59): "59 minutes ago",
        timedelta(hours=1): "1 hour ago",
        timedelta(hours=2): "2 hours ago",
        timedelta(hours=23, minutes=59): "23 hours ago",
        timedelta(days=1): "1 day ago",
        timedelta(days=400): "400 days ago",
    }
    for passed, expected in words.items():
        memory_box.clock.set(at + passed)
        recent = memory_box.ws.contacts.most_recent(acme.id)
        assert recent is not None
        assert recent.ago == expected


def test_who_was_removed_no_longer_counts_as_most_recent(box: Box) -> None:
    acme = box.client()
    box.active(acme, "Bob")
    box.later(hours=1)
    jane = box.active(acme)
    box.ws.contacts.remove(jane.id)
    recent = box.ws.contacts.most_recent(acme.id)
    assert recent is not None
    assert recent.name == "Bob Doe"


def test_a_user_of_two_clients_counts_for_both_and_nobody_else_does(box: Box) -> None:
    acme, bolt, cora = box.client(), box.client("Bolt Ltd"), box.client("Cora")
    jane = box.active(acme)
    box.contact(bolt)
    for client in (acme, bolt):
        recent = box.ws.contacts.most_recent(client.id)
        assert recent is not None
        assert recent.user_id == jane.user_id
    assert box.ws.contacts.most_recent(cora.id) is None
