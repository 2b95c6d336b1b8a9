"""The shipped notifiers keep the promises of the port."""

from __future__ import annotations

import asyncio
import email
import email.policy
import io
import logging
import re
import threading
from collections.abc import Iterator, Sequence
from email.header import decode_header, make_header
from email.utils import getaddresses, parseaddr

import attrs
import pytest
from aiosmtpd.smtp import SMTP, Envelope

from clientmgmt.adapters.console import ConsoleNotifier
from clientmgmt.adapters.smtp import SmtpNotifier
from clientmgmt.domain import Mailbox, Message
from clientmgmt.errors import DeliveryError, PermanentDeliveryError, TemporaryDeliveryError
from clientmgmt.testing import (
    WAIT,
    Arrived,
    Failure,
    NotifierCapability,
    NotifierConformance,
    RecordingNotifier,
    Transport,
)

NO_CONNECTION = {
    NotifierCapability.TIMEOUTS: "nobody is waited for",
    NotifierCapability.LOST_CONNECTIONS: "there is no connection",
}


def recorded(message: Message) -> Arrived:
    return Arrived(
        key=message.id,
        sender=message.sender,
        to=message.to,
        cc=message.cc,
        reply_to=message.reply_to,
        subject=message.subject,
        text=message.text,
        recipients=frozenset(mailbox.email for mailbox in (message.to, *message.cc)),
    )


@attrs.frozen
class Recorder:
    notifier: RecordingNotifier

    @property
    def arrived(self) -> Sequence[Arrived]:
        return [recorded(message) for message in self.notifier.messages]

    def fail_next(self, failure: Failure) -> None:
        errors: dict[Failure, DeliveryError] = {
            Failure.TEMPORARY: TemporaryDeliveryError("busy"),
            Failure.TEMPORARY_WITH_WAIT: TemporaryDeliveryError("busy", retry_after=WAIT),
            Failure.PERMANENT: PermanentDeliveryError("unknown"),
        }
        self.notifier.fail_next(errors[failure])


class TestRecordingNotifier(NotifierConformance):
    lacks = NO_CONNECTION

    @pytest.fixture
    def notifier(self) -> RecordingNotifier:
        return RecordingNotifier()

    @pytest.fixture
    def transport(self, notifier: RecordingNotifier) -> Transport:
        return Recorder(notifier)


class Screen(io.StringIO):
    """Reads back what is printed; one write fails when it is told to."""

    failing = False
    HEAD = re.compile(r"^(From|To|Cc|Reply-To|Subject): +(.*)$", re.MULTILINE)

    def write(self, text: str, /) -> int:
        if self.failing:
            self.failing = False
            raise BrokenPipeError
        return super().write(text)

    def fail_next(self, failure: Failure) -> None:
        assert failure is Failure.TEMPORARY
        self.failing = True

    @property
    def arrived(self) -> Sequence[Arrived]:
        rule = "-" * 72 + "\n"
        return [self._read(block) for block in self.getvalue().split(rule) if block]

    def _read(self, block: str) -> Arrived:
        head, _, text = block.partition("\n\n")
        fields = self.HEAD.findall(head)
        boxes = {name: [self._mailbox(value) for one, value in fields if one == name] for name, _ in fields}
        return Arrived(
            key=None,
            sender=boxes["From"][0],
            to=boxes["To"][0],
            cc=tuple(boxes.get("Cc", ())),
            reply_to=next(iter(boxes.get("Reply-To", ())), None),
            subject=dict(fields)["Subject"],
            text=text,
            recipients=frozenset(mailbox.email for mailbox in (*boxes["To"], *boxes.get("Cc", ()))),
            headers=frozenset(line.partition(":")[0].lower() for line in head.splitlines()),
        )

    @staticmethod
    def _mailbox(text: str) -> Mailbox:
        name, bracket, address = text.rpartition(" <")
        return Mailbox(name, address.removesuffix(">") if bracket else text)


