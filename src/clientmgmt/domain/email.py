"""E-mail addresses: stored as typed, compared by a key.

The grammar is that of the ``email-validator`` library (RFC 5322 dot-atoms, IDNA 2008, no look-up in DNS). Plain
ASCII addresses take a short way to the same answer, which a test compares with the library's over a corpus.
"""

from __future__ import annotations

import re
import unicodedata

import attrs

from clientmgmt.domain.text import PADDING
from clientmgmt.domain.value import Value
from clientmgmt.errors import Violation

__all__ = ["Email", "parse_email"]

_LONGEST_LOCAL = 64
_LONGEST = 254
_ATOM = r"[A-Za-z0-9_!#$%&'*+\-/=?^`{|}~]+"
_LABEL = r"(?!..--)[a-z0-9](?:[a-z0-9\-]{0,61}[a-z0-9])?"
_SPECIAL_USE = "arpa|invalid|local|localhost|onion|test"
_MAILBOXES = "info|marketing|sales|support|abuse|noc|security|postmaster|hostmaster|usenet|news|webmaster|www|uucp|ftp"
_PLAIN = re.compile(
    rf"(?!(?i:{_MAILBOXES})@)({_ATOM}(?:\.{_ATOM})*)@"
    rf"((?:{_LABEL}\.)+(?!(?:{_SPECIAL_USE})\Z)(?!..--)(?:[a-z0-9][a-z0-9\-]{{0,61}})?[a-z])\Z"
)


@attrs.frozen(repr=False, eq=False)
class Email(Value):
    """An address as it is written to (``address``) and the ``key`` by which two spellings are the same mailbox.

    The key folds case and compatibility forms of the local part and writes the domain in ASCII. It knows no
    provider's tricks: dots and plus tags are part of the address.

    >>> parse_email("Jané@BÜCHER.example", field="email")[0]
    Email(address='Jané@bücher.example', key='jané@xn--bcher-kva.example')
    """

    address: str
    key: str

    def __str__(self) -> str:
        return self.address


NO_EMAIL = Email("", "")


def parse_email(value: object, *, field: str) -> tuple[Email, tuple[Violation, ...]]:
    """The address and its key, and why it is refused (``required`` or ``invalid_email``).

    Refused besides what the grammar refuses: anything but ``str``, local parts of more than 64 octets, display
    names, domains kept for special use (``localhost``, ``test`` …).
    """
    text = value.strip(PADDING) if isinstance(value, str) else value
    if not text:
        return NO_EMAIL, (Violation("required", "must not be empty", field),)
    if not isinstance(text, str):
        return NO_EMAIL, (Violation("not_text", "must be text", field),)
    if len(text) > _LONGEST:
        message = f"must not be longer than {_LONGEST} characters"
        return NO_EMAIL, (Violation("too_long", message, field, {"limit": _LONGEST, "count": len(text)}),)
    found = _plain(text) or _by_library(text)
    if found is None:
        return NO_EMAIL, (Violation("invalid_email", "is not an e-mail address", field),)
    return found, ()


def local_key(local: str) -> str:
    """The part of the key before the at-sign; idempotent over all of Unicode.

    Folding may break a normal form and normalising may bring back something to fold, hence both, and twice the
    one. A test proves idempotence from properties of single characters, over every character there is.
    """
    if local.isascii():
        return local.lower()
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", local).casefold())


def _plain(text: str) -> Email | None:
    local, _, domain = text.partition("@")
    domain = domain.lower()
    address = f"{local}@{domain}"
    if len(local) > _LONGEST_LOCAL or not address.isascii() or _PLAIN.match(address) is None:
        return None
    return Email(address, f"{local.lower()}@{domain}")


def _by_library(text: str) -> Email | None:
    from email_validator import EmailNotValidError, validate_email  # noqa: PLC0415 - slow to load, seldom needed

    try:
        found = validate_email(text, check_deliverability=False)
    except EmailNotValidError:
        return None
    if len(found.local_part.encode()) > _LONGEST_LOCAL:
        return None
    return Email(found.normalized, f"{local_key(found.local_part)}@{found.ascii_domain}")
