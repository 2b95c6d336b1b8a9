"""Mail as staff see it, and what they do about it. Source: the outbox; verbs retry and cancel."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import attrs
import pytest

from clientmgmt import (
    Contact,
    DeliveryRules,
    InvalidInputError,
    InviteRules,
    Mail,
    MailState,
    NotFoundError,
    Rules,
    iter_all,
)
from clientmgmt.domain import MailId, MailType, Message
from clientmgmt.errors import IllegalTransitionError, PermanentDeliveryError, StateError, TemporaryDeliveryError
from clientmgmt.ports.collections import OUTBOX
from clientmgmt.testing import RecordingNotifier
from tests.box import Box


def mail_of(box: Box, contact: Contact) -> Mail:
    """The newest mail about a contact."""
    return box.ws.notifications.list(about=contact.id, limit=1).items[0]


def dead(box: Box, first: str = "Jane") -> tuple[Contact, Mail]:
    jane = box.contact(box.client(), first, invite=True)
    box.mails.fail_next(PermanentDeliveryError("no such mailbox"))
    box.deliver()
    return jane, mail_of(box, jane)


def test_a_mail_is_seen_before_and_after_it_is_sent(box: Box) -> None:
    acme = box.client()
    jane = box.contact(acme, invite=True)
    committed = box.clock.now()
    waiting = mail_of(box, jane)
    invitation = box.ws.access.invitations(jane.id)[0]
    assert waiting == Mail(
        id=MailId(invitation.id),
        type=MailType.INVITATION,
        state=MailState.QUEUED,
        client_id=acme.id,
        user_id=jane.user_id,
        about=jane.id,
        attempts=0,
        created_at=committed,
        due_at=committed,
        at=None,
        not_after=invitation.expires_at,
        error=None,
    )
    at = box.later(minutes=1)
    box.deliver()
    sent = box.ws.notifications.get(waiting.id)
    assert (sent.state, sent.attempts, sent.created_at, sent.at, sent.due_at) == (
        MailState.DELIVERED,
        1,
        committed,
        at,
        None,
    )
    assert box.ws.notifications.list().items == (sent,)


def mixture(box: Box) -> list[Mail]:
    """Mail of two clients in every state that a page may show, several of the same instant; newest first."""
    acme, bolt = box.client(), box.client("Bolt")
    for client in (acme, bolt):
        for number in range(3):
            box.contact(client, f"{client.name[0]}{number}", email=f"p{number}@{client.id}.example", invite=True)
        box.later(seconds=1)
    box.mails.fail_next(PermanentDeliveryError("no such mailbox"))
    box.mails.fail_next(TemporaryDeliveryError("busy"))
    box.deliver(limit=4)
    box.ws.notifications.cancel(box.ws.notifications.list(state="queued").items[0].id)
    box.active(acme, "Kim")
    box.later(seconds=1)
    box.contact(bolt, "Kim")
    return sorted(iter_all(box.ws.notifications.list), key=lambda mail: (mail.created_at, mail.id), reverse=True)


def test_pages_of_any_size_show_waiting_and_finished_mail_in_one_order(box: Box) -> None:
    everything = mixture(box)
    assert len(everything) == 8
    assert {mail.at is None for mail in everything} == {True, False}
    for limit in (1, 2, 3, 7, 8, 9):
        assert list(iter_all(box.ws.notifications.list, limit=limit)) == everything


def test_every_filter_and_pair_of_filters_finds_what_fits(box: Box) -> None:
    everything = mixture(box)
    assert len({mail.state for mail in everything}) >= 4
    for state in (None, *MailState):
        for kind in (None, *MailType):
            for sample in (None, *everything[::4]):
                client = None if sample is None else sample.client_id
                about = None if sample is None else sample.about
                expected = [
                    mail
                    for mail in everything
                    if state in {None, mail.state} and kind in {None, mail.type} and client in {None, mail.client_id}
                ]
                found = iter_all(box.ws.notifications.list, client_id=client, type=kind, state=state, limit=2)
                assert list(found) == expected
                near = [mail for mail in expected if about in {None, mail.about}]
                assert list(box.ws.notifications.list(about=about, type=kind, state=state, client_id=client)) == near


def test_a_cursor_goes_on_where_a_mail_has_moved_meanwhile(box: Box) -> None:
    everything = mixture(box)
    page = box.ws.notifications.list(limit=3)
    box.later(hours=1)
    box.deliver()
    rest = list(iter_all(box.ws.notifications.list, limit=3, cursor=page.next_cursor))
    assert [mail.id for mail in (*page, *rest)] == [mail.id for mail in everything]


def test_what_is_no_cursor_is_refused(box: Box) -> None:
    mixture(box)
    alien = box.ws.clients.list(limit=1).next_cursor
    for cursor in (alien, "", "x"):
        with pytest.raises(InvalidInputError):
            box.ws.notifications.list(cursor=cursor)
    with pytest.raises(InvalidInputError):
        box.ws.notifications.list(limit=0)


def test_the_mail_of_another_tenant_is_not_there(box: Box) -> None:
    _, mail = dead(box)
    other = box.neighbour()
    assert other.ws.notifications.list().items == ()
    for command in (other.ws.notifications.get, other.ws.notifications.retry, other.ws.notifications.cancel):
        with pytest.raises(NotFoundError, match="no such mail"):
            command(mail.id)
    assert other.ws.notifications.list(about=mail.about).items == ()
    for unknown in ("x", None, UUID(int=7)):
        with pytest.raises(NotFoundError, match="no such mail"):
            box.ws.notifications.get(unknown)  # type: ignore[arg-type]
    with pytest.raises(NotFoundError):
        box.ws.notifications.list(about="x")  # type: ignore[arg-type]


# Trying again.


def test_dead_letters_are_listed_and_tried_again_from_the_start(box: Box) -> None:
    small = box.again(rules=Rules(delivery=DeliveryRules(attempts=2)))
    jane, mail = dead(small)
    assert small.ws.notifications.list(state="failed").items == (mail,)
    now = small.later(hours=1)
    again = small.ws.notifications.retry(mail.id)
    assert (again.state, again.attempts, again.due_at, again.error) == (MailState.QUEUED, 0, now, None)
    assert (again.id, again.created_at, again.not_after) == (mail.id, mail.created_at, mail.not_after)
    assert small.ws.notifications.list(state="failed").items == ()
    small.mails.fail_next(TemporaryDeliveryError("busy"))
    assert small.deliver().retried == 1
    small.later(minutes=1)
    assert small.deliver().sent == 1
    (message,) = small.mails.messages
    assert (message.id, message.date) == (str(mail.id), mail.created_at)
    assert mail_of(small, jane).attempts == 2
    entry = next(entry for entry in small.audit() if entry.action == "mail_retried")
    assert (entry.actor, entry.subject, entry.client_id) == ("staff:ada", mail.id, jane.client_id)
    assert entry.new == {"type": "invitation", "about": str(jane.id)}


def test_what_waits_for_its_next_attempt_need_not_wait(box: Box) -> None:
    jane = box.contact(box.client(), invite=True)
    for _ in range(3):
        box.mails.fail_next(TemporaryDeliveryError("busy", retry_after=timedelta(hours=5)))
        box.deliver()
        box.later(hours=5)
    box.mails.fail_next(TemporaryDeliveryError("busy", retry_after=timedelta(hours=5)))
    box.deliver()
    assert (mail_of(box, jane).state, mail_of(box, jane).attempts) == (MailState.RETRYING, 4)
    assert box.deliver().handled == 0
    assert box.ws.notifications.retry(mail_of(box, jane).id).attempts == 0
    assert box.deliver().sent == 1


@pytest.mark.parametrize("state", ["delivered", "obsolete", "cancelled"])
def test_what_has_come_to_its_end_is_not_tried_again(box: Box, state: str) -> None:
    jane = box.contact(box.client(), invite=True)
    mail = mail_of(box, jane)
    if state == "obsolete":
        box.ws.contacts.revoke_invite(jane.id)
    if state == "cancelled":
        box.ws.notifications.cancel(mail.id)
    box.deliver()
    before = box.dump()
    with pytest.raises(IllegalTransitionError) as refused:
        box.ws.notifications.retry(mail.id)
    assert (refused.value.machine, refused.value.state, refused.value.trigger) == ("mail", state, "retry")
    assert refused.value.legal == (("cancel",) if state == "cancelled" else ())
    assert box.dump() == before


@pytest.mark.parametrize("waits", [True, False], ids=["waiting", "dead"])
def test_what_is_too_late_is_not_tried_again(box: Box, waits: bool) -> None:
    if waits:
        jane = box.contact(box.client(), invite=True)
        mail = mail_of(box, jane)
    else:
        _, mail = dead(box)
    box.later(days=7)
    with pytest.raises(StateError) as refused:
        box.ws.notifications.retry(mail.id)
    assert [violation.code for violation in refused.value.violations] == ["too_late"]


# Cancelling.


def test_a_cancelled_mail_is_never_sent(box: Box) -> None:
    jane = box.contact(box.client(), invite=True)
    now = box.later(minutes=5)
    cancelled = box.ws.notifications.cancel(mail_of(box, jane).id)
    assert (cancelled.state, cancelled.at, cancelled.due_at) == (MailState.CANCELLED, now, None)
    assert box.deliver().handled == 0
    assert box.mails.messages == []
    before = box.dump()
    assert box.ws.notifications.cancel(cancelled.id) == cancelled
    assert box.dump() == before
    assert [entry.new for entry in box.audit() if entry.action == "mail_cancelled"] == [
        {"type": "invitation", "about": str(jane.id)}
    ]
    status = box.now_of(jane).mail
    assert status is not None
    assert status.state is MailState.CANCELLED


def test_a_cancelled_mail_lets_the_next_of_its_lane_go(box: Box) -> None:
    """Two notices about one contact, and the first waits for hours."""
    acme = box.client()
    jane = box.active(acme)
    bolt = box.client("Bolt")
    added = box.contact(bolt, "Jane", email=jane.email.address)
    first = mail_of(box, added)
    with box.storage.unit_of_work(box.tenant) as uow:
        twin = attrs.evolve(uow.get(OUTBOX, first.id), id=MailId(UUID(int=5, version=4)))
        uow.add(OUTBOX, twin)
    box.mails.messages.clear()
    box.mails.fail_next(TemporaryDeliveryError("busy", retry_after=timedelta(hours=5)))
    assert box.deliver().retried == 1
    assert box.deliver().handled == 0
    box.ws.notifications.cancel(first.id)
    assert box.deliver().sent == 1
    assert [message.id for message in box.mails.messages] == [str(twin.id)]


@pytest.mark.parametrize("state", ["delivered", "failed", "obsolete"])
def test_what_has_come_to_its_end_is_not_cancelled(box: Box, state: str) -> None:
    jane = box.contact(box.client(), invite=True)
    if state == "failed":
        box.mails.fail_next(PermanentDeliveryError("no such mailbox"))
    if state == "obsolete":
        box.ws.contacts.revoke_invite(jane.id)
    box.deliver()
    with pytest.raises(IllegalTransitionError) as refused:
        box.ws.notifications.cancel(mail_of(box, jane).id)
    assert (refused.value.state, refused.value.trigger) == (state, "cancel")


class Acting(RecordingNotifier):
    """Does something before it sends."""

    def __init__(self, deed: Callable[[Message], object]) -> None:
        super().__init__()
        self.deed = deed

    def send(self, message: Message, /) -> str:
        self.deed(message)
        return super().send(message)


def three(box: Box) -> list[Mail]:
    acme = box.client()
    return [mail_of(box, box.contact(acme, f"P{number}", invite=True)) for number in range(3)]


def test_what_a_worker_has_in_hand_but_not_yet_sent_is_not_sent(box: Box) -> None:
    mails = three(box)
    seen = []

    def cancel_the_others(message: Message) -> None:
        for mail in mails:
            if str(mail.id) != message.id:
                seen.append(box.ws.notifications.cancel(mail.id).state)
                seen.append(box.ws.notifications.cancel(mail.id).state)

    worker = box.again(notifier=Acting(cancel_the_others))
    report = worker.deliver()
    assert (report.sent, report.obsolete) == (1, 2)
    assert seen == [MailState.CANCELLING] * 4
    assert Counter(box.ws.notifications.get(mail.id).state for mail in mails) == {
        MailState.DELIVERED: 1,
        MailState.CANCELLED: 2,
    }
    assert box.dump()["outbox"] == ()
    assert box.actions().count("mail_cancelled") == 2


def test_what_is_on_its_way_when_it_is_cancelled_ends_as_delivered(box: Box) -> None:
    jane = box.contact(box.client(), invite=True)
    mail = mail_of(box, jane)
    shown = []

    def cancel(_: Message) -> None:
        box.ws.notifications.cancel(mail.id)
        shown.append([found.id for found in box.ws.notifications.list(state="cancelling")])
        with pytest.raises(IllegalTransitionError):
            box.ws.notifications.retry(mail.id)

    assert box.again(notifier=Acting(cancel)).deliver().sent == 1
    assert shown == [[mail.id]]
    assert box.ws.notifications.get(mail.id).state is MailState.DELIVERED


def test_what_fails_for_now_after_it_was_cancelled_is_not_tried_again(box: Box) -> None:
    jane = box.contact(box.client(), invite=True)
    mail = mail_of(box, jane)

    def cancel(_: Message) -> None:
        box.ws.notifications.cancel(mail.id)
        message = "busy"
        raise TemporaryDeliveryError(message)

    assert box.again(notifier=Acting(cancel)).deliver().obsolete == 1
    found = box.ws.notifications.get(mail.id)
    assert (found.state, found.attempts, found.error) == (MailState.CANCELLED, 1, "busy")


def test_what_was_in_hand_when_its_worker_died_is_cancelled_at_once(box: Box) -> None:
    jane = box.contact(box.client(), invite=True)
    mail = mail_of(box, jane)

    def die(_: Message) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        box.again(notifier=Acting(die)).deliver()
    box.later(minutes=5)
    assert box.ws.notifications.cancel(mail.id).state is MailState.CANCELLED
    assert box.deliver().handled == 0


def test_whose_worker_died_after_the_cancelling_is_taken_out_by_the_next(box: Box) -> None:
    jane = box.contact(box.client(), invite=True)
    mail = mail_of(box, jane)

    def cancel_and_die(_: Message) -> None:
        box.ws.notifications.cancel(mail.id)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        box.again(notifier=Acting(cancel_and_die)).deliver()
    box.later(minutes=5)
    assert box.deliver().obsolete == 1
    assert box.ws.notifications.get(mail.id).state is MailState.CANCELLED
    assert box.mails.messages == []


def test_trying_again_what_a_worker_has_in_hand_changes_nothing(box: Box) -> None:
    jane = box.contact(box.client(), invite=True)
    mail = mail_of(box, jane)
    seen = []
    worker = box.again(notifier=Acting(lambda _: seen.append(box.ws.notifications.retry(mail.id))))
    assert worker.deliver().sent == 1
    assert [(found.state, found.attempts) for found in seen] == [(MailState.QUEUED, 1)]
    assert "mail_retried" not in box.actions()
    assert box.ws.notifications.get(mail.id).state is MailState.DELIVERED


def test_a_newer_link_does_not_wait_for_an_older_one_that_cannot_be_sent(box: Box) -> None:
    free = box.again(rules=Rules(invites=InviteRules(pause=timedelta(0))))
    jane = free.contact(free.client(), invite=True)
    free.mails.fail_next(TemporaryDeliveryError("busy", retry_after=timedelta(hours=5)))
    free.deliver()
    free.ws.contacts.send_invite(jane.id)
    assert free.deliver().sent == 1
