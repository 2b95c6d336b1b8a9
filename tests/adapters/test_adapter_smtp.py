"""Mail over SMTP: against a real server, and against servers that misbehave."""

from __future__ import annotations

import asyncio
import email
import email.policy
import logging
import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from email.header import decode_header, make_header
from email.message import EmailMessage
from pathlib import Path
from typing import Any, BinaryIO, Literal, Self, cast

import attrs
import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword
from hypothesis import given
from hypothesis import strategies as st

from clientmgmt.adapters.smtp import SmtpNotifier
from clientmgmt.adapters.smtp.message import build
from clientmgmt.domain import Mailbox, MailType, Message, Secret
from clientmgmt.errors import (
    AccountDeliveryError,
    ConfigurationError,
    DeliveryError,
    PermanentDeliveryError,
    TemporaryDeliveryError,
)
from clientmgmt.ports import Notifier

NOW = datetime(2026, 1, 31, 12, 0, 5, tzinfo=UTC)
CERTIFICATE = Path(__file__).with_name("localhost.pem")
LINK = "https://portal.example/accept?t=s3cr3t-t0ken"
MESSAGE = Message(
    id="01890a5d-ac96-774b-bcce-b302099a8057",
    date=NOW,
    tenant="acme",
    type=MailType.INVITATION,
    sender=Mailbox("Northwind", "hello@northwind.example"),
    to=Mailbox("Jane Doe", "jane@acme.example"),
    subject="Northwind: your account",
    text=f"Hello Jane,\n\n{LINK}\n.\n..dots\n",
)


def notifier(port: int, **options: Any) -> SmtpNotifier:  # noqa: ANN401 - any option
    usual: dict[str, Any] = {"security": "none", "local_hostname": "client.example", "timeout": 20}
    return SmtpNotifier("127.0.0.1", port, **usual | options)


def parsed(raw: bytes) -> EmailMessage:
    return email.message_from_bytes(raw, policy=email.policy.default)


def header_names(raw: bytes) -> list[str]:
    head = raw.partition(b"\r\n\r\n")[0].decode()
    return [line.partition(":")[0] for line in head.split("\r\n") if not line.startswith(" ")]


def header_text(raw: bytes, name: str) -> str:
    """One header, decoded by the plain rules of RFC 2047 (the new parser of 3.11 adds spaces of its own)."""
    header = email.message_from_bytes(raw, policy=email.policy.compat32)[name]
    text, _, address = str(make_header(decode_header(header))).rpartition(" <")
    return f"{text.strip()} <{address}" if text else address


# A server that behaves.


