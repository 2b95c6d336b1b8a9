"""Messages that a notifier is given, and what the suite sees of its other side."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from itertools import zip_longest
from uuid import UUID

from clientmgmt.domain.email import parse_email
from clientmgmt.domain.mail import Mailbox, MailType, Message
from clientmgmt.errors import DeliveryError
from clientmgmt.ports.notifier import Notifier
from clientmgmt.testing.transport import Arrived

TOKEN = "s3cr3t-t0ken-0f-an-invitation"  # noqa: S105 - it opens nothing
LINK = f"https://portal.northwind.example/accept?t={TOKEN}"

INJECTIONS = (
    "x\r\nBcc: eve@evil.example",
    "x\nBcc: eve@evil.example",
    "x\rBcc: eve@evil.example",
    "x\r\n\r\nanother body",
    "x\u2028Bcc: eve@evil.example",
    "x\x85Bcc: eve@evil.example",
    "=?utf-8?q?x=0d=0aBcc:_eve@evil.example?=",
    "=?utf-8?b?eA0KQmNjOiBldmVAZXZpbC5leGFtcGxl?=",
    "x\0y",
    "x\ud800y",
)
"""Text that tries to become a header of its own, or breaks whatever writes it."""

ADDRESSES = (
    "",
    "nobody",
    "a@b.example, eve@evil.example",
    "a@b.example\r\nBcc: eve@evil.example",
    "a@b.example>\r\nRCPT TO:<eve@evil.example",
    "a@b@c.example",
)
"""What is no address, or is more than one."""


def message(number: int = 1, **changes: object) -> Message:
    """A message with its own id and a text of its own, which has a link in it."""
    values: dict[str, object] = {
        "id": str(UUID(int=number, version=4)),
        "date": datetime(2026, 1, 31, 12, 0, 5, tzinfo=UTC),
        "tenant": "kit",
        "type": MailType.INVITATION,
        "sender": Mailbox("Northwind", "hello@northwind.example"),
        "to": Mailbox("Jane Doe", "jane@acme.example"),
        "subject": f"Northwind: your account {number}",
        "text": f"Hello Jane,\n\nthis is number {number}:\n{LINK}&n={number}\n",
    }
    make: Callable[..., Message] = Message
    return make(**(values | changes))


def key_of(address: str) -> str:
    """What two spellings of one address share: case of the domain, and its ASCII form."""
    return parse_email(address, field="address")[0].key


def same_mailbox(one: Mailbox | None, other: Mailbox | None) -> bool:
    """Whether name and address are the same; a domain may be written in ASCII."""
    if one is None or other is None:
        return one is other
    return one.name == other.name and key_of(one.email) == key_of(other.email)


def assert_arrived(arrived: Arrived, sent: Message) -> None:
    """What arrived is what was sent, and goes to whom it was sent."""
    boxes = [(sent.sender, arrived.sender), (sent.to, arrived.to), (sent.reply_to, arrived.reply_to)]
    assert all(same_mailbox(*pair) for pair in [*boxes, *zip(sent.cc, arrived.cc, strict=True)]), arrived
    assert arrived.subject == sent.subject
    # Line by line: of two long texts pytest would work out the difference for half a minute.
    for line, wanted in zip_longest(*(text.rstrip("\n").split("\n") for text in (arrived.text, sent.text))):
        assert line == wanted
    assert_recipients(arrived, sent)


def assert_recipients(arrived: Arrived, sent: Message) -> None:
    """It goes to those that it was sent to, and nothing in it became a header of its own."""
    wanted = {key_of(mailbox.email) for mailbox in (sent.to, *sent.cc)}
    assert {key_of(address) for address in arrived.recipients} == wanted
    assert not arrived.headers & {"bcc", "x-injected"}, arrived.headers


def send_or_refuse(notifier: Notifier, sent: Message) -> bool:
    """Whether the message was taken; any error but a DeliveryError is an error of the notifier."""
    with suppress(DeliveryError):
        notifier.send(sent)
        return True
    return False
