"""A message as it is written on the wire, with checks of our own on everything that goes into a header.

The standard library decodes an encoded word in a header that it is given, and some of its releases (3.11, up
to 3.12.4) then write the decoded text as it is: with a line end in it, a subject becomes a second header.
Therefore headers are encoded here and stored verbatim, and whatever could be taken for an encoded word is
itself encoded.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from email.charset import Charset
from email.header import Header
from email.message import EmailMessage
from email.policy import EmailPolicy
from email.utils import format_datetime
from typing import NoReturn

import attrs

from clientmgmt.domain.email import parse_email
from clientmgmt.domain.mail import Mailbox, Message
from clientmgmt.errors import PermanentDeliveryError

__all__ = ["Letter", "build"]

_UNSAFE = frozenset({"Cc", "Cs", "Zl", "Zp"})
_LINE = 66
_ID = re.compile(r"[A-Za-z0-9]+(?:[._-][A-Za-z0-9]+)*")
_LONGEST_ID = 200
_UTF8 = Charset("utf-8")


class _Verbatim(EmailPolicy):
    """Keeps header values as they are given: encoded, folded and checked already."""

    def header_store_parse(self, name: str, value: str) -> tuple[str, str]:
        return name, value

    def header_fetch_parse(self, name: str, value: str) -> str:  # noqa: ARG002 - the interface of a policy
        return value

    def fold(self, name: str, value: str) -> str:
        return f"{name}: {value}{self.linesep}"

    def fold_binary(self, name: str, value: str) -> bytes:
        return self.fold(name, value).encode()


_POLICY = _Verbatim(linesep="\r\n", cte_type="7bit")


@attrs.frozen
class Letter:
    """A mail and its envelope; ``international``: an address in it needs SMTPUTF8."""

    mail: EmailMessage = attrs.field(repr=False)
    sender: str
    recipients: tuple[str, ...]

    @property
    def international(self) -> bool:
        """Whether an address has characters beyond ASCII before its at-sign."""
        return not all(address.isascii() for address in (self.sender, *self.recipients))


def build(message: Message) -> Letter:
    """The mail for ``message``, and the addresses of its envelope with domains in ASCII.

    Its Message-ID is made of ``message.id`` and the sender's domain: the same whenever the message is tried
    again.

    Raises:
        PermanentDeliveryError: an address is none, or a control character stands where a header would break.
    """
    sender = _address(message.sender, "sender")
    copied = tuple(_address(mailbox, "cc") for mailbox in message.cc)
    recipients = (_address(message.to, "to"), *copied)
    mail = EmailMessage(_POLICY)
    mail["From"] = _named(message.sender, sender, "sender")
    mail["To"] = _named(message.to, recipients[0], "to")
    if copied:
        pairs = zip(message.cc, copied, strict=True)
        mail["Cc"] = ",\r\n ".join(_named(mailbox, address, "cc") for mailbox, address in pairs)
    if message.reply_to is not None:
        mail["Reply-To"] = _named(message.reply_to, _address(message.reply_to, "reply_to"), "reply_to")
    mail["Subject"] = _text(message.subject, "subject")
    mail["Date"] = format_datetime(message.date)
    mail["Message-ID"] = f"<{_id(message.id)}@{sender.rpartition('@')[2]}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(_body(message.text))
    return Letter(mail, sender, tuple(dict.fromkeys(recipients)))


def _address(mailbox: Mailbox, field: str) -> str:
    email, violations = parse_email(mailbox.email, field=field)
    if violations:
        _refuse(f"{field} is not an e-mail address")
    return f"{email.address.rpartition('@')[0]}@{email.key.rpartition('@')[2]}"


def _named(mailbox: Mailbox, address: str, field: str) -> str:
    name = _text(mailbox.name, field)
    if not name:
        return address
    if name == mailbox.name:
        quoted = name.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{quoted}" <{address}>'
    return f"{name}\r\n <{address}>"


def _text(text: str, field: str) -> str:
    """Short, plain ASCII as it is; anything else as encoded words (RFC 2047)."""
    if any(unicodedata.category(character) in _UNSAFE for character in text):
        _refuse(f"{field} contains a control character")
    if text.isascii() and "=?" not in text and len(text) <= _LINE:
        return text
    return Header(text, _UTF8, maxlinelen=_LINE, header_name=field).encode(linesep="\r\n")


def _id(text: str) -> str:
    if len(text) <= _LONGEST_ID and _ID.fullmatch(text):
        return text
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _body(text: str) -> str:
    if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
        _refuse("the text contains a character that no mail can carry")
    return text


def _refuse(reason: str) -> NoReturn:
    raise PermanentDeliveryError(reason)