@attrs.define
class Server:
    """Takes what it is sent; started on a free port, in a thread of its own."""

    envelopes: list[Envelope] = attrs.field(factory=list)
    answers: dict[str, str] = attrs.field(factory=dict)
    options: dict[str, Any] = attrs.field(factory=dict)
    port: int = 0

    async def handle_MAIL(  # noqa: N802 - the interface of aiosmtpd
        self, _server: SMTP, _session: object, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return self.answers.get("MAIL", "250 2.1.0 ok")

    async def handle_RCPT(  # noqa: N802 - the interface of aiosmtpd
        self, _server: SMTP, _session: object, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        answer = self.answers.get(address, self.answers.get("RCPT", "250 2.1.5 ok"))
        if answer.startswith("2"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, _server: SMTP, _session: object, envelope: Envelope) -> str:  # noqa: N802 - as above
        answer = self.answers.get("DATA", "250 2.0.0 Ok: queued as 4F2A")
        if answer.startswith("2"):
            self.envelopes.append(envelope)
        return answer

    def mail(self) -> EmailMessage:
        (envelope,) = self.envelopes
        assert isinstance(envelope.content, bytes)
        return parsed(envelope.content)

    def raw(self) -> bytes:
        (envelope,) = self.envelopes
        assert isinstance(envelope.content, bytes)
        return envelope.content


def authenticated(
    _server: object, _session: object, _envelope: object, _mechanism: str, data: LoginPassword
) -> AuthResult:
    return AuthResult(success=(data.login, data.password) == (b"user", b"pa55word"), handled=False)


StartServer = Callable[..., Server]


@pytest.fixture
def start() -> Iterator[StartServer]:
    """Starts servers that end with the test."""
    logging.getLogger("mail.log").setLevel(logging.CRITICAL)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    listening: list[asyncio.Server] = []
    protocols: list[SMTP] = []

    def begin(
        answers: dict[str, str] | None = None,
        *,
        tls: ssl.SSLContext | None = None,
        **options: Any,  # noqa: ANN401 - any option of aiosmtpd
    ) -> Server:
        server = Server(answers=answers or {})

        def protocol() -> SMTP:
            protocols.append(SMTP(server, hostname="localhost", ident="test", loop=loop, **options))
            return protocols[-1]

        started = asyncio.run_coroutine_threadsafe(loop.create_server(protocol, "127.0.0.1", 0, ssl=tls), loop).result(
            10
        )
        listening.append(started)
        server.port = started.sockets[0].getsockname()[1]
        return server

    async def finish() -> None:
        for server in listening:
            server.close()
        for protocol in protocols:
            if isinstance(protocol.transport, asyncio.WriteTransport):
                protocol.transport.abort()
        rest = asyncio.all_tasks() - {asyncio.current_task()}
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)

    yield begin
    asyncio.run_coroutine_threadsafe(finish(), loop).result(10)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(10)
    loop.close()


def server_tls() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    return context


def client_tls() -> ssl.SSLContext:
    return ssl.create_default_context(cafile=CERTIFICATE)


def test_a_message_arrives(start: StartServer) -> None:
    server = start()
    sender: Notifier = notifier(server.port)
    assert sender.send(MESSAGE) == "2.0.0 Ok: queued as 4F2A"
    (envelope,) = server.envelopes
    assert (envelope.mail_from, envelope.rcpt_tos) == ("hello@northwind.example", ["jane@acme.example"])
    assert any(option.startswith("SIZE=") for option in envelope.mail_options)
    mail = server.mail()
    assert dict(mail.items()) == {
        "From": "Northwind <hello@northwind.example>",
        "To": "Jane Doe <jane@acme.example>",
        "Subject": "Northwind: your account",
        "Date": "Sat, 31 Jan 2026 12:00:05 +0000",
        "Message-ID": "<01890a5d-ac96-774b-bcce-b302099a8057@northwind.example>",
        "Auto-Submitted": "auto-generated",
        "MIME-Version": "1.0",
        "Content-Type": 'text/plain; charset="utf-8"',
        "Content-Transfer-Encoding": "7bit",
    }
    assert mail.get_content().splitlines() == MESSAGE.text.splitlines()


def test_a_message_tried_again_has_the_same_id(start: StartServer) -> None:
    server = start()
    sender = notifier(server.port)
    sender.send(MESSAGE)
    sender.send(MESSAGE)
    first, second = (parsed(cast("bytes", envelope.content)) for envelope in server.envelopes)
    assert first["Message-ID"] == second["Message-ID"]


def test_copies_and_where_to_reply(start: StartServer) -> None:
    server = start()
    copies = (Mailbox("Doe, John", "john@acme.example"), Mailbox("", "jane@acme.example"))
    notifier(server.port).send(
        attrs.evolve(MESSAGE, cc=copies, reply_to=Mailbox('Say "hi" \\', "help@northwind.example"))
    )
    assert server.envelopes[0].rcpt_tos == ["jane@acme.example", "john@acme.example"]
    mail = server.mail()
    assert [(a.display_name, a.addr_spec) for a in mail["Cc"].addresses] == [
        ("Doe, John", "john@acme.example"),
        ("", "jane@acme.example"),
    ]
    assert [(a.display_name, a.addr_spec) for a in mail["Reply-To"].addresses] == [
        ('Say "hi" \\', "help@northwind.example")
    ]


INJECTIONS = [
    "=?utf-8?q?x=0d=0aBcc:_a@b.example?=",
    "=?utf-8?b?eA0KQmNjOiBhQGIuZXhhbXBsZQ0KDQo=?=",
    "x =?utf-8?q?=0aBcc:_a@b.example?= =?utf-8?q?=0d?=",
    "=?utf-8?q?=0d=0a=0d=0abody?=",
    "=?us-ascii?q?x=0aBcc:?= a@b.example",
    '"=?utf-8?q?=0aBcc:_a@b.example?=',
    "=?utf-8?q?x=0d=0aBcc:_a@b.example?= Zoë" + " long" * 50,
]


@pytest.mark.parametrize("text", INJECTIONS)
def test_encoded_words_arrive_as_the_text_that_they_are(start: StartServer, text: str) -> None:
    server = start()
    nasty = attrs.evolve(
        MESSAGE,
        subject=text,
        sender=Mailbox(text, "hello@northwind.example"),
        to=Mailbox(text, "jane@acme.example"),
        cc=(Mailbox(text, "john@acme.example"),),
        reply_to=Mailbox(text, "help@northwind.example"),
    )
    notifier(server.port).send(nasty)
    mail = server.mail()
    assert header_names(server.raw()) == [
        "From", "To", "Cc", "Reply-To", "Subject", "Date", "Message-ID", "Auto-Submitted",
        "Content-Type", "Content-Transfer-Encoding", "MIME-Version",
    ]  # fmt: skip
    assert header_text(server.raw(), "Subject") == text
    for name, address in (("From", "hello@northwind"), ("To", "jane@acme"), ("Cc", "john@acme")):
        assert [box.addr_spec for box in mail[name].addresses] == [f"{address}.example"]
        assert header_text(server.raw(), name) == f"{text} <{address}.example>"
    assert server.envelopes[0].rcpt_tos == ["jane@acme.example", "john@acme.example"]


printable = st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp")), max_size=300)
pieces = st.lists(st.one_of(printable, st.sampled_from([*INJECTIONS, "=?", "?=", " ", '"', "\\", "<", "@", ","])))


@given(pieces.map("".join))
def test_any_subject_arrives_as_it_is(subject: str) -> None:
    raw = build(attrs.evolve(MESSAGE, subject=subject)).mail.as_bytes()
    assert max(map(len, raw.split(b"\r\n"))) <= 78
    plain = email.message_from_bytes(raw, policy=email.policy.compat32)
    assert str(make_header(decode_header(plain["Subject"]))).strip(" ") == subject.strip(" ")
    assert plain.get_all("To") == ['"Jane Doe" <jane@acme.example>']
    assert plain["Bcc"] is None


@pytest.mark.parametrize(
    "character", ["\r", "\n", "\r\nBcc: a@b.example", "\0", "\x1b", "\x85", "\u2028", "\u2029", "\ud800"]
)
@pytest.mark.parametrize("field", ["subject", "sender", "to", "cc", "reply_to"])
def test_control_characters_in_a_header_are_refused(field: str, character: str) -> None:
    text, box = f"x{character}y", Mailbox(f"x{character}y", "a@b.example")
    value: object = {"subject": text, "cc": (box,)}.get(field, box)
    changed: dict[str, Any] = {field: value}
    with pytest.raises(PermanentDeliveryError, match=rf"^{field} contains a control character$"):
        build(attrs.evolve(MESSAGE, **changed))


@pytest.mark.parametrize(
    "address",
    [
        "",
        "jane",
        "a@b.example, c@d.example",
        "a@b.example\r\nBcc: c@d.example",
        "a@b.example>\r\nRCPT TO:<c@d.example",
        "<a@b.example>",
        "x <a@b.example>",
        "=?utf-8?q?a=40b=2Eexample=0d=0a?=",
        "a@b@c.example",
        "a b@c.example",
    ],
)
@pytest.mark.parametrize("field", ["sender", "to", "cc", "reply_to"])
def test_one_address_and_nothing_else_is_taken(field: str, address: str) -> None:
    box = Mailbox("", address)
    changed: dict[str, Any] = {field: (box,) if field == "cc" else box}
    with pytest.raises(PermanentDeliveryError, match=rf"^{field} is not an e-mail address$"):
        build(attrs.evolve(MESSAGE, **changed))


@pytest.mark.parametrize("text", ["nul\0", "\ud800"])
def test_a_text_that_no_mail_can_carry_is_refused(text: str) -> None:
    with pytest.raises(PermanentDeliveryError):
        build(attrs.evolve(MESSAGE, text=text))


@pytest.mark.parametrize(
    "text",
    [
        "Zoë Straße 東京\n",
        "x" * 5000 + "\n",
        f"{LINK}{'y' * 900}\n",
        "a\rb\r\nc\n",
        ".\n.\r\n..\n",
        "From me\n",
    ],
)
def test_any_text_arrives(start: StartServer, text: str) -> None:
    server = start()
    notifier(server.port).send(attrs.evolve(MESSAGE, text=text))
    lines = server.mail().get_content().splitlines()
    assert lines == text.splitlines()
    assert server.raw().isascii()
    assert max(map(len, server.raw().split(b"\r\n"))) <= 998


def test_an_odd_id_becomes_a_safe_one_that_is_stable() -> None:
    odd = [f"{bad}" for bad in ("a b", "a>\r\nBcc: x@y.example", "é", "\ud800", "", "x" * 500)]
    made = [build(attrs.evolve(MESSAGE, id=bad)).mail["Message-ID"] for bad in odd]
    again = [build(attrs.evolve(MESSAGE, id=bad)).mail["Message-ID"] for bad in odd]
    assert made == again
    assert len(set(made)) == len(odd)
    assert all(re.fullmatch(r"<[0-9a-f]{64}@northwind\.example>", name) for name in made)


def test_domains_are_written_in_ascii(start: StartServer) -> None:
    server = start()
    notifier(server.port).send(
        attrs.evolve(MESSAGE, to=Mailbox("Zoë", "zoe@bücher.example"), sender=Mailbox("Nørd", "hello@nørd.example"))
    )
    (envelope,) = server.envelopes
    assert (envelope.mail_from, envelope.rcpt_tos) == (
        "hello@xn--nrd-0na.example",
        ["zoe@xn--bcher-kva.example"],
    )
    assert server.raw().isascii()
    assert server.mail()["To"].addresses[0].display_name == "Zoë"
    assert server.mail()["Message-ID"].endswith("@xn--nrd-0na.example>")


INTERNATIONAL = attrs.evolve(MESSAGE, to=Mailbox("Jané", "jané@bücher.example"))


def test_a_local_part_beyond_ascii_takes_smtputf8(start: StartServer) -> None:
    server = start(enable_SMTPUTF8=True)
    notifier(server.port).send(INTERNATIONAL)
    (envelope,) = server.envelopes
    assert envelope.rcpt_tos == ["jané@xn--bcher-kva.example"]
    assert "SMTPUTF8" in envelope.mail_options
    assert "jané@xn--bcher-kva.example".encode() in server.raw()


def test_smtputf8_is_not_used_without_need(start: StartServer) -> None:
    server = start(enable_SMTPUTF8=True)
    notifier(server.port).send(MESSAGE)
    assert "SMTPUTF8" not in server.envelopes[0].mail_options


def test_a_server_without_smtputf8_never_takes_such_an_address(start: StartServer) -> None:
    server = start(enable_SMTPUTF8=False)
    with pytest.raises(PermanentDeliveryError, match="SMTPUTF8"):
        notifier(server.port).send(INTERNATIONAL)
    assert server.envelopes == []


# What a server may answer.


@pytest.mark.parametrize(
    ("command", "answer", "error", "message"),
    [
        ("MAIL", "451 4.7.1 later", TemporaryDeliveryError, "the server refused the sender (451 4.7.1)"),
        ("MAIL", "550 5.7.1 not yours", PermanentDeliveryError, "the server refused the sender (550 5.7.1)"),
        (
            "MAIL",
            "530 5.7.0 sign in first",
            AccountDeliveryError,
            "the server refused the sender (530 5.7.0)",
        ),
        ("MAIL", "421 4.7.0 too many", TemporaryDeliveryError, "the server refused the sender (421 4.7.0)"),
        (
            "DATA",
            "550 5.4.5 daily sending quota exceeded",
            AccountDeliveryError,
            "the server refused the text (550 5.4.5)",
        ),
        (
            "RCPT",
            "421 4.3.2 going down",
            TemporaryDeliveryError,
            "the server refused a recipient (421 4.3.2)",
        ),
        (
            "RCPT",
            "450 4.2.1 greylisted",
            TemporaryDeliveryError,
            "the server refused a recipient (450 4.2.1)",
        ),
        ("RCPT", "550 no such user", PermanentDeliveryError, "the server refused a recipient (550)"),
        ("DATA", "452 4.3.1 disk full", TemporaryDeliveryError, "the server refused the text (452 4.3.1)"),
        (
            "DATA",
            "554 5.7.1 spam: " + LINK,
            PermanentDeliveryError,
            "the server refused the text (554 5.7.1)",
        ),
    ],
)
def test_a_refusal_is_temporary_or_final(
    start: StartServer, command: str, answer: str, error: type[DeliveryError], message: str
) -> None:
    server = start({command: answer})
    with pytest.raises(error) as caught:
        notifier(server.port).send(MESSAGE)
    assert type(caught.value) is error
    assert str(caught.value) == message
    assert server.envelopes == []


def test_one_refused_copy_keeps_the_message_from_everybody(start: StartServer) -> None:
    server = start({"john@acme.example": "550 5.1.1 unknown"})
    with pytest.raises(PermanentDeliveryError):
        notifier(server.port).send(attrs.evolve(MESSAGE, cc=(Mailbox("", "john@acme.example"),)))
    assert server.envelopes == []


@pytest.mark.parametrize("answer", ["251 will forward", "252 cannot verify"])
def test_a_forwarded_or_unverified_recipient_is_taken(start: StartServer, answer: str) -> None:
    server = start({"RCPT": answer})
    notifier(server.port).send(MESSAGE)
    assert len(server.envelopes) == 1


# Signing in and encryption.


def test_signing_in_over_starttls(start: StartServer) -> None:
    server = start(tls_context=server_tls(), require_starttls=True, auth_required=True, authenticator=authenticated)
    options: dict[str, Any] = {"security": "starttls", "context": client_tls(), "username": "user"}
    notifier(server.port, password=Secret("pa55word"), **options).send(MESSAGE)
    assert len(server.envelopes) == 1


def test_tls_from_the_first_byte(start: StartServer) -> None:
    server = start(tls=server_tls())
    notifier(server.port, security="tls", context=client_tls()).send(MESSAGE)
    assert len(server.envelopes) == 1


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_an_unknown_certificate_is_not_trusted(start: StartServer, security: str) -> None:
    server = start(tls=server_tls()) if security == "tls" else start(tls_context=server_tls())
    with pytest.raises(TemporaryDeliveryError, match="SSLCertVerificationError"):
        notifier(server.port, security=security).send(MESSAGE)


def test_a_server_without_starttls_gets_nothing(start: StartServer) -> None:
    server = start()
    with pytest.raises(AccountDeliveryError, match="SMTPNotSupportedError"):
        notifier(server.port, security="starttls", username="user", password="pa55word").send(MESSAGE)
    assert server.envelopes == []


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")
def test_a_wrong_password_is_no_fault_of_the_message(start: StartServer) -> None:
    server = start(auth_required=True, auth_require_tls=False, authenticator=authenticated)
    with pytest.raises(AccountDeliveryError, match=r"sign-in \(535\)") as caught:
        notifier(server.port, username="user", password="can4ry").send(MESSAGE)
    error = caught.value
    assert error.__cause__ is None
    assert error.__context__ is None
    assert "can4ry" not in repr(error) + str(error)


def test_a_server_that_knows_no_sign_in_is_no_fault_of_the_message(start: StartServer) -> None:
    server = start()
    with pytest.raises(AccountDeliveryError, match="lacks STARTTLS or AUTH"):
        notifier(server.port, username="user", password="pa55word").send(MESSAGE)


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (530, AccountDeliveryError),
        (534, AccountDeliveryError),
        (538, AccountDeliveryError),
        (454, TemporaryDeliveryError),
    ],
)
def test_a_refused_sign_in_is_about_the_account_unless_it_is_for_now(code: int, error: type[DeliveryError]) -> None:
    with Script(EHLO="250-ok\r\n250 AUTH PLAIN", AUTH=f"{code} no") as server, pytest.raises(error) as caught:
        notifier(server.port, username="user", password="pa55word").send(MESSAGE)
    assert type(caught.value) is error


