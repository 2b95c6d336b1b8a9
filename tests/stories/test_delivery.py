"""What becomes of mail. Source: glossary: outbox, delivery, obsolete; rules of delivery."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from clientmgmt import Contact, DeliveryRules, MailState, Rules, Settings
from clientmgmt.domain import DeliveryReport, MailStatus, Message
from clientmgmt.errors import ConfigurationError, PermanentDeliveryError, TemporaryDeliveryError
from clientmgmt.testing import RecordingNotifier
from tests.box import KEY, PASSWORD, Box


def mail_of(box: Box, contact: Contact) -> MailStatus:
    mail = box.now_of(contact).mail
    assert mail is not None
    return mail


def test_a_mail_is_sent_once_and_leaves_the_outbox(box: Box) -> None:
    jane = box.contact(box.client(), invite=True)
    at = box.later(minutes=5)
    assert box.deliver() == DeliveryReport(sent=1)
    assert box.deliver() == DeliveryReport()
    assert mail_of(box, jane) == MailStatus(MailState.DELIVERED, at, 1)
    assert box.dump()["outbox"] == ()
    message = box.mails.messages[0]
    assert message.id == str(box.ws.access.invitations(jane.id)[0].id)
    assert (message.tenant, message.sender.name) == (box.tenant, "Northwind")


def test_what_fails_for_now_is_tried_again_after_growing_waits(box: Box) -> None:
    jane = box.contact(box.client(), invite=True)
    for attempt, minutes in enumerate((1, 2, 4), 1):
        box.mails.fail_next(TemporaryDeliveryError("busy"))
        assert box.deliver() == DeliveryReport(retried=1)
        assert (mail_of(box, jane).state, mail_of(box, jane).attempts) == (MailState.RETRYING, attempt)
        box.later(minutes=minutes, microseconds=-1)
        assert box.deliver() == DeliveryReport()
        box.later(microseconds=1)
    assert box.deliver() == DeliveryReport(sent=1)
    assert mail_of(box, jane).attempts == 4


def test_a_longer_wait_that_the_other_side_asks_for_is_kept(box: Box) -> None:
    box.contact(box.client(), invite=True)
    box.mails.fail_next(TemporaryDeliveryError("busy", retry_after=timedelta(hours=1)))
    box.deliver()
    box.later(minutes=59)
    assert box.deliver() == DeliveryReport()
    box.later(minutes=1)
    assert box.deliver().sent == 1


def test_nobody_may_ask_for_more_than_a_day(box: Box) -> None:
    box.contact(box.client(), invite=True)
    box.mails.fail_next(TemporaryDeliveryError("busy", retry_after=timedelta(days=3)))
    box.deliver()
    box.later(days=1, microseconds=-1)
    assert box.deliver() == DeliveryReport()
    box.later(microseconds=1)
    assert box.deliver().sent == 1


@pytest.mark.parametrize(("together", "known"), [(None, [0, 1, 2, 3, 4]), (2, [0, 0, 2, 2, 4]), (9, [0, 0, 0, 0, 0])])
def test_what_became_of_some_is_written_down_before_the_next_are_sent(
    box: Box, together: int | None, known: list[int]
) -> None:
    """A crash repeats what is not written down yet: one mail, if the rules name no number."""
    rules = DeliveryRules() if together is None else DeliveryRules(together=together)
    acme = box.client()
    for number in range(5):
        box.contact(acme, email=f"p{number}@acme.example", invite=True)
    found: list[int] = []

    class Looking(RecordingNotifier):
        def send(self, message: Message, /) -> str:
            found.append(len(box.dump()["deliveries"]))
            return super().send(message)

    assert box.again(rules=Rules(delivery=rules), mails=Looking()).deliver().sent == 5
    assert found == known


def test_a_shorter_wait_than_ours_is_not(box: Box) -> None:
    box.contact(box.client(), invite=True)
    box.mails.fail_next(TemporaryDeliveryError("busy", retry_after=timedelta(seconds=1)))
    box.deliver()
    box.later(seconds=30)
    assert box.deliver() == DeliveryReport()


def test_after_so_many_attempts_a_mail_is_dead(box: Box) -> None:
    small = box.again(rules=Rules(delivery=DeliveryRules(attempts=3)))
    jane = small.contact(small.client(), invite=True)
    reports = []
    for _ in range(3):
        small.mails.fail_next(TemporaryDeliveryError("busy"))
        reports.append(small.deliver())
        small.later(hours=1)
    assert reports == [DeliveryReport(retried=1), DeliveryReport(retried=1), DeliveryReport(dead=1)]
    assert small.deliver() == DeliveryReport()
    status = mail_of(small, jane)
    assert (status.state, status.attempts, status.error) == (MailState.FAILED, 3, "busy")


def test_what_fails_for_good_is_dead_at_once_and_shows_why(box: Box) -> None:
    jane = box.contact(box.client(), invite=True)
    box.mails.fail_next(PermanentDeliveryError("no such mailbox"))
    assert box.deliver() == DeliveryReport(dead=1)
    status = mail_of(box, jane)
    assert (status.state, status.error) == (MailState.FAILED, "no such mailbox")
    box.resend(jane)
    assert box.deliver() == DeliveryReport(sent=1)
    assert mail_of(box, jane).state is MailState.DELIVERED


def revoke(box: Box, contact: Contact) -> None:
    box.ws.contacts.revoke_invite(contact.id)


def remove(box: Box, contact: Contact) -> None:
    box.ws.contacts.remove(contact.id)


def deactivate(box: Box, contact: Contact) -> None:
    box.ws.access.deactivate(contact.user_id)


def close(box: Box, contact: Contact) -> None:
    box.ws.clients.set_status(contact.client_id, "closed")


def expire(box: Box, _: Contact) -> None:
    box.later(days=7)


@pytest.mark.parametrize("happens", [revoke, remove, deactivate, close, expire])
def test_a_mail_whose_reason_is_gone_is_not_sent(box: Box, happens: Callable[[Box, Contact], None]) -> None:
    jane = box.contact(box.client(), invite=True)
    happens(box, jane)
    assert box.deliver() == DeliveryReport(obsolete=1)
    assert box.mails.messages == []
    if happens is not remove:
        assert mail_of(box, jane).state is MailState.OBSOLETE


@pytest.mark.parametrize("happens", [remove, deactivate, close])
def test_a_notice_whose_reason_is_gone_is_not_sent(box: Box, happens: Callable[[Box, Contact], None]) -> None:
    box.active(box.client())
    box.mails.messages.clear()
    happens(box, box.contact(box.client("Bolt Ltd")))
    assert box.deliver() == DeliveryReport(obsolete=1)
    assert box.mails.messages == []


def test_of_two_links_only_the_one_that_works_is_mailed(box: Box) -> None:
    jane = box.contact(box.client(), invite=True)
    box.resend(jane)
    assert box.deliver() == DeliveryReport(sent=1, obsolete=1)
    box.door.accept_invite(box.mails.token("jane@acme.example"), password=PASSWORD)


def test_a_mail_that_is_tried_again_carries_the_same_link(box: Box) -> None:
    acme = box.client()
    jane, token = box.invited(acme)
    box.mails.messages.clear()
    box.resend(jane)
    box.mails.fail_next(TemporaryDeliveryError("busy"))
    box.deliver()
    key = "cmk1_0000000b_" + "B" * 42 + "A"
    rotated = box.again(keys=[key, KEY])
    rotated.later(minutes=1)
    rotated.deliver()
    renewed = rotated.mails.token("jane@acme.example")
    assert renewed != token
    box.door.accept_invite(renewed, password=PASSWORD)


def test_a_mail_whose_key_is_gone_is_dead(box: Box) -> None:
    jane = box.contact(box.client(), invite=True)
    gone = box.again(keys=["cmk1_0000000b_" + "B" * 42 + "A"])
    assert gone.deliver() == DeliveryReport(dead=1)
    assert "key" in str(mail_of(box, jane).error)


class Exploding(RecordingNotifier):
    """Raises what no notifier should, for one address, with a secret in its words."""

    def send(self, message: Message, /) -> str:
        if message.to.email == "jane@acme.example":
            raise ZeroDivisionError(message.text)
        return super().send(message)


def test_whatever_a_notifier_raises_the_other_mails_go_on(box: Box) -> None:
    acme = box.client()
    jane = box.contact(acme, invite=True)
    bob = box.contact(acme, "Bob", invite=True)
    exploding = box.again(notifier=Exploding())
    assert exploding.deliver() == DeliveryReport(sent=1, retried=1)
    assert mail_of(box, jane) == MailStatus(MailState.RETRYING, box.clock.now(), 1, "failed with ZeroDivisionError")
    assert mail_of(box, bob).state is MailState.DELIVERED


class Crashing(RecordingNotifier):
    """The process dies right after the message was handed over."""

    def send(self, message: Message, /) -> str:
        super().send(message)
        raise KeyboardInterrupt


def test_after_a_crash_the_same_message_comes_again_when_the_lease_is_over(box: Box) -> None:
    box.contact(box.client(), invite=True)
    crashing = Crashing()
    with pytest.raises(KeyboardInterrupt):
        box.again(notifier=crashing).deliver()
    box.later(minutes=5, microseconds=-1)
    assert box.deliver() == DeliveryReport()
    box.later(microseconds=1)
    assert box.deliver() == DeliveryReport(sent=1)
    first, second = crashing.messages[0], box.mails.messages[0]
    assert (first.id, first.text) == (second.id, second.text)


class Slow(RecordingNotifier):
    """While it sends, the lease ends and another worker takes over."""

    def __init__(self, box: Box) -> None:
        super().__init__()
        self.box = box

    def send(self, message: Message, /) -> str:
        self.box.later(minutes=10)
        assert self.box.deliver() == DeliveryReport(sent=1)
        return super().send(message)


def test_a_worker_that_was_too_slow_does_not_write_over_the_other(box: Box) -> None:
    jane = box.contact(box.client(), invite=True)
    slow = Slow(box)
    box.again(notifier=slow).deliver()
    assert mail_of(box, jane) == MailStatus(MailState.DELIVERED, box.clock.now(), 2)
    assert box.mails.messages[0].id == slow.messages[0].id


def test_mails_to_one_contact_keep_their_order_and_others_do_not_wait(box: Box) -> None:
    acme = box.client()
    box.contact(acme, invite=True)
    box.contact(acme, "Bob", invite=True)
    box.mails.fail_next(TemporaryDeliveryError("busy", retry_after=timedelta(hours=1)))
    assert box.deliver() == DeliveryReport(sent=1, retried=1)


def test_no_more_than_the_limit_is_sent_in_one_go(box: Box) -> None:
    acme = box.client()
    for number in range(5):
        box.contact(acme, f"P{number}", invite=True)
    assert [box.deliver(limit=2).sent for _ in range(4)] == [2, 2, 1, 0]
    assert box.deliver(limit=0) == DeliveryReport()


def test_the_mail_of_all_tenants_is_sent_each_with_its_own_words(box: Box) -> None:
    box.contact(box.client(), invite=True)
    other = box.neighbour().again(
        settings=Settings(sender="South <hi@south.example>", links=box.settings.links, reply_to="help@south.example")
    )
    other.contact(other.client(), invite=True)
    own = {box.tenant: box.settings, other.tenant: other.settings}
    both = box.again(settings=own.__getitem__)
    assert both.deliver().sent == 2
    senders = {message.tenant: message.sender.email for message in box.mails.messages}
    assert senders == {box.tenant: "hello@northwind.example", other.tenant: "hi@south.example"}
    assert {str(message.reply_to and message.reply_to.email) for message in box.mails.messages} == {
        "None",
        "help@south.example",
    }


def test_without_a_notifier_nothing_can_be_sent(box: Box) -> None:
    box.contact(box.client(), invite=True)
    manager = box.make(box.storage, secret_keys=[KEY], settings=box.settings, clock=box.clock)
    with pytest.raises(ConfigurationError):
        manager.deliver()


def test_a_rolled_back_command_sends_nothing(box: Box) -> None:
    acme = box.client()
    box.contact(acme)
    with pytest.raises(Exception, match="contact of this client"):
        box.contact(acme, invite=True)
    assert box.deliver() == DeliveryReport()
