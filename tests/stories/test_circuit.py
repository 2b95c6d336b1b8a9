"""While the notifier's account is refused nothing is tried. Source: the outbox; account errors."""

from __future__ import annotations

from datetime import timedelta

import pytest

from clientmgmt import DeliveryRules, MailState, Rules
from clientmgmt.domain import DeliveryReport, Message
from clientmgmt.errors import AccountDeliveryError, PermanentDeliveryError, TemporaryDeliveryError
from clientmgmt.testing import RecordingNotifier
from tests.box import Box


def with_mail(box: Box, people: int) -> Box:
    acme = box.client()
    for number in range(people):
        box.contact(acme, f"P{number}", invite=True)
    return box


def refuse(box: Box, retry_after: timedelta | None = None) -> None:
    box.mails.fail_next(AccountDeliveryError("the password is wrong", retry_after=retry_after))


def waiting(box: Box) -> list[tuple[str, int, str | None]]:
    return sorted((mail.state, mail.attempts, mail.error) for mail in box.ws.notifications.list())


def test_a_refused_account_ends_the_round_and_counts_for_no_mail(box: Box) -> None:
    with_mail(box, 5)
    refuse(box)
    until = box.clock.now() + timedelta(minutes=1)
    assert box.deliver() == DeliveryReport(suspended_until=until)
    assert box.mails.messages == []
    assert waiting(box) == [("queued", 0, None)] * 4 + [("retrying", 0, "the password is wrong")]
    assert {mail.due_at for mail in box.ws.notifications.list()} == {box.clock.now()}


def test_what_was_sent_before_the_refusal_is_written_down(box: Box) -> None:
    with_mail(box, 3)
    sender = Failing(box.mails, {2: AccountDeliveryError("quota")})
    report = box.again(notifier=sender).deliver()
    assert (report.sent, report.handled) == (1, 1)
    assert [state for state, _, _ in waiting(box)] == ["delivered", "queued", "retrying"]


class Failing(RecordingNotifier):
    """Raises at the n-th message."""

    def __init__(self, mails: RecordingNotifier, errors: dict[int, Exception]) -> None:
        super().__init__()
        self.messages = mails.messages
        self.errors = errors
        self.tried = 0

    def send(self, message: Message, /) -> str:
        self.tried += 1
        if self.tried in self.errors:
            raise self.errors[self.tried]
        return super().send(message)


def test_until_the_pause_is_over_nothing_is_tried_and_then_one_mail(box: Box) -> None:
    with_mail(box, 5)
    refuse(box)
    box.deliver()
    until = box.clock.now() + timedelta(minutes=1)
    box.later(minutes=1, microseconds=-1)
    before = box.dump()
    assert box.deliver() == DeliveryReport(suspended_until=until)
    assert box.dump() == before
    now = box.later(microseconds=1)
    refuse(box)
    refuse(box)
    assert box.deliver() == DeliveryReport(suspended_until=now + timedelta(minutes=2))
    assert len(box.mails._failures) == 1  # noqa: SLF001 - one mail was tried, and no other
    box.later(minutes=2)
    assert box.deliver().suspended_until == box.clock.now() + timedelta(minutes=4)
    box.later(minutes=4)
    assert box.deliver() == DeliveryReport(sent=5)


def test_once_the_account_is_accepted_the_pauses_start_anew(box: Box) -> None:
    with_mail(box, 1)
    for minutes in (1, 2):
        refuse(box)
        box.deliver()
        box.later(minutes=minutes)
    box.deliver()
    with_mail(box.again(), 0)
    box.contact(box.client("Bolt"), "Late", invite=True)
    refuse(box)
    assert box.deliver().suspended_until == box.clock.now() + timedelta(minutes=1)


def test_the_pause_is_a_rule_and_has_a_longest(box: Box) -> None:
    rules = DeliveryRules(pause=timedelta(seconds=10), longest_pause=timedelta(seconds=25))
    small = with_mail(box.again(rules=Rules(delivery=rules)), 1)
    pauses = []
    for _ in range(4):
        refuse(small)
        until = small.deliver().suspended_until
        assert until is not None
        pauses.append((until - small.clock.now()).seconds)
        small.clock.advance(until - small.clock.now())
    assert pauses == [10, 20, 25, 25]
    assert small.deliver().sent == 1


