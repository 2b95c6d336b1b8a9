"""Links and passwords when the clock stands still or is set back, and when rules change. Source: activation."""

from __future__ import annotations

from datetime import timedelta

import attrs
import pytest

from clientmgmt import InvalidLinkError, InviteRules, PasswordRules, Rules, SignInRefusedError
from clientmgmt.domain import InvitationState
from clientmgmt.ports.collections import CREDENTIALS, MEMBERSHIPS
from clientmgmt.testing import FastHasher
from tests.box import PASSWORD, Box

EAGER = Rules(invites=InviteRules(pause=timedelta(0)))


@pytest.mark.parametrize("back", [timedelta(0), timedelta(minutes=30)])
def test_only_the_latest_link_lives_whatever_the_clock_says(box: Box, back: timedelta) -> None:
    eager = box.again(rules=EAGER)
    acme = eager.client()
    jane = eager.contact(acme, invite=True)
    eager.clock.set(eager.clock.now() - back)
    eager.ws.contacts.send_invite(jane.id)
    result = eager.ws.contacts.send_invites(acme.id, [jane.id])
    assert [row.changed for row in result] == [False]
    states = sorted(str(sent.state) for sent in eager.ws.access.invitations(jane.id))
    assert states == [InvitationState.OPEN, InvitationState.SUPERSEDED]


def test_an_expired_link_that_is_revoked_does_not_come_back_to_life(box: Box) -> None:
    jane, token = box.invited(box.client())
    start = box.clock.now()
    box.later(days=8)
    box.ws.contacts.revoke_invite(jane.id)
    box.clock.set(start + timedelta(days=5))
    with pytest.raises(InvalidLinkError):
        box.door.accept_invite(token, password=PASSWORD)
    assert [sent.state for sent in box.ws.access.invitations(jane.id)] == [InvitationState.EXPIRED]


def test_a_tightened_rule_locks_nobody_out(box: Box) -> None:
    box.active(box.client())
    strict = box.again(rules=Rules(passwords=PasswordRules(longest=20)))
    assert strict.sign_in(password=PASSWORD).clients


def test_two_who_sign_in_while_the_hash_is_renewed_both_come_in(box: Box) -> None:
    class Renewing(FastHasher):
        """Finds every hash outdated once; while it makes a better one, the user signs in from another tab."""

        def outdated(self, hashed: str, /) -> bool:
            del hashed
            return bool(tabs)

        def hash(self, password: str, /) -> str:
            if tabs:
                tabs.pop()
                renewing.sign_in()
            return super().hash(password)

    box.active(box.client())
    tabs = ["other", "this"]
    renewing = box.again(hasher=Renewing(rounds=2))
    assert renewing.sign_in().clients
    assert box.again(hasher=FastHasher(rounds=2)).sign_in().clients


def test_a_hash_that_changes_under_every_try_is_refused_in_the_end(box: Box) -> None:
    class Restless(FastHasher):
        """Whenever it has compared a password, somebody else has stored another hash."""

        def verify(self, password: str, hashed: str, /) -> bool:
            fits = super().verify(password, hashed)
            with box.storage.unit_of_work(box.tenant) as uow:
                stored = uow.get(CREDENTIALS, jane.user_id)
                uow.save(CREDENTIALS, attrs.evolve(stored, hash=self.hash(password)))
            return fits

    jane = box.active(box.client())
    with pytest.raises(SignInRefusedError):
        box.again(hasher=Restless(rounds=2)).sign_in()


def test_a_suspended_membership_accepts_nothing(box: Box) -> None:
    jane, token = box.invited(box.client())
    with box.storage.unit_of_work(box.tenant) as uow:
        uow.save(MEMBERSHIPS, attrs.evolve(uow.get(MEMBERSHIPS, jane.id), suspended_at=box.clock.now()))
    with pytest.raises(InvalidLinkError) as refused:
        box.door.accept_invite(token, password=PASSWORD)
    assert refused.value.reason == "inactive"