# Servers that misbehave.


class Script:
    """A server that answers each command by the table, hangs at ``None`` and hangs up at ``""``."""

    def __init__(self, **answers: str | None) -> None:
        usual: dict[str, str | None] = {
            "GREET": "220 ok", "EHLO": "250 ok", "MAIL": "250 ok", "RCPT": "250 ok",
            "DATA": "354 go", "END": "250 ok", "QUIT": "221 bye",
        }  # fmt: skip
        self.answers = usual | answers
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.serve)

    def __enter__(self) -> Self:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self.thread.join(30)
        self.socket.close()

    def serve(self) -> None:
        connection, _ = self.socket.accept()
        with connection, connection.makefile("rb") as lines:
            verb, talking = "GREET", True
            while talking and self.answer(connection, verb):
                verb = self.text(lines) if verb == "DATA" else self.command(lines)
                talking = verb != ""

    def command(self, lines: BinaryIO) -> str:
        words = lines.readline().split()
        return words[0].decode().upper() if words else ""

    def text(self, lines: BinaryIO) -> str:
        if self.answers["DATA"] != "354 go":
            return self.command(lines)
        return "END" if b".\r\n" in iter(lines.readline, b"") else ""

    def answer(self, connection: socket.socket, verb: str) -> bool:
        answer = self.answers.get(verb, "502 what")
        if answer is None:
            self.over.wait(30)
        elif answer:
            connection.sendall(f"{answer}\r\n".encode())
        return bool(answer)