def test_a_longer_pause_that_the_other_side_asks_for_is_kept(box: Box) -> None:
    with_mail(box, 1)
    refuse(box, retry_after=timedelta(hours=3))
    assert box.deliver().suspended_until == box.clock.now() + timedelta(hours=3)


@pytest.mark.parametrize(
    ("error", "accepted"), [(PermanentDeliveryError("no such mailbox"), True), (TemporaryDeliveryError("busy"), False)]
)
def test_after_the_pause_an_answer_about_a_message_opens_the_way(box: Box, error: Exception, accepted: bool) -> None:
    """What fails for now says nothing about the account: the next single mail is tried."""
    with_mail(box, 3)
    sender = Failing(box.mails, {1: AccountDeliveryError("no"), 2: error, 3: AccountDeliveryError("no")})
    other = box.again(notifier=sender)
    other.deliver()
    box.later(minutes=1)
    until = other.deliver().suspended_until
    assert sender.tried == 3
    assert until == box.clock.now() + timedelta(minutes=1 if accepted else 2)


def test_a_first_mail_without_a_reason_leaves_being_first_to_the_next(box: Box) -> None:
    with_mail(box, 2)
    refuse(box)
    box.deliver()
    box.later(minutes=1)
    for contact in box.ws.contacts.list():
        box.ws.contacts.revoke_invite(contact.id)
    assert box.deliver() == DeliveryReport(obsolete=2)
    box.contact(box.client("Bolt"), "Late", invite=True)
    refuse(box)
    assert box.deliver().suspended_until == box.clock.now() + timedelta(minutes=2)


def test_while_one_tries_the_first_mail_others_wait(box: Box) -> None:
    with_mail(box, 3)
    reports: list[DeliveryReport] = []

    class Meeting(RecordingNotifier):
        def send(self, message: Message, /) -> str:
            if not reports:
                reports.append(box_of_two.deliver())
            return super().send(message)

    box_of_two = box.again(notifier=Failing(box.mails, {1: AccountDeliveryError("no")}))
    box_of_two.deliver()
    box.later(minutes=1)
    sender = Meeting()
    object.__setattr__(box_of_two.manager._wiring, "notifier", sender)  # noqa: SLF001 - the account works again
    assert box_of_two.deliver().sent == 3
    assert [report.handled for report in reports] == [0]
    assert reports[0].suspended_until is not None


def test_two_who_are_refused_at_the_same_time_count_once(box: Box) -> None:
    with_mail(box, 2)
    inner: list[DeliveryReport] = []
    begun: list[str] = []

    class Both(RecordingNotifier):
        def send(self, message: Message, /) -> str:
            if not begun:
                begun.append(message.id)
                inner.append(both.deliver())
            error = "the password is wrong"
            raise AccountDeliveryError(error)

    both = box.again(notifier=Both())
    until = both.deliver(limit=1).suspended_until
    assert until == inner[0].suspended_until == box.clock.now() + timedelta(minutes=1)


def test_the_circuit_holds_for_all_tenants_of_a_manager(memory_box: Box) -> None:
    with_mail(memory_box, 1)
    with_mail(memory_box.neighbour(), 1)
    refuse(memory_box)
    assert memory_box.deliver().handled == 0
    assert memory_box.deliver().handled == 0
    memory_box.later(minutes=1)
    assert memory_box.deliver().sent == 2


def test_another_manager_finds_out_by_itself(box: Box) -> None:
    with_mail(box, 2)
    refuse(box)
    box.deliver()
    assert box.again().deliver().sent == 2


def test_a_contact_shows_why_its_mail_waits(box: Box) -> None:
    jane = box.contact(box.client(), invite=True)
    refuse(box)
    box.deliver()
    status = box.now_of(jane).mail
    assert status is not None
    assert (status.state, status.attempts, status.error) == (MailState.RETRYING, 0, "the password is wrong")
