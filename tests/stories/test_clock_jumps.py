"""Mail and links when the clock of the machine jumps: nothing is lost, nothing comes back to life.

Source: all times are the clock's, and clocks are set.
"""

from __future__ import annotations

from datetime import timedelta

import pytest

from clientmgmt import InvalidLinkError
from clientmgmt.domain import MailState, Message
from clientmgmt.errors import TemporaryDeliveryError
from clientmgmt.testing import RecordingNotifier
from tests.box import PASSWORD, Box

HOUR = timedelta(hours=1)
LEASE = timedelta(minutes=5)


class Interrupted(RecordingNotifier):
    """The process ends while it sends its first message."""

    def send(self, message: Message, /) -> str:
        raise KeyboardInterrupt(message.id)


def interrupted(box: Box) -> None:
    """A worker claims the mail, and is gone."""
    with pytest.raises(KeyboardInterrupt):
        box.again(mails=Interrupted()).deliver()


@pytest.mark.parametrize("jump", [-HOUR, timedelta(0), HOUR])
def test_a_lease_ends_by_the_clock_whichever_way_that_was_set(box: Box, jump: timedelta) -> None:
    box.contact(box.client(), invite=True)
    interrupted(box)
    claimed_until = box.clock.now() + LEASE
    box.clock.advance(jump)
    if box.clock.now() < claimed_until:
        assert box.deliver().handled == 0
        box.clock.set(claimed_until)
    assert box.deliver().sent == 1
    assert box.deliver().handled == 0
    assert len(box.mails.messages) == 1


def test_a_lease_that_a_jump_has_ended_gives_the_same_message_again_and_one_line_in_the_log(box: Box) -> None:
    """The clock jumps while the first worker sends, and a second one takes the mail for abandoned."""
    other = RecordingNotifier()

    class Jumping(RecordingNotifier):
        def send(self, message: Message, /) -> str:
            box.clock.advance(HOUR)
            box.again(mails=other).deliver()
            return super().send(message)

    first = Jumping()
    jane = box.contact(box.client(), invite=True)
    box.again(mails=first).deliver()
    assert [message.id for message in first.messages] == [message.id for message in other.messages]
    assert len(box.dump()["deliveries"]) == 1
    assert box.dump()["outbox"] == ()
    mail = box.now_of(jane).mail
    assert mail is not None
    assert mail.state is MailState.DELIVERED


def test_a_wait_that_the_clock_goes_back_in_is_longer_and_costs_no_attempt(box: Box) -> None:
    jane = box.contact(box.client(), invite=True)
    box.mails.fail_next(TemporaryDeliveryError("busy"))
    assert box.deliver().retried == 1
    due = box.clock.now() + timedelta(minutes=1)
    box.clock.advance(-HOUR)
    for _ in range(3):
        assert box.deliver().handled == 0
        box.later(minutes=10)
    waiting = box.now_of(jane).mail
    assert waiting is not None
    assert (waiting.state, waiting.attempts) == (MailState.RETRYING, 1)
    box.clock.set(due)
    assert box.deliver().sent == 1


@pytest.mark.parametrize("interrupt", [False, True])
def test_mail_that_was_put_off_by_a_clock_that_was_ahead_is_brought_in(box: Box, interrupt: bool) -> None:
    jane = box.contact(box.client(), invite=True)
    box.later(days=3)
    if interrupt:
        interrupted(box)
    else:
        box.mails.fail_next(TemporaryDeliveryError("busy"))
        assert box.deliver().retried == 1
    box.later(days=-3)
    assert box.deliver().handled == 0
    assert box.manager.upkeep(only=["mail"], tenants=[box.tenant]).done == {"mail": 1}
    assert box.manager.upkeep(only=["mail"], tenants=[box.tenant]).done == {"mail": 0}
    assert box.deliver().sent == 1
    mail = box.now_of(jane).mail
    assert mail is not None
    assert (mail.state, mail.attempts) == (MailState.DELIVERED, 2)


def test_mail_that_waits_for_as_long_as_it_may_is_left(box: Box) -> None:
    box.contact(box.client(), invite=True)
    box.mails.fail_next(TemporaryDeliveryError("busy", retry_after=timedelta(days=1)))
    assert box.deliver().retried == 1
    assert box.manager.upkeep(only=["mail"], tenants=[box.tenant]).done == {"mail": 0}
    assert box.deliver().handled == 0


def test_a_jump_ahead_wears_no_attempts_out(box: Box) -> None:
    """However far the clock jumps, a mail is tried once at a time, not once for every wait that was skipped."""
    box.contact(box.client(), invite=True)
    for _ in range(3):
        box.mails.fail_next(TemporaryDeliveryError("busy"))
    assert box.deliver().retried == 1
    box.later(days=1)
    assert box.deliver().retried == 1
    assert box.deliver().handled == 0


def test_a_used_link_stays_used_when_the_clock_goes_back(box: Box) -> None:
    jane, token = box.invited(box.client())
    box.later(hours=2)
    box.door.accept_invite(token, password=PASSWORD)
    box.clock.advance(-2 * HOUR)
    with pytest.raises(InvalidLinkError) as refused:
        box.door.accept_invite(token, password=PASSWORD)
    assert refused.value.reason == "used"
    assert box.now_of(jane).state == "active"


def test_mail_that_a_jump_made_obsolete_is_not_sent_when_the_clock_is_set_right(box: Box) -> None:
    """Its link would work again; whoever invites sees that nothing was sent, and sends again."""
    jane = box.contact(box.client(), invite=True)
    box.later(days=8)
    assert box.deliver().obsolete == 1
    box.later(days=-8)
    assert box.deliver().handled == 0
    mail = box.now_of(jane).mail
    assert mail is not None
    assert mail.state is MailState.OBSOLETE
    box.resend(jane)
    assert box.deliver().sent == 1


@pytest.mark.parametrize("back", [timedelta(minutes=5), timedelta(days=400)])
def test_who_signs_in_with_the_clock_set_back_comes_in_and_is_recorded(box: Box, back: timedelta) -> None:
    jane = box.active(box.client())
    before = box.now_of(jane).last_login
    box.clock.advance(-back)
    assert box.sign_in().clients
    assert box.now_of(jane).last_login == before
    assert [login.at for login in box.ws.access.logins(jane.user_id)].count(box.clock.now()) == 1