class TestConsoleNotifier(NotifierConformance):
    lacks = NO_CONNECTION | {
        NotifierCapability.IDEMPOTENCY_KEY: "nobody reads ids on a screen",
        NotifierCapability.RETRY_AFTER: "a screen says nothing",
        NotifierCapability.PERMANENT_FAILURES: "a screen refuses no message",
    }

    @pytest.fixture
    def transport(self) -> Screen:
        return Screen()

    @pytest.fixture
    def notifier(self, transport: Screen) -> ConsoleNotifier:
        return ConsoleNotifier(transport)


def decoded(value: str) -> str:
    return str(make_header(decode_header(value)))


def mailboxes(mail: email.message.Message, name: str) -> list[Mailbox]:
    pairs = getaddresses([str(value) for value in mail.get_all(name, [])])
    return [Mailbox(decoded(shown), address) for shown, address in pairs]


class MailServer:
    """A server for SMTP in a thread of its own; what it refuses it quotes."""

    def __init__(self) -> None:
        self.arrived: list[Arrived] = []
        self.port = 0
        self._failure: Failure | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)

    def fail_next(self, failure: Failure) -> None:
        self._failure = failure

    async def handle_DATA(self, server: SMTP, _session: object, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's
        assert isinstance(envelope.content, bytes)
        failure, self._failure = self._failure, None
        quoted = " ".join(envelope.content.decode().split())[-300:]
        match failure:
            case Failure.TEMPORARY:
                return f"451 4.7.1 later: {quoted}"
            case Failure.PERMANENT:
                return f"554 5.7.1 never: {quoted}"
            case Failure.SILENCE:
                await asyncio.Event().wait()
            case _:
                pass
        self.arrived.append(self._read(envelope))
        if failure is Failure.LOST:
            assert isinstance(server.transport, asyncio.Transport)
            server.transport.abort()
        return "250 2.0.0 Ok: queued as 4F2A"

    @staticmethod
    def _read(envelope: Envelope) -> Arrived:
        mail = email.message_from_bytes(envelope.content or b"", policy=email.policy.compat32)  # type: ignore[arg-type]
        body = mail.get_payload(decode=True)
        assert isinstance(body, bytes)
        shown, address = parseaddr(mail["From"])
        return Arrived(
            key=mail["Message-ID"],
            sender=Mailbox(decoded(shown), address),
            to=mailboxes(mail, "To")[0],
            cc=tuple(mailboxes(mail, "Cc")),
            reply_to=next(iter(mailboxes(mail, "Reply-To")), None),
            subject=decoded(re.sub(r"\r?\n(?=[ \t])", "", mail["Subject"])),
            text=body.decode().replace("\r\n", "\n"),
            recipients=frozenset(envelope.rcpt_tos),
            headers=frozenset(name.lower() for name in mail),
        )

    def start(self) -> None:
        logging.getLogger("mail.log").setLevel(logging.CRITICAL)
        self._thread.start()
        self._server = asyncio.run_coroutine_threadsafe(
            self._loop.create_server(
                lambda: SMTP(self, hostname="localhost", ident="test", loop=self._loop), "127.0.0.1", 0
            ),
            self._loop,
        ).result(10)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _finish(self) -> None:
        self._server.close()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
        await asyncio.sleep(0)

    def stop(self) -> None:
        asyncio.run_coroutine_threadsafe(self._finish(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()


class TestSmtpNotifier(NotifierConformance):
    lacks = {NotifierCapability.RETRY_AFTER: "SMTP has no word for how long to wait"}  # noqa: RUF012 - never changed

    @pytest.fixture
    def transport(self) -> Iterator[MailServer]:
        server = MailServer()
        server.start()
        yield server
        server.stop()

    @pytest.fixture
    def notifier(self, transport: MailServer) -> SmtpNotifier:
        return SmtpNotifier("127.0.0.1", transport.port, security="none", timeout=1, local_hostname="client.example")
