"""Each fault that is planted here is caught by a test of this project: the suites can fail."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

import attrs
import pytest
from _pytest.outcomes import Failed

from clientmgmt._usecases import circuit, contacts, delivery, entering, invitations, paging, rendering
from clientmgmt._usecases.desk import Desk
from clientmgmt.adapters.memory import InMemoryStorage
from clientmgmt.adapters.memory._unit import InMemoryUnitOfWork
from clientmgmt.domain import (
    ContactState,
    Invitation,
    InvitationState,
    MailState,
    OutboxMail,
    User,
    email,
    passwords,
)
from clientmgmt.errors import ClientMgmtError
from tests.box import Box
from tests.stories import (
    test_accepting,
    test_adding,
    test_badge,
    test_circuit,
    test_delivery,
    test_delivery_odds,
    test_inviting,
    test_notifications,
    test_paging,
    test_signing_in,
    test_tenants,
)

Plant = Callable[[pytest.MonkeyPatch], None]


def lower_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two spellings that only folding unifies are two mailboxes."""
    monkeypatch.setattr(email, "local_key", str.lower)


def works_at_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """A link still works at the instant of its expiry."""

    def state_at(self: Invitation, now: Any) -> InvitationState:  # noqa: ANN401 - a time
        late = self.state is InvitationState.OPEN and now > self.expires_at
        return InvitationState.EXPIRED if late else self.state

    monkeypatch.setattr(Invitation, "state_at", state_at)


def forgotten_expiry(monkeypatch: pytest.MonkeyPatch) -> None:
    """A refusal because of lateness is not written down."""
    monkeypatch.setattr(entering, "_record_expiry", lambda *_: None)


def no_superseding(monkeypatch: pytest.MonkeyPatch) -> None:
    """A link that is sent again leaves the one before alive."""
    monkeypatch.setattr(invitations, "end_invitation", lambda *_: None)


