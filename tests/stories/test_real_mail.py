"""Mail that really goes through a server: sent, taken apart again, and its link used. Source: activation."""

from __future__ import annotations

import email
import email.policy
import re
import socket
from collections.abc import Iterator

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope
from aiosmtpd.smtp import Session as Conversation

from clientmgmt.adapters.smtp import SmtpNotifier
from clientmgmt.domain import ContactState, MailState
from clientmgmt.ports import Storage
from tests.box import PASSWORD, Box


class Letterbox:
    """Keeps what it is sent."""

    def __init__(self) -> None:
        self.envelopes: list[Envelope] = []

    async def handle_DATA(self, server: SMTP, session: Conversation, envelope: Envelope) -> str:  # noqa: ARG002, N802 - the interface of aiosmtpd
        self.envelopes.append(envelope)
        return "250 taken"


@pytest.fixture
def letterbox() -> Iterator[tuple[Letterbox, int]]:
    kept = Letterbox()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    controller = Controller(kept, hostname="127.0.0.1", port=port, ready_timeout=30)
    controller.start()
    yield kept, port
    controller.stop()


def test_an_invitation_arrives_and_its_link_works(storage: Storage, letterbox: tuple[Letterbox, int]) -> None:
    kept, port = letterbox
    box = Box(storage, notifier=SmtpNotifier("127.0.0.1", port, security="none", local_hostname="client.example"))
    zoe = box.contact(box.client(), "Zoë", email="zoe@bücher.example", invite=True)

    assert box.deliver().sent == 1

    (envelope,) = kept.envelopes
    assert envelope.rcpt_tos == ["zoe@xn--bcher-kva.example"]
    assert isinstance(envelope.content, bytes)
    mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
    assert str(mail["From"]) == "Northwind <hello@northwind.example>"
    assert "Zoë Doe" in str(mail["To"])
    assert mail["Date"].datetime == box.clock.now()
    text = mail.get_content()
    assert "Hello Zoë Doe," in text
    assert "12 January 2026, 09:00 UTC" in text
    found = re.search(r"\?t=(\S+)", text)
    assert found is not None
    box.door.accept_invite(found[1], password=PASSWORD)
    seen = box.now_of(zoe)
    assert seen.state is ContactState.ACTIVE
    assert seen.mail is not None
    assert seen.mail.state is MailState.DELIVERED