@pytest.mark.parametrize("command", ["GREET", "EHLO", "MAIL", "RCPT", "DATA", "END"])
@pytest.mark.parametrize("answer", ["421 4.3.2 shutting down", "", None], ids=["421", "drop", "hang"])
def test_a_server_that_goes_away_is_tried_again(command: str, answer: str | None) -> None:
    with Script(**{command: answer}) as server, pytest.raises(TemporaryDeliveryError) as caught:
        notifier(server.port, timeout=0.2 if answer is None else 20).send(MESSAGE)
    assert LINK not in str(caught.value)


@pytest.mark.parametrize(
    ("command", "answer", "error"),
    [
        ("GREET", "554 no service here", AccountDeliveryError),
        ("GREET", "421 busy", TemporaryDeliveryError),
        ("EHLO", "garbage", AccountDeliveryError),
        ("DATA", "554 no valid recipients", PermanentDeliveryError),
        ("DATA", "451 later", TemporaryDeliveryError),
        ("END", "garbage", TemporaryDeliveryError),
        ("END", "550 5.7.1 " + LINK, PermanentDeliveryError),
    ],
)
def test_other_strange_answers(command: str, answer: str, error: type[DeliveryError]) -> None:
    with Script(**{command: answer}) as server, pytest.raises(error) as caught:
        notifier(server.port).send(MESSAGE)
    assert type(caught.value) is error
    assert LINK not in str(caught.value)


