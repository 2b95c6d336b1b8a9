"""Using an invitation up. Source: contacts page, activation; glossary: link, credential, first login."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from clientmgmt import ContactState, InvalidInputError, InvalidLinkError, LinkState, SignInRefusedError
from clientmgmt.adapters.links import HmacLinkSigner
from clientmgmt.domain import LinkPassword
from clientmgmt.ports import LinkClaims
from clientmgmt.testing import FastHasher
from tests.box import KEY, PASSWORD, Box


def reason(box: Box, token: object) -> str:
    """Why using a link is refused."""
    with pytest.raises(InvalidLinkError) as refused:
        box.door.accept_invite(token, password=PASSWORD)  # type: ignore[call-overload]
    with pytest.raises(InvalidLinkError) as looked:
        box.door.inspect(token)  # type: ignore[arg-type]
    assert looked.value.reason == refused.value.reason
    assert str(looked.value) == str(refused.value) == "this link is not valid or no longer valid"
    return refused.value.reason


def test_the_page_behind_the_link_shows_whose_it_is(box: Box) -> None:
    _, token = box.invited(box.client())
    view = box.door.inspect(token)
    assert (view.client_name, view.user_name, str(view.email)) == ("Acme Retail", "Jane Doe", "jane@acme.example")
    assert view.expires_at == box.clock.now() + timedelta(days=7)
    assert view.password is LinkPassword.CHOOSE


def test_looking_uses_nothing_up(box: Box) -> None:
    jane, token = box.invited(box.client())
    before = box.dump()
    for _ in range(5):
        box.door.inspect(token)
    assert box.dump() == before
    box.door.accept_invite(token, password=PASSWORD)
    assert box.now_of(jane).state is ContactState.ACTIVE


def test_looking_too_late_writes_nothing(box: Box) -> None:
    _, token = box.invited(box.client())
    box.later(days=8)
    before = box.dump()
    with pytest.raises(InvalidLinkError):
        box.door.inspect(token)
    assert box.dump() == before


def test_choosing_a_password_signs_in_and_makes_the_contact_active(box: Box) -> None:
    acme = box.client()
    jane, token = box.invited(acme)
    at = box.later(hours=1)
    session = box.door.accept_invite(token, password=PASSWORD)
    assert (session.actor.user_id, session.actor.client_id) == (jane.user_id, acme.id)
    assert session.clients == (acme.id,)
    now = box.now_of(jane)
    assert (now.state, now.state_since, now.last_login) == (ContactState.ACTIVE, at, at)
    assert now.link.state is LinkState.USED
    assert box.sign_in().actor.user_id == jane.user_id


def test_between_password_and_first_login_the_badge_stays(box: Box) -> None:
    jane, token = box.invited(box.client())
    sent = box.clock.now()
    box.later(hours=1)
    assert box.door.accept_invite(token, password=PASSWORD, sign_in=False) is None
    now = box.now_of(jane)
    assert (now.state, now.state_since, now.last_login) == (ContactState.INVITE_SENT, sent, None)
    assert now.link.state is LinkState.USED
    at = box.later(hours=1)
    box.sign_in()
    assert (box.now_of(jane).state, box.now_of(jane).state_since) == (ContactState.ACTIVE, at)


@pytest.mark.parametrize("password", ["", "short", "x" * 1025, "1q2w3e4r5t6y", "Jane Doe", "jane@acme.example"])
def test_a_refused_password_uses_nothing_up(box: Box, password: str) -> None:
    jane, token = box.invited(box.client())
    before = box.dump()
    with pytest.raises(InvalidInputError) as refused:
        box.door.accept_invite(token, password=password)
    assert set(refused.value.by_field()) == {"password"}
    assert not password or password not in str(refused.value)
    assert box.dump() == before
    box.door.accept_invite(token, password=PASSWORD)
    assert box.now_of(jane).state is ContactState.ACTIVE


def test_a_link_works_once(box: Box) -> None:
    _, token = box.invited(box.client())
    box.door.accept_invite(token, password=PASSWORD)
    before = box.dump()
    assert reason(box, token) == "used"
    assert box.dump() == before


def test_a_used_link_stays_used_whatever_the_clock_says(box: Box) -> None:
    _, token = box.invited(box.client())
    box.door.accept_invite(token, password=PASSWORD)
    for days in (30, -60):
        box.later(days=days)
        assert reason(box, token) == "used"


def test_who_has_a_password_confirms_with_it_and_it_stays(box: Box) -> None:
    acme, bolt = box.client(), box.client("Bolt Ltd")
    _, token = box.invited(acme)
    box.door.accept_invite(token, password=PASSWORD, sign_in=False)
    second, link = box.invited(bolt)
    assert box.door.inspect(link).password is LinkPassword.CONFIRM
    before = box.dump()["credentials"]
    with pytest.raises(SignInRefusedError):
        box.door.accept_invite(link, password="another fine password")
    session = box.door.accept_invite(link, password=PASSWORD)
    assert session.actor.client_id == bolt.id
    assert set(session.clients) == {acme.id, bolt.id}
    assert box.dump()["credentials"] == before
    assert box.now_of(second).state is ContactState.ACTIVE


def test_two_open_links_of_one_user_set_one_password(box: Box) -> None:
    _, first = box.invited(box.client())
    _, second = box.invited(box.client("Bolt Ltd"))
    box.door.accept_invite(first, password=PASSWORD)
    with pytest.raises(SignInRefusedError):
        box.door.accept_invite(second, password="another fine password")
    box.door.accept_invite(second, password=PASSWORD)
    box.sign_in()


def test_a_link_is_for_the_one_who_was_invited(box: Box) -> None:
    acme = box.client()
    jane, token = box.invited(acme)
    bob = box.contact(acme, "Bob")
    session = box.door.accept_invite(token, password=PASSWORD)
    assert session.actor.user_id == jane.user_id
    assert box.now_of(bob).state is ContactState.PENDING_INVITE


def test_the_link_of_a_removed_contact_is_dead(box: Box) -> None:
    jane, token = box.invited(box.client())
    box.ws.contacts.remove(jane.id)
    assert reason(box, token) == "removed"


def test_the_link_of_a_deactivated_user_is_dead_and_stays_dead(box: Box) -> None:
    jane, token = box.invited(box.client())
    box.ws.access.deactivate(jane.user_id)
    assert reason(box, token) == "revoked"
    box.ws.access.reactivate(jane.user_id)
    assert reason(box, token) == "revoked"


def test_the_link_to_a_closed_client_rests_while_it_is_closed(box: Box) -> None:
    acme = box.client()
    _, token = box.invited(acme)
    box.ws.clients.set_status(acme.id, "closed")
    assert reason(box, token) == "client_closed"
    box.ws.clients.set_status(acme.id, "active")
    box.door.accept_invite(token, password=PASSWORD)


class Meanwhile(FastHasher):
    """While a password is hashed, which takes its time, something else happens once."""

    def __init__(self) -> None:
        super().__init__()
        self.happens: Callable[[], object] | None = None

    def hash(self, password: str, /) -> str:
        happens, self.happens = self.happens, None
        if happens is not None:
            happens()
        return super().hash(password)


@pytest.mark.parametrize(
    ("what", "expected"),
    [
        ("accept", "used"),
        ("revoke", "revoked"),
        ("resend", "superseded"),
        ("remove", "removed"),
        ("deactivate", "revoked"),
        ("close", "client_closed"),
        ("expire", "expired"),
    ],
)
def test_what_happens_while_the_password_is_hashed_counts(box: Box, what: str, expected: str) -> None:
    hasher = Meanwhile()
    slow = box.again(hasher=hasher)
    acme = slow.client()
    jane, token = slow.invited(acme)
    slow.later(minutes=1)
    hasher.happens = {
        "accept": lambda: slow.door.accept_invite(token, password="first come first served"),
        "revoke": lambda: slow.ws.contacts.revoke_invite(jane.id),
        "resend": lambda: slow.ws.contacts.send_invite(jane.id),
        "remove": lambda: slow.ws.contacts.remove(jane.id),
        "deactivate": lambda: slow.ws.access.deactivate(jane.user_id),
        "close": lambda: slow.ws.clients.set_status(acme.id, "closed"),
        "expire": lambda: slow.later(days=7),
    }[what]
    with pytest.raises(InvalidLinkError) as refused:
        slow.door.accept_invite(token, password=PASSWORD)
    assert refused.value.reason == expected
    with pytest.raises(SignInRefusedError):
        slow.sign_in()
    assert len(slow.dump()["credentials"]) == (1 if what == "accept" else 0)


def test_a_link_of_another_tenant_is_no_link(box: Box) -> None:
    _, token = box.invited(box.client())
    assert reason(box.neighbour(), token) == "unknown"
    box.door.inspect(token)


def test_a_link_of_another_purpose_is_no_link(box: Box) -> None:
    jane, token = box.invited(box.client())
    invitation = box.ws.access.invitations(jane.id)[0]
    signer = HmacLinkSigner([KEY])
    for purpose, expected in (("invite", None), ("session", "unknown")):
        claims = LinkClaims(purpose=purpose, tenant=box.tenant, subject=invitation.id)
        made = signer.sign(claims, key_id=signer.key_id).reveal()
        if expected is None:
            assert made == token
        else:
            assert reason(box, made) == expected


def test_a_link_to_nothing_is_dead(box: Box) -> None:
    signer = HmacLinkSigner([KEY])
    jane = box.contact(box.client())
    claims = LinkClaims(purpose="invite", tenant=box.tenant, subject=jane.id)
    assert reason(box, signer.sign(claims, key_id=signer.key_id).reveal()) == "removed"


def test_a_key_that_is_gone_takes_its_links_with_it(box: Box) -> None:
    _, token = box.invited(box.client())
    other = "cmk1_0000000b_" + "B" * 42 + "A"
    rotated = box.again(keys=[other, KEY])
    rotated.door.inspect(token)
    assert [note.code for note in rotated.manager.check() if box.tenant in note.message] == []
    gone = box.again(keys=[other])
    assert reason(gone, token) == "unknown"
    notes = [note for note in gone.manager.check() if box.tenant in note.message]
    assert [note.code for note in notes] == ["removed_key"]
    assert "1 open" in notes[0].message


def test_what_is_no_link_is_refused(box: Box) -> None:
    _, token = box.invited(box.client())
    before = box.dump()
    spoilt: list[object] = [
        "",
        token[:-1],
        token + "A",
        token.swapcase(),
        token.lower(),
        f" {token}",
        f"{token}\n",
        token[:-1] + "\ud800",
        "\x00" * 60,
        "A" * 10_000_000,
        None,
        token.encode(),
        60,
    ]
    for value in spoilt:
        assert reason(box, value) == "unknown"
    assert box.dump() == before
