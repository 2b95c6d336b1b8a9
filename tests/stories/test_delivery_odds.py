"""Sending mail when something else is wrong: odd errors, tenants that cannot be read, workers that are too slow."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from clientmgmt import ClientManager, Settings
from clientmgmt.adapters.memory import InMemoryStorage
from clientmgmt.domain import MailState, Message
from clientmgmt.errors import TemporaryDeliveryError
from clientmgmt.ports import Storage
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
