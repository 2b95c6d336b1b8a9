"""Sending mail when something else is wrong: odd errors, tenants that cannot be read, workers that are too slow."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import attrs
import pytest

from clientmgmt import ClientManager, DeliveryRules, InviteRules, Links, Rules, Settings
from clientmgmt.adapters.memory import InMemoryStorage
from clientmgmt.domain import MailState, Message
from clientmgmt.errors import PermanentDeliveryError, TemporaryDeliveryError
from clientmgmt.ports import Storage
from clientmgmt.ports.collections import OUTBOX
from clientmgmt.testing import ManualClock, RecordingNotifier
from tests.box import KEY, SETTINGS, Box

Deed = Callable[[Message], object]


class Acting(RecordingNotifier):
    """Does something while it sends."""

    deed: Deed | None = None

    def send(self, message: Message, /) -> str:
        sent = super().send(message)
        if self.deed is not None:
            self.deed(message)
        return sent


def mailing(storage: Storage, people: int) -> tuple[Box, Acting]:
    mails = Acting()
    box = Box(storage, mails=mails)
    acme = box.client()
    for number in range(people):
        box.contact(acme, f"P{number}", invite=True)
    return box, mails


@pytest.mark.parametrize("said", ["bad \0", "bad \ud800", "x" * 10_000, ""], ids=["nul", "surrogate", "long", "empty"])
def test_what_a_notifier_says_never_keeps_other_mail_from_being_written_down(storage: Storage, said: str) -> None:
    box, mails = mailing(storage, 3)
    mails.fail_next(TemporaryDeliveryError(said))
    report = box.deliver()
    assert (report.sent, report.retried) == (2, 1)
    assert box.deliver().sent == 0
    assert len(mails.messages) == 2


def test_a_tenant_whose_settings_fail_holds_up_nobody_else(memory_box: Box) -> None:
    storage = memory_box.storage
    mails = RecordingNotifier()

    def settings(tenant: str) -> Settings:
        if tenant == "a" and broken:
            message = "no settings"
            raise KeyError(message)
        return SETTINGS

    broken: list[bool] = []
    manager = ClientManager(storage, secret_keys=[KEY], settings=settings, notifier=mails, clock=ManualClock())
    for tenant in ("a", "b"):
        box = Box(storage, tenant=tenant)
        box.contact(box.client(), invite=True)
    broken.append(True)
    with pytest.raises(KeyError):
        manager.deliver()
    assert [message.tenant for message in mails.messages] == ["b"]


def test_every_tenant_gets_its_share() -> None:
    storage, mails = InMemoryStorage(), RecordingNotifier()
    many, few = Box(storage, tenant="a"), Box(storage, tenant="b", mails=mails)
    acme = many.client()
    for number in range(30):
        many.contact(acme, f"P{number}", invite=True)
    few.contact(few.client(), invite=True)
    few.deliver(limit=10)
    assert {message.tenant for message in mails.messages} == {"a", "b"}
    assert len(mails.messages) == 10


def test_two_workers_on_a_slow_server_send_each_mail_once(storage: Storage) -> None:
    """Six mails of a minute each, and a lease of five, after which the other worker may have the rest."""
    box, mails = mailing(storage, 6)
    other = RecordingNotifier()

    def slow(_: Message) -> None:
        box.clock.advance(timedelta(minutes=1, seconds=1))
        if len(mails.messages) == 5:
            box.again(mails=other).deliver()

    mails.deed = slow
    box.deliver()
    sent = [message.id for message in (*mails.messages, *other.messages)]
    assert len(other.messages) >= 1
    assert len(set(sent)) == 6
    assert len(sent) <= 7


def test_mail_whose_reason_goes_while_others_are_sent_is_not_sent(storage: Storage) -> None:
    box, mails = mailing(storage, 4)
    people = box.ws.contacts.list().items

    def revoke(_: Message) -> None:
        for contact in people:
            box.ws.contacts.revoke_invite(contact.id)

    mails.deed = revoke
    report = box.deliver()
    assert (report.sent, report.obsolete) == (1, 3)


def test_what_was_sent_before_an_interruption_is_written_down(storage: Storage) -> None:
    box, mails = mailing(storage, 4)

    def interrupt(_: Message) -> None:
        if len(mails.messages) == 3:
            raise KeyboardInterrupt

    mails.deed = interrupt
    with pytest.raises(KeyboardInterrupt):
        box.deliver()
    states = sorted(str(contact.mail.state) for contact in box.ws.contacts.list() if contact.mail)
    assert states == [MailState.DELIVERED, MailState.DELIVERED, MailState.QUEUED, MailState.QUEUED]


def test_nothing_is_sent_inside_a_unit_of_work(storage: Storage) -> None:
    """Whoever sends inside of one keeps others out for as long as the mail server takes."""
    box, mails = mailing(storage, 2)

    def write(_: Message) -> None:
        with storage.unit_of_work(box.tenant) as uow:
            uow.next_number("letters")

    mails.deed = write
    assert box.deliver().sent == 2


def test_a_poison_mail_is_tried_so_often_and_blocks_nobody(storage: Storage) -> None:
    """Its settings lack what it needs: rendering fails, each time."""
    box, _ = mailing(storage, 0)
    acme = box.client()
    box.active(acme, "Kim")
    box.contact(acme, invite=True)
    bare = attrs.evolve(box.settings, links=Links(), rules=Rules(delivery=DeliveryRules(attempts=3)))
    broken = box.again(settings=bare)
    box.mails.messages.clear()
    reports = []
    for number in range(3):
        box.contact(box.client(f"Bolt {number}"), "Kim")
        reports.append(broken.deliver())
        box.later(hours=1)
    assert [(report.sent, report.retried, report.dead) for report in reports] == [(1, 1, 0), (1, 1, 0), (1, 0, 1)]
    (poison,) = box.ws.notifications.list(state="failed")
    assert (poison.attempts, poison.error) == (3, "failed with ConfigurationError")


def test_settings_that_fail_in_the_middle_of_a_round_double_nothing(storage: Storage) -> None:
    """They are asked for once a round: what was sent is written down whatever becomes of them."""
    box, mails = mailing(storage, 3)
    asked: list[str] = []

    def settings(tenant: str) -> Settings:
        asked.append(tenant)
        if mails.messages:
            message = "no settings"
            raise KeyError(message)
        return SETTINGS

    other = box.again(settings=settings)
    with pytest.raises(KeyError):
        other.deliver()
    assert len(asked) == 2
    assert [mail.state for mail in box.ws.notifications.list()] == ["delivered"] * 3
    assert len(mails.messages) == 3


def test_a_tenant_without_settings_keeps_its_mail_and_its_attempts(storage: Storage) -> None:
    box, _ = mailing(storage, 2)

    def settings(_: str) -> Settings:
        message = "no settings"
        raise KeyError(message)

    with pytest.raises(KeyError):
        box.again(settings=settings).deliver()
    assert {(mail.state, mail.attempts) for mail in box.ws.notifications.list()} == {(MailState.QUEUED, 0)}
    assert box.deliver().sent == 2


def test_what_is_not_sent_is_logged_by_id_and_type_alone(storage: Storage, caplog: pytest.LogCaptureFixture) -> None:
    box, mails = mailing(storage, 2)
    first, second = box.ws.contacts.list()
    box.ws.contacts.revoke_invite(first.id)
    mails.fail_next(PermanentDeliveryError(f"no such mailbox: {second.email}"))
    caplog.set_level("INFO", logger="clientmgmt")
    report = box.deliver()
    assert (report.dead, report.obsolete) == (1, 1)
    ids = {contact.id: str(box.ws.access.invitations(contact.id)[0].id) for contact in (first, second)}
    assert sorted((record.name, record.levelname, record.getMessage()) for record in caplog.records) == sorted(
        [
            ("clientmgmt", "INFO", f"mail {ids[first.id]} (invitation) is not sent: obsolete"),
            ("clientmgmt", "WARNING", f"mail {ids[second.id]} (invitation) is not sent: failed"),
        ]
    )


def test_a_mail_is_tried_in_time_before_its_end(storage: Storage) -> None:
    """The back-off would wait past the end: half of what is left is waited, as long as that is the shortest wait."""
    rules = Rules(
        invites=InviteRules(valid=timedelta(hours=1)),
        delivery=DeliveryRules(attempts=50, back_off=timedelta(minutes=10), longest_wait=timedelta(hours=6)),
    )
    box, mails = mailing(storage, 0)
    box = box.again(rules=rules)
    box.contact(box.client(), invite=True)
    waits = []
    for _ in range(3):
        mails.fail_next(TemporaryDeliveryError("busy"))
        assert box.deliver().retried == 1
        due = box.ws.notifications.list().items[0].due_at
        assert due is not None
        waits.append((due - box.clock.now()).seconds / 60)
        box.clock.advance(due - box.clock.now())
    mails.fail_next(TemporaryDeliveryError("busy"))
    assert waits == [10, 20, 15]
    assert box.deliver().retried == 1
    box.later(minutes=10)
    mails.fail_next(TemporaryDeliveryError("busy"))
    assert box.deliver().obsolete == 1
    (mail,) = box.ws.notifications.list()
    assert (mail.state, mail.attempts, mail.error) == (
        MailState.OBSOLETE,
        5,
        "too late for another attempt: busy",
    )


def test_a_wait_that_is_asked_for_and_ends_too_late_is_not_waited(storage: Storage) -> None:
    box, mails = mailing(storage, 1)
    mails.fail_next(TemporaryDeliveryError("busy", retry_after=timedelta(days=7)))
    assert box.deliver().obsolete == 1
    assert box.ws.notifications.list().items[0].state is MailState.OBSOLETE


def test_a_mail_past_its_end_is_not_sent_even_if_its_reason_stands(storage: Storage) -> None:
    """The end that was set when it was queued counts, not only what it tells about."""
    box, mails = mailing(storage, 0)
    box.active(box.client())
    box.contact(box.client("Bolt"))
    mails.messages.clear()
    with storage.unit_of_work(box.tenant) as uow:
        (mail,) = uow.find(OUTBOX)
        uow.save(OUTBOX, attrs.evolve(mail, not_after=box.clock.now() + timedelta(minutes=1)))
    box.later(minutes=1)
    assert box.deliver().obsolete == 1
    assert mails.messages == []


def test_who_is_asked_to_stop_finishes_one_mail_and_gives_the_rest_back(storage: Storage) -> None:
    box, mails = mailing(storage, 5)
    assert box.manager.deliver(stop=lambda: len(mails.messages) == 2).sent == 2
    rest = [mail for mail in box.ws.notifications.list() if mail.state is MailState.QUEUED]
    assert [(mail.attempts, mail.due_at) for mail in rest] == [(0, box.clock.now())] * 3
    assert box.manager.deliver(stop=lambda: True).handled == 0
    assert box.deliver().sent == 3
    assert len({message.id for message in mails.messages}) == 5


def test_an_interruption_gives_back_what_was_not_tried(storage: Storage) -> None:
    box, mails = mailing(storage, 4)

    def interrupt(_: Message) -> None:
        if len(mails.messages) == 2:
            raise KeyboardInterrupt

    mails.deed = interrupt
    with pytest.raises(KeyboardInterrupt):
        box.deliver()
    mails.deed = None
    assert box.deliver().sent == 2
    box.later(minutes=5)
    assert box.deliver().sent == 1


def test_a_mail_that_another_worker_has_meanwhile_is_not_sent_twice(storage: Storage) -> None:
    """The lease of the rest ends while the first is sent, and another worker takes it."""
    box, mails = mailing(storage, 2)

    def dawdle(_: Message) -> None:
        with storage.unit_of_work(box.tenant) as uow:
            stolen = uow.find(OUTBOX)
            for mail in stolen:
                if str(mail.id) != mails.messages[0].id:
                    uow.save(OUTBOX, attrs.evolve(mail, attempts=mail.attempts + 1))

    mails.deed = dawdle
    assert box.deliver().handled == 1
    assert len(mails.messages) == 1