@pytest.mark.parametrize("answer", ["500 what", "", None, "garbage"], ids=["500", "drop", "hang", "garbage"])
def test_what_follows_the_acceptance_does_not_matter(answer: str | None) -> None:
    with Script(QUIT=answer) as server:
        assert notifier(server.port, timeout=0.2 if answer is None else 20).send(MESSAGE) == "ok"


def test_the_answer_is_cleaned_and_may_be_empty() -> None:
    with Script(END="250 \x1b[2Jqueued\x07 " + "x" * 300) as server:
        answer = notifier(server.port).send(MESSAGE)
    assert answer is not None
    assert answer.startswith("[2Jqueued xxx")
    assert len(answer) == 200
    with Script(END="250") as server:
        assert notifier(server.port).send(MESSAGE) is None


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    with pytest.raises(TemporaryDeliveryError, match="ConnectionRefusedError"):
        notifier(port).send(MESSAGE)


# Wiring.


@pytest.mark.parametrize(("security", "port"), [("starttls", 587), ("tls", 465), ("none", 25)])
def test_the_port_follows_from_the_security(security: Literal["starttls", "tls", "none"], port: int) -> None:
    made = SmtpNotifier("mail.example", security=security, username=None)
    assert repr(made) == f"SmtpNotifier('mail.example', {port}, security='{security}')"


@pytest.mark.parametrize(
    "options",
    [
        {"host": ""},
        {"timeout": 0},
        {"timeout": -1},
        {"timeout": float("nan")},
        {"security": "ssl"},
        {"username": "user"},
        {"password": "can4ry"},
        {"username": "user", "password": "can4ry-é"},
        {"username": "usér", "password": "can4ry"},
        {"username": "user", "password": "can4ry", "security": "none"},
    ],
)
def test_what_is_malformed_is_refused_at_once(options: dict[str, Any]) -> None:
    usual: dict[str, Any] = {"host": "mail.example"}
    with pytest.raises(ConfigurationError) as caught:
        SmtpNotifier(**usual | options)
    assert "can4ry" not in str(caught.value)


def test_the_password_is_not_printed() -> None:
    made = SmtpNotifier("mail.example", username="user", password="can4ry")
    assert "can4ry" not in repr(made) + repr(vars(made))
