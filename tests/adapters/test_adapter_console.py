"""Mail on the screen."""

from __future__ import annotations

import io
import sys
import unicodedata
from datetime import UTC, datetime

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clientmgmt.adapters.console import ConsoleNotifier
from clientmgmt.domain import Mailbox, MailType, Message
from clientmgmt.errors import TemporaryDeliveryError

MESSAGE = Message(
    id="1",
    date=datetime(2026, 1, 31, 12, tzinfo=UTC),
    tenant="acme",
    type=MailType.INVITATION,
    sender=Mailbox("Northwind", "hello@northwind.example"),
    to=Mailbox("", "jane@acme.example"),
    subject="Your account",
    text="Hello Zoë,\n\nhttps://portal.example/?t=abc\n",
)
PRINTED = f"""{"-" * 72}
From:     Northwind <hello@northwind.example>
To:       jane@acme.example
Subject:  Your account

Hello Zoë,

https://portal.example/?t=abc

{"-" * 72}
"""


def printed(message: Message) -> str:
    stream = io.StringIO()
    assert ConsoleNotifier(stream).send(message) is None
    return stream.getvalue()


def test_a_mail_is_printed_with_its_link() -> None:
    assert printed(MESSAGE) == PRINTED


def test_copies_and_where_to_reply_are_printed() -> None:
    copied = attrs.evolve(
        MESSAGE,
        cc=(Mailbox("A", "a@b.example"), Mailbox("", "c@d.example")),
        reply_to=Mailbox("R", "r@s.example"),
    )
    lines = printed(copied).splitlines()
    assert lines[3:6] == ["Cc:       A <a@b.example>", "Cc:       c@d.example", "Reply-To: R <r@s.example>"]


def test_standard_output_is_the_default(capsys: pytest.CaptureFixture[str]) -> None:
    ConsoleNotifier().send(MESSAGE)
    assert capsys.readouterr().out == PRINTED


def test_control_characters_are_shown_as_escapes() -> None:
    nasty = "\x1b[2J\r\x07\x9b\u202eevil\u2028\ud800\U000e0001"
    text = printed(attrs.evolve(MESSAGE, subject="a\nb", to=Mailbox(nasty, "jane@acme.example"), text=nasty))
    shown = r"\x1b[2J\x0d\x07\x9b\u202eevil\u2028\ud800\U000e0001"
    assert f"To:       {shown} <jane@acme.example>\n" in text
    assert "Subject:  a\\x0ab\n" in text
    assert f"\n{shown}\n" in text


@given(st.text(st.characters()))
def test_nothing_but_line_ends_and_tabs_controls_the_screen(text: str) -> None:
    body = printed(attrs.evolve(MESSAGE, text=text))
    categories = {unicodedata.category(character) for character in body if character not in "\n\t\u200c\u200d"}
    assert not categories & {"Cc", "Cf", "Cs", "Zl", "Zp"}


def test_what_the_stream_cannot_encode_is_escaped() -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii", write_through=True)
    ConsoleNotifier(stream).send(MESSAGE)
    assert b"Hello Zo\\xeb," in raw.getvalue()


def test_a_closed_stream_is_a_failure_for_now(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    stream.close()
    monkeypatch.setattr(sys, "stdout", stream)
    with pytest.raises(TemporaryDeliveryError):
        ConsoleNotifier().send(MESSAGE)