def no_look_before_use(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was found before the password was hashed is believed after."""
    original = entering._redeem  # noqa: SLF001

    def redeem(work: Any, *args: Any, **options: Any) -> Any:  # noqa: ANN401 - passed on
        monkeypatch.setattr(Invitation, "refusal", lambda *_, **__: None)
        try:
            return original(work, *args, **options)
        finally:
            monkeypatch.undo()
            no_look_before_use(monkeypatch)

    monkeypatch.setattr(entering, "_redeem", redeem)


def no_tie_break(monkeypatch: pytest.MonkeyPatch) -> None:
    """A cursor knows the value of the last row but not which of several rows with it."""
    original = paging._read_cursor  # noqa: SLF001

    def read_cursor(*args: Any) -> Any:  # noqa: ANN401 - passed on
        after, violations = original(*args)
        return (None if after is None else (after[0], UUID(int=2**128 - 1))), violations

    monkeypatch.setattr(paging, "_read_cursor", read_cursor)


def login_moves_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """The last login is whatever came last, also when the clock was set back."""
    original = User.record_login

    def record_login(self: User, *args: Any, **options: Any) -> Any:  # noqa: ANN401 - passed on
        changed, fact = original(self, *args, **options)
        return attrs.evolve(changed, last_login_at=fact.at), fact

    monkeypatch.setattr(User, "record_login", record_login)


def query_forgets_a_fact(monkeypatch: pytest.MonkeyPatch) -> None:
    """The list by state and the badge disagree about whoever has a password but never signed in."""
    table = contacts._IN_STATE  # noqa: SLF001
    monkeypatch.setattr(contacts, "_IN_STATE", {**table, ContactState.ACTIVE: table[ContactState.ACTIVE][:-1]})


def sends_without_looking(monkeypatch: pytest.MonkeyPatch) -> None:
    """Mail goes out although its reason is gone."""
    monkeypatch.setattr(Invitation, "refusal", lambda *_, **__: None)


def writes_over_the_other_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker whose lease is over writes its result down all the same."""
    original = delivery._settle  # noqa: SLF001

    def settle(work: Any, outcomes: Any) -> Any:  # noqa: ANN401 - passed on
        monkeypatch.setattr(
            work.uow, "get_many", lambda _, ids, **__: {o.mail.id: o.mail for o in outcomes if o.mail.id in set(ids)}
        )
        return original(work, outcomes)

    monkeypatch.setattr(delivery, "_settle", settle)
    monkeypatch.setattr(InMemoryStorage, "unit_type", type("Loose", (InMemoryUnitOfWork,), {}))


def one_tenant_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """A store forgets whose data it is asked for."""
    original = InMemoryStorage._data  # noqa: SLF001
    monkeypatch.setattr(InMemoryStorage, "_data", lambda self, _: original(self, "all"))


def looks_cost_something(monkeypatch: pytest.MonkeyPatch) -> None:
    """A refused password uses the link up."""
    original = passwords.password_violations

    def violations(password: Any, user: Any, **options: Any) -> Any:  # noqa: ANN401 - passed on
        found = original(password, user, **options)
        return found[:0]

    monkeypatch.setattr(entering, "password_violations", violations)


def sends_inside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Mail is sent while a unit of work is open."""
    original = rendering.look_again

    def look_and_send(work: Any, mail: Any) -> Any:  # noqa: ANN401 - passed on
        found = original(work, mail)
        if isinstance(found, rendering.Reason):
            return found
        work.wiring.notifier.send(rendering.render(Desk(work.wiring, work.tenant, work.actor), mail, found))
        return rendering.Reason(MailState.DELIVERED, "")

    monkeypatch.setattr(delivery, "look_again", look_and_send)


def no_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """The time after which a mail is never sent is not looked at."""
    monkeypatch.setattr(OutboxMail, "too_late", lambda *_: False)


def account_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was not tried because the account is refused has used an attempt up."""
    monkeypatch.setattr(
        OutboxMail, "give_back", lambda self, *, at, error=None: attrs.evolve(self, due_at=at, error=error)
    )


def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a refusal of the account the next round goes on as if nothing were."""
    monkeypatch.setattr(circuit.Circuit, "enter", lambda self, _: circuit.Turn(self, None, first=False))


def cancels_what_is_in_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """A mail that a worker may be sending is said to be cancelled."""
    monkeypatch.setattr(OutboxMail, "in_hand", lambda *_: False)


FAULTS: dict[Plant, Callable[[Box], object]] = {
    lower_key: lambda box: test_adding.test_one_mailbox_is_one_contact_in_any_spelling(
        box, "straße@acme.example", "STRASSE@acme.example"
    ),
    works_at_its_end: test_inviting.test_at_the_very_end_a_link_cannot_be_used,
    forgotten_expiry: test_inviting.test_an_expiry_that_was_met_stays_when_the_clock_goes_back,
    no_superseding: test_inviting.test_a_resent_link_kills_the_one_before,
    no_look_before_use: lambda box: test_accepting.test_what_happens_while_the_password_is_hashed_counts(
        box, "expire", "expired"
    ),
    no_tie_break: test_paging.test_pages_of_any_size_make_up_the_whole_list,
    login_moves_back: test_signing_in.test_the_last_login_never_moves_backwards,
    query_forgets_a_fact: test_badge.test_a_list_by_state_finds_what_the_facts_say_for_every_combination,
    sends_without_looking: test_delivery.test_of_two_links_only_the_one_that_works_is_mailed,
    writes_over_the_other_worker: test_delivery.test_a_worker_that_was_too_slow_does_not_write_over_the_other,
    sends_inside: lambda box: test_delivery_odds.test_nothing_is_sent_inside_a_unit_of_work(box.storage),
    no_end: lambda box: test_delivery_odds.test_a_mail_past_its_end_is_not_sent_even_if_its_reason_stands(box.storage),
    account_counts: test_circuit.test_a_refused_account_ends_the_round_and_counts_for_no_mail,
    no_pause: test_circuit.test_until_the_pause_is_over_nothing_is_tried_and_then_one_mail,
    cancels_what_is_in_hand: test_notifications.test_what_is_on_its_way_when_it_is_cancelled_ends_as_delivered,
    one_tenant_for_all: test_tenants.test_each_tenant_has_its_own_users_references_and_numbers,
    looks_cost_something: lambda box: test_accepting.test_a_refused_password_uses_nothing_up(box, "short"),
}


@pytest.mark.parametrize("plant", FAULTS, ids=lambda plant: plant.__name__)
def test_a_planted_fault_is_caught(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    FAULTS[plant](Box(InMemoryStorage()))
    with monkeypatch.context() as patched:
        plant(patched)
        with pytest.raises((AssertionError, Failed, ClientMgmtError)):
            FAULTS[plant](Box(InMemoryStorage()))
    FAULTS[plant](Box(InMemoryStorage()))
