"""Each fault that is planted here is caught by a test of this project: the suites can fail."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import attrs
import pytest
from _pytest.outcomes import Failed

from clientmgmt._manager import calls
from clientmgmt._usecases import (
    circuit,
    contacts,
    credentials,
    delivery,
    desk,
    entering,
    feed,
    idempotency,
    invitations,
    paging,
    rendering,
    upkeep,
)
from clientmgmt._usecases.desk import Desk
from clientmgmt._usecases.work import Work
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
from clientmgmt.ports.collections import INVITATIONS, NEW_EVENTS
from tests.box import Box
from tests.stories import (
    test_accepting,
    test_adding,
    test_audit,
    test_badge,
    test_circuit,
    test_clock_jumps,
    test_delivery,
    test_delivery_odds,
    test_feed,
    test_idempotency,
    test_inviting,
    test_notifications,
    test_paging,
    test_signing_in,
    test_tenants,
    test_upkeep,
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
    original = entering.accept_invite

    def redeem(work: Any, *args: Any, **options: Any) -> Any:  # noqa: ANN401 - passed on
        monkeypatch.setattr(Invitation, "refusal", lambda *_, **__: None)
        try:
            return original(work, *args, **options)
        finally:
            monkeypatch.undo()
            no_look_before_use(monkeypatch)

    monkeypatch.setattr(entering, "accept_invite", redeem)


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

    monkeypatch.setattr(credentials, "password_violations", violations)


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


def no_used_guard(monkeypatch: pytest.MonkeyPatch) -> None:
    """A link that was used works again."""
    original = Invitation.refusal

    def refusal(self: Invitation, *args: Any, **options: Any) -> Any:  # noqa: ANN401 - passed on
        found = original(self, *args, **options)
        return None if found is not None and found.reason == "used" else found

    monkeypatch.setattr(Invitation, "refusal", refusal)


def forgotten_denial(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever is denied something is told so, and it is not put on record."""
    original = InMemoryUnitOfWork.add

    def add(self: Any, collection: Any, *entities: Any) -> None:  # noqa: ANN401 - passed on
        original(self, collection, *(each for each in entities if getattr(each, "action", "") != "denied"))

    monkeypatch.setattr(InMemoryUnitOfWork, "add", add)


def audit_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was done is not put on record."""
    monkeypatch.setattr(Work, "write_down", lambda _: None)


def announced_too_early(monkeypatch: pytest.MonkeyPatch) -> None:
    """A host hears of events whose unit of work may still fail."""
    original = Work.write_down

    def write_down(self: Work) -> None:
        original(self)
        if self.wiring.on_commit is not None and self.events:
            self.wiring.on_commit(tuple(self.events))

    monkeypatch.setattr(Work, "write_down", write_down)


def lease_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a worker had claimed when it died is nobody's for ever."""
    original = InMemoryUnitOfWork.claim

    def claim(self: Any, *args: Any, lease: timedelta, **options: Any) -> Any:  # noqa: ANN401 - passed on
        return original(self, *args, lease=lease + timedelta(days=3650), **options)

    monkeypatch.setattr(InMemoryUnitOfWork, "claim", claim)


def no_lease(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two workers may have the same mail at the same time."""
    original = InMemoryUnitOfWork.claim

    def claim(self: Any, *args: Any, lease: timedelta, **options: Any) -> Any:  # noqa: ANN401 - passed on
        return original(self, *args, lease=lease * 0, **options)

    monkeypatch.setattr(InMemoryUnitOfWork, "claim", claim)


def numbers_by_id(monkeypatch: pytest.MonkeyPatch) -> None:
    """Events are numbered by the time in them, not in the order in which they came."""
    original = InMemoryUnitOfWork.find

    def find(self: Any, source: Any, *where: Any, **options: Any) -> Any:  # noqa: ANN401 - passed on
        found = original(self, source, *where, **options)
        return tuple(sorted(found, key=lambda event: event.due_at)) if source is NEW_EVENTS else found

    monkeypatch.setattr(InMemoryUnitOfWork, "find", find)


def begins_at_the_head_of_that_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who begins now passes over what there is when it comes to that, though somebody has begun under its name."""
    original = feed._move  # noqa: SLF001

    def move(work: Any, reading: Any, position: int) -> None:  # noqa: ANN401 - passed on
        begins = not reading.from_beginning and position < feed._head(work)  # noqa: SLF001
        original(work, reading, feed._head(work) if begins else position)  # noqa: SLF001

    monkeypatch.setattr(feed, "_move", move)


def forgets_what_was_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A key is answered whatever comes with it."""
    monkeypatch.setattr(desk, "fingerprint", lambda *_: "")


def answers_without_asking(monkeypatch: pytest.MonkeyPatch) -> None:
    """A kept answer is given to whoever knows the key."""
    monkeypatch.setattr(idempotency, "authorize", lambda *_, **__: None)


def prunes_every_dead_link(monkeypatch: pytest.MonkeyPatch) -> None:
    """A contact's latest invitation goes like any other."""
    everything = upkeep.Job(INVITATIONS, INVITATIONS.expires_at, lambda rules: rules.links)
    monkeypatch.setitem(upkeep.JOBS, "links", (everything,))


def contains_no_call(monkeypatch: pytest.MonkeyPatch) -> None:
    """A call that is refused inside a block leaves behind what it has written."""
    monkeypatch.setattr(calls, "_contained", lambda work: work)


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
    no_used_guard: test_accepting.test_a_link_works_once,
    forgotten_denial: test_audit.test_a_denial_is_on_record_with_the_permission_that_was_missing,
    audit_apart: test_audit.test_the_whole_story_is_on_record,
    announced_too_early: test_audit.test_whoever_listens_hears_what_was_committed_and_nothing_else,
    lease_without_end: lambda box: test_clock_jumps.test_a_lease_ends_by_the_clock_whichever_way_that_was_set(
        box, timedelta(0)
    ),
    no_lease: lambda box: test_delivery_odds.test_two_workers_on_a_slow_server_send_each_mail_once(box.storage),
    numbers_by_id: test_feed.test_the_order_is_no_matter_of_clocks_or_ids,
    begins_at_the_head_of_that_moment: (
        lambda _: test_feed.test_of_two_who_begin_under_one_name_none_makes_the_other_lose_anything("now")
    ),
    forgets_what_was_asked: test_idempotency.test_a_key_means_one_command_of_one_actor,
    answers_without_asking: (
        lambda box: test_idempotency.test_whoever_may_no_longer_do_it_is_not_answered_either(box, "clients.add")
    ),
    prunes_every_dead_link: (
        lambda box: test_upkeep.test_a_contacts_latest_invitation_stays_for_ever(test_upkeep.tell(box))
    ),
    contains_no_call: test_idempotency.test_inside_a_block_a_key_lasts_as_long_as_the_rest,
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
