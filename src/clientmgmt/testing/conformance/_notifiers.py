"""The promises of the notifier port."""

from __future__ import annotations

import logging
import threading
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import ClassVar

import pytest

from clientmgmt.domain.mail import Mailbox, Message
from clientmgmt.errors import DeliveryError, PermanentDeliveryError, TemporaryDeliveryError
from clientmgmt.ports.notifier import Notifier
from clientmgmt.testing.capabilities import NotifierCapability
from clientmgmt.testing.conformance._base import in_threads
from clientmgmt.testing.conformance._gaps import Promises, needs
from clientmgmt.testing.conformance._messages import (
    ADDRESSES,
    INJECTIONS,
    TOKEN,
    assert_arrived,
    assert_recipients,
    message,
    send_or_refuse,
)
from clientmgmt.testing.transport import WAIT, Failure, Transport

__all__ = ["NotifierConformance"]

_THREADS = 8
_MANY = 60
_LEAK = 10
_FILES = Path("/proc/self/fd")


class NotifierConformance(Promises):
    """All promises of the notifier port, a test each. Override the fixtures :meth:`notifier` and :meth:`transport`.

    ``lacks`` names each :class:`~clientmgmt.testing.NotifierCapability` that does not apply, with the reason.
    """

    capabilities: ClassVar[type[StrEnum]] = NotifierCapability
    lacks: ClassVar[Mapping[NotifierCapability, str]] = {}

    @pytest.fixture
    def notifier(self) -> Iterator[Notifier]:
        """The notifier, connected to :meth:`transport`, that waits for no answer longer than a second; override it."""
        message = "override the fixture `notifier`"
        raise NotImplementedError(message)

    @pytest.fixture
    def transport(self) -> Iterator[Transport]:
        """The other side, to which nothing has arrived yet; override it."""
        message = "override the fixture `transport`"
        raise NotImplementedError(message)

    @pytest.fixture
    def credentials(self) -> Sequence[str]:
        """What the notifier was given and never shows: passwords, keys of an API; override it if there are any."""
        return ()

    def test_a_message_arrives_as_it_is(self, notifier: Notifier, transport: Transport) -> None:
        """Sender, recipient, subject and text are those of the message, once."""
        notifier.send(message())
        (arrived,) = transport.arrived
        assert_arrived(arrived, message())
        assert arrived.cc == ()
        assert arrived.reply_to is None

    def test_copies_and_where_to_reply_arrive(self, notifier: Notifier, transport: Transport) -> None:
        """All of them, in their order, with and without a name."""
        copies = (Mailbox("Doe, John", "john@acme.example"), Mailbox("", "mary@acme.example"))
        sent = message(cc=copies, reply_to=Mailbox('Help "desk" <all>', "help@northwind.example"))
        notifier.send(sent)
        assert_arrived(transport.arrived[0], sent)

    def test_unicode_arrives_unchanged(self, notifier: Notifier, transport: Transport) -> None:
        """No name, subject or text loses a character, in whatever script it is written."""
        texts = (
            "Zoë Straße",
            "東京都",
            "\N{GRINNING FACE} ok",
            "مرحبا",
            "a\N{COMBINING ACUTE ACCENT}",
            "100 % _ \\ 'q'",
        )
        for number, text in enumerate(texts, 1):
            sent = message(
                number,
                sender=Mailbox(text, "hello@northwind.example"),
                to=Mailbox(text, "jane@acme.example"),
                cc=(Mailbox(text, "john@acme.example"),),
                subject=text,
                text=f"{text}\n\n.\n..\nFrom {text}\n",
            )
            notifier.send(sent)
            assert_arrived(transport.arrived[-1], sent)

    def test_international_domains_arrive(self, notifier: Notifier, transport: Transport) -> None:
        """A domain may be written in its ASCII form: it is the same domain."""
        sent = message(to=Mailbox("Zoë", "zoe@bücher.example"))
        notifier.send(sent)
        assert_arrived(transport.arrived[0], sent)

    def test_long_subjects_and_texts_arrive(self, notifier: Notifier, transport: Transport) -> None:
        """Neither is cut, and no line is broken in two."""
        sent = message(subject="Grüße " + "long " * 60 + "end", text=f"{'word ' * 300}\n" * 50 + "end\n")
        notifier.send(sent)
        assert_arrived(transport.arrived[0], sent)

    @needs(NotifierCapability.IDEMPOTENCY_KEY, tried=True)
    def test_the_id_is_passed_on(self, notifier: Notifier, transport: Transport) -> None:
        """The other side tells messages apart by their ids."""
        for number in (1, 2):
            notifier.send(message(number))
        for number, arrived in enumerate(transport.arrived, 1):
            assert arrived.key is not None
            assert message(number).id in arrived.key

    @needs(NotifierCapability.IDEMPOTENCY_KEY)
    def test_a_message_that_comes_again_is_the_same(self, notifier: Notifier, transport: Transport) -> None:
        """Its key is made of the id alone, after a failure and with another text as well."""
        notifier.send(message())
        transport.fail_next(Failure.TEMPORARY)
        for sent in (message(), message(), message(subject="Changed", text="changed")):
            send_or_refuse(notifier, sent)
        keys = [arrived.key for arrived in transport.arrived]
        assert len(keys) >= 3
        assert len(set(keys)) == 1
        assert keys[0] is not None

    def test_it_answers_a_name_or_nothing(self, notifier: Notifier) -> None:
        """What the other side called the message is text that can be shown, and holds no secret."""
        answer = notifier.send(message())
        assert answer is None or (answer.isprintable() and TOKEN not in answer)

    def test_nothing_becomes_a_header_of_its_own(self, notifier: Notifier, transport: Transport) -> None:
        """Line ends, control characters and encoded words in names and subjects are refused, or arrive as text."""
        for text in INJECTIONS:
            for sent in self._injected(text):
                before = len(transport.arrived)
                taken = send_or_refuse(notifier, sent)
                assert len(transport.arrived) == before + taken
                if taken:
                    assert_recipients(transport.arrived[-1], sent)
                    assert transport.arrived[-1].text.rstrip("\n") == sent.text.rstrip("\n")

    def test_an_odd_id_does_no_harm(self, notifier: Notifier, transport: Transport) -> None:
        """Also where it is written into a header."""
        for odd in ("a\r\nX-Injected: 1", "a b", "é", "\ud800", "x" * 500):
            sent = message(id=odd)
            if send_or_refuse(notifier, sent):
                assert_arrived(transport.arrived[-1], sent)

    def test_what_is_no_address_is_no_second_one(self, notifier: Notifier, transport: Transport) -> None:
        """It is refused for good, since no later attempt could find somebody there, or is an address as it stands."""
        for address in ADDRESSES:
            for changes in ({"to": Mailbox("", address)}, {"cc": (Mailbox("", address),)}):
                sent = message(**changes)
                if self._taken_or_refused_for_good(notifier, sent):
                    recipients = transport.arrived[-1].recipients
                    assert len(recipients) == 1 + len(sent.cc)
                    assert "eve@evil.example" not in recipients

    def test_a_text_that_cannot_be_written_is_refused(self, notifier: Notifier, transport: Transport) -> None:
        """Lone surrogates are refused for good, or arrive; nothing arrives in part."""
        taken = self._taken_or_refused_for_good(notifier, message(text="lone \ud800"))
        assert len(transport.arrived) == taken

    def test_a_temporary_failure_is_temporary(self, notifier: Notifier, transport: Transport) -> None:
        """TemporaryDeliveryError, nothing has arrived, and the next attempt is a new one."""
        transport.fail_next(Failure.TEMPORARY)
        with pytest.raises(TemporaryDeliveryError):
            notifier.send(message())
        assert list(transport.arrived) == []
        notifier.send(message())
        assert_arrived(transport.arrived[0], message())

    @needs(NotifierCapability.RETRY_AFTER)
    def test_a_wait_that_is_asked_for_is_passed_on(self, notifier: Notifier, transport: Transport) -> None:
        """``retry_after`` is what the other side said."""
        transport.fail_next(Failure.TEMPORARY_WITH_WAIT)
        with pytest.raises(TemporaryDeliveryError) as refused:
            notifier.send(message())
        assert refused.value.retry_after == WAIT

    @needs(NotifierCapability.PERMANENT_FAILURES)
    def test_a_permanent_failure_is_permanent(self, notifier: Notifier, transport: Transport) -> None:
        """PermanentDeliveryError; the next message is not concerned."""
        transport.fail_next(Failure.PERMANENT)
        with pytest.raises(PermanentDeliveryError):
            notifier.send(message())
        assert list(transport.arrived) == []
        notifier.send(message(2))
        assert_arrived(transport.arrived[0], message(2))

    @needs(NotifierCapability.TIMEOUTS)
    def test_silence_is_temporary(self, notifier: Notifier, transport: Transport) -> None:
        """Nobody waits for ever for an answer."""
        transport.fail_next(Failure.SILENCE)
        self._fails_for_now(notifier)
        notifier.send(message(2))
        assert_arrived(transport.arrived[-1], message(2))

    @needs(NotifierCapability.LOST_CONNECTIONS)
    def test_a_lost_connection_is_temporary(self, notifier: Notifier, transport: Transport) -> None:
        """Whether the message arrived is not known, so it is sent again; the next connection is a new one."""
        transport.fail_next(Failure.LOST)
        self._fails_for_now(notifier)
        notifier.send(message(2))
        assert_arrived(transport.arrived[-1], message(2))

    def test_failures_tell_no_secret(
        self, notifier: Notifier, transport: Transport, credentials: Sequence[str], caplog: pytest.LogCaptureFixture
    ) -> None:
        """Neither errors, with all that they were caused by, nor logs hold the link, the text or a password."""
        with _everything_logged(caplog):
            for failure in self._failures():
                transport.fail_next(failure)
                with pytest.raises(DeliveryError) as refused:
                    notifier.send(message())
                said = "".join(traceback.format_exception(refused.value)) + repr(refused.value)
                _hides(said, credentials)
                assert str(refused.value).strip()
            for changes in ({"text": f"\ud800{TOKEN}"}, {"subject": f"\0{TOKEN}"}, {"to": Mailbox("", TOKEN)}):
                try:
                    notifier.send(message(**changes))
                except DeliveryError as error:
                    _hides("".join(traceback.format_exception(error)), credentials)
        _hides(caplog.text, credentials)

    def test_it_shows_no_secret(
        self,
        notifier: Notifier,
        credentials: Sequence[str],
        caplog: pytest.LogCaptureFixture,
        capfd: pytest.CaptureFixture[str],
    ) -> None:
        """Neither its own representation, nor what it logs or prints in sending, holds one."""
        with _everything_logged(caplog):
            notifier.send(message())
        _hides(f"{notifier!r} {notifier}{caplog.text}", credentials)
        printed = capfd.readouterr()
        _hides(printed.out + printed.err, credentials)

    def test_threads_share_it(self, notifier: Notifier, transport: Transport) -> None:
        """Each message arrives once, and as it is."""
        sent = {f"{thread}-{number}": message(100 * thread + number) for thread in range(_THREADS) for number in (1, 2)}

        def work(thread: int) -> None:
            for number in (1, 2):
                notifier.send(sent[f"{thread}-{number}"])

        in_threads(_THREADS, work)
        arrived = {one.subject: one for one in transport.arrived}
        assert len(transport.arrived) == len(arrived) == len(sent)
        for one in sent.values():
            assert_arrived(arrived[one.subject], one)

    def test_many_messages_go_through(self, notifier: Notifier, transport: Transport) -> None:
        """They arrive in their order, and leave neither threads nor open files behind."""
        notifier.send(message(1))
        threads, files = threading.active_count(), _open_files()
        for number in range(2, _MANY + 1):
            notifier.send(message(number))
        assert [one.subject for one in transport.arrived] == [message(n).subject for n in range(1, _MANY + 1)]
        assert threading.active_count() <= threads + _LEAK
        assert _open_files() <= files + _LEAK

    def test_what_is_lacking_is_named(self, request: pytest.FixtureRequest) -> None:
        """What the suite declares to be lacking stands in the report, also if nothing else was run."""
        for capability in self.lacks:
            self.report_gap(request, capability)
        assert all(reason.strip() for reason in self.lacks.values())

    def _failures(self) -> Iterator[Failure]:
        yield Failure.TEMPORARY
        needed = {
            Failure.TEMPORARY_WITH_WAIT: NotifierCapability.RETRY_AFTER,
            Failure.PERMANENT: NotifierCapability.PERMANENT_FAILURES,
            Failure.SILENCE: NotifierCapability.TIMEOUTS,
            Failure.LOST: NotifierCapability.LOST_CONNECTIONS,
        }
        yield from (failure for failure, capability in needed.items() if capability not in self.lacks)

    @staticmethod
    def _injected(text: str) -> tuple[Message, ...]:
        sender, reply_to = Mailbox(text, "hello@northwind.example"), Mailbox(text, "help@northwind.example")
        return (
            message(subject=text),
            message(to=Mailbox(text, "jane@acme.example")),
            message(sender=sender, reply_to=reply_to),
            message(cc=(Mailbox(text, "john@acme.example"),)),
        )

    @staticmethod
    def _taken_or_refused_for_good(notifier: Notifier, sent: Message) -> bool:
        try:
            notifier.send(sent)
        except PermanentDeliveryError:
            return False
        return True

    @staticmethod
    def _fails_for_now(notifier: Notifier) -> None:
        def send(_: int) -> None:
            with pytest.raises(TemporaryDeliveryError):
                notifier.send(message())

        in_threads(1, send)


@contextmanager
def _everything_logged(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    with caplog.at_level(logging.DEBUG):
        yield


def _hides(text: str, credentials: Sequence[str]) -> None:
    for secret in (TOKEN, "this is number", *credentials):
        assert secret not in text, "a secret is shown"


def _open_files() -> int:
    return len(list(_FILES.iterdir())) if _FILES.is_dir() else 0
