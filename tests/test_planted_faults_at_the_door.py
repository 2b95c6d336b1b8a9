"""Faults of the entrance that are planted here are caught by the stories of this project."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
import pytest
from _pytest.outcomes import Failed

from clientmgmt._usecases import addresses, resetting, signing_in, throttling
from clientmgmt.adapters.memory import InMemoryStorage
from clientmgmt.domain import InvitationState, User
from clientmgmt.domain.links import MailedLink
from clientmgmt.domain.people import Credential
from clientmgmt.errors import ClientMgmtError, refuse
from clientmgmt.ports.collections import USERS
from tests.box import Box
from tests.stories import test_addresses, test_identities, test_resets, test_throttles

Plant = Callable[[pytest.MonkeyPatch], None]


def looks_up_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only an address that somebody has is written down."""
    queue = resetting._queue  # noqa: SLF001 - what is broken here

    def queue_known(work: Any, email_key: str) -> None:  # noqa: ANN401 - a unit of work
        if work.uow.count(USERS, USERS.email_key.eq(email_key)):
            queue(work, email_key)

    monkeypatch.setattr(resetting, "_queue", queue_known)


def no_used_guard(monkeypatch: pytest.MonkeyPatch) -> None:
    """A link that was used works again."""
    refusal = MailedLink.refusal

    def forgiving(self: MailedLink, *args: Any, **options: Any) -> Any:  # noqa: ANN401 - passed on
        return None if self.state is InvitationState.ACCEPTED else refusal(self, *args, **options)

    monkeypatch.setattr(MailedLink, "refusal", forgiving)


def keeps_sessions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another password leaves sessions as they are."""
    change = User.change_password

    def without_epoch(self: User, *args: Any, **options: Any) -> Any:  # noqa: ANN401 - passed on
        changed, fact = change(self, *args, **options)
        return attrs.evolve(changed, epoch=self.epoch), fact

    monkeypatch.setattr(User, "change_password", without_epoch)


def keeps_other_links(monkeypatch: pytest.MonkeyPatch) -> None:
    """A reset leaves invitations as they are."""
    monkeypatch.setattr(resetting, "end_all_links", lambda *_, **__: None)


def counts_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everybody may try as often as it wants."""
    monkeypatch.setattr(throttling, "_count", lambda *_: None)


def gives_nothing_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """A right password counts like a wrong one."""
    monkeypatch.setattr(throttling, "_forget", lambda *_: None)


def good_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """A generated password is good for any number of sign-ins."""
    monkeypatch.setattr(Credential, "is_over", lambda *_: False)


def tells_who_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who asks for an address of its own learns whether somebody has it."""
    request = addresses.request_email

    def telling(work: Any, user: Any, email: Any) -> None:  # noqa: ANN401 - passed on
        refuse(addresses.email_violations(work, user, email))
        request(work, user, email)

    monkeypatch.setattr("clientmgmt._usecases.editing.request_email", telling)


def confirms_what_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody looks again when an address is confirmed."""
    monkeypatch.setattr(addresses, "email_is_taken", lambda *_: False)


def takes_any_identity(monkeypatch: pytest.MonkeyPatch) -> None:
    """A user with a password signs in with any identity."""
    monkeypatch.setattr(signing_in, "_user_id", lambda work, _: work.uow.find(USERS)[0].id)


FAULTS: dict[Plant, Callable[[Box], object]] = {
    looks_up_at_once: test_resets.test_asking_does_the_same_for_every_address,
    no_used_guard: test_resets.test_a_user_chooses_another_password_behind_a_link,
    keeps_sessions: test_resets.test_success_ends_all_sessions_kills_every_other_link_and_tells_the_user,
    keeps_other_links: test_resets.test_success_ends_all_sessions_kills_every_other_link_and_tells_the_user,
    counts_nothing: test_throttles.test_three_resets_an_hour_for_one_address_in_any_spelling_whoever_has_it,
    gives_nothing_back: test_throttles.test_who_signs_in_counts_for_nothing,
    good_for_ever: test_resets.TestAGeneratedPassword().test_is_good_for_one_sign_in_and_must_be_changed_then,
    tells_who_is_known: test_addresses.test_asking_for_an_address_that_is_known_looks_the_same_and_leads_nowhere,
    confirms_what_is_taken: test_addresses.test_asking_for_an_address_that_is_known_looks_the_same_and_leads_nowhere,
    takes_any_identity: test_identities.test_an_identity_does_not_take_the_place_of_a_password,
}


@pytest.mark.parametrize("plant", FAULTS, ids=lambda plant: plant.__name__)
def test_a_planted_fault_is_caught(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    FAULTS[plant](Box(InMemoryStorage()))
    with monkeypatch.context() as patched:
        plant(patched)
        with pytest.raises((AssertionError, Failed, ClientMgmtError, ValueError)):
            FAULTS[plant](Box(InMemoryStorage()))
    FAULTS[plant](Box(InMemoryStorage()))
