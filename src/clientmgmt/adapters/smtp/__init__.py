"""Mail over SMTP, by the standard library alone."""

from __future__ import annotations

import contextlib
import re
import smtplib
import ssl
from collections.abc import Iterator
from typing import Any, Literal, NoReturn, Self
from urllib.parse import parse_qsl, unquote, urlsplit

from clientmgmt.adapters.smtp.message import Letter, build
from clientmgmt.domain.mail import Message
from clientmgmt.domain.secret import Secret
from clientmgmt.errors import (
    AccountDeliveryError,
    ConfigurationError,
    DeliveryError,
    PermanentDeliveryError,
    TemporaryDeliveryError,
)

__all__ = ["SmtpNotifier"]

_PORTS = {"starttls": 587, "tls": 465, "none": 25}
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_ACCOUNT = frozenset({530, 534, 535, 538})
_QUOTA = b"5.4.5"
_PERMANENT = 500
_OK = 250
_FORWARDED = 251
_UNVERIFIED = 252
_ENHANCED = re.compile(rb"[245]\.\d{1,3}\.\d{1,3}(?=\s|\Z)")
_LONGEST_ANSWER = 200


class SmtpNotifier:
    """Hands messages to the SMTP server ``host``, one connection each; safe to use from many threads.

    ``port`` follows from ``security`` if it is not given: 587 for ``starttls``, 465 for ``tls``, 25 for
    ``none``. ``timeout`` is in seconds, for each answer of the server. ``context`` replaces the default
    checks of certificates. ``local_hostname`` is what the server is greeted with, the
    machine's own name by default.

    A message goes to all its recipients or to none. What the server says in refusing is not repeated, because
    it may quote the mail and thereby a link; errors name its numbers.

    Raises:
        ConfigurationError: something is malformed, user name and password do not come together or not
            in ASCII, or they would travel in the clear to another machine.
    """

    def __init__(
        self,
        host: str,
        port: int | None = None,
        *,
        username: str | None = None,
        password: Secret | str | None = None,
        security: Literal["starttls", "tls", "none"] = "starttls",
        timeout: float = 30,
        local_hostname: str | None = None,
        context: ssl.SSLContext | None = None,
    ) -> None:
        if security not in _PORTS:
            _misconfigured("security is 'starttls', 'tls' or 'none'")
        if not host or not timeout > 0:
            _misconfigured("host must not be empty, and timeout is a positive number of seconds")
        self._host, self._port = host, _PORTS[security] if port is None else port
        self._login = _login(username, password, in_clear=security == "none" and host not in _LOOPBACK)
        self._security = security
        self._timeout = timeout
        self._local_hostname = local_hostname
        self._context = context

    @classmethod
    def from_url(cls, url: str) -> Self:
        """The notifier that a URL describes: ``smtp://user:password@host:port``, with ``smtps`` for ``tls``.

        ``smtp`` means ``starttls``; ``?security=none`` sends in the clear, ``?timeout=5`` waits five seconds. User
        name and password are percent-encoded.

        Raises:
            ConfigurationError: the URL is malformed; it is not repeated.
        """
        return cls(**_read_url(url))

    def __repr__(self) -> str:
        return f"SmtpNotifier({self._host!r}, {self._port}, security={self._security!r})"

    def send(self, message: Message, /) -> str | None:
        """Hand ``message`` over; answer what the server said in taking it, its queue id for instance.

        Raises:
            AccountDeliveryError: the server refuses us before it knows the message (5xx), wants a sign-in or another
                one (530, 534, 535, 538), says that the quota is used up (5.4.5), or lacks STARTTLS or AUTH.
            TemporaryDeliveryError: the server cannot be reached, or says to try later (4xx).
            PermanentDeliveryError: the server refuses sender, recipient or text for good (5xx), or the
                message cannot be written as a mail.
        """
        letter = build(message)
        try:
            with self._server() as server:
                return _transfer(server, letter)
        except smtplib.SMTPResponseException as error:
            code = int(error.smtp_code)
            kind = AccountDeliveryError if code >= _PERMANENT else TemporaryDeliveryError
            failure = kind(f"the server refused the connection or the sign-in ({code})")
        except smtplib.SMTPNotSupportedError as error:
            failure = AccountDeliveryError(f"the server lacks STARTTLS or AUTH ({type(error).__name__})")
        except (OSError, smtplib.SMTPException) as error:
            failure = TemporaryDeliveryError(f"the connection to the mail server failed ({type(error).__name__})")
        raise failure

    @contextlib.contextmanager
    def _server(self) -> Iterator[smtplib.SMTP]:
        server = self._connected()
        try:
            server.ehlo_or_helo_if_needed()
            if self._security == "starttls":
                server.starttls(context=self._context or ssl.create_default_context())
                server.ehlo()
            if self._login is not None:
                server.login(self._login[0], self._login[1].reveal())
            yield server
        finally:
            server.close()

    def _connected(self) -> smtplib.SMTP:
        if self._security != "tls":
            return smtplib.SMTP(self._host, self._port, self._local_hostname, self._timeout)
        context = self._context or ssl.create_default_context()
        return smtplib.SMTP_SSL(self._host, self._port, self._local_hostname, timeout=self._timeout, context=context)


def _transfer(server: smtplib.SMTP, letter: Letter) -> str | None:
    raw = letter.mail.as_bytes()
    _expect("the sender", server.mail(letter.sender, _options(server, letter, len(raw))))
    for recipient in letter.recipients:
        _expect("a recipient", server.rcpt(recipient), _FORWARDED, _UNVERIFIED)
    answer = _data(server, raw)
    # The message is theirs now: nothing that happens in saying goodbye may call it undelivered.
    with contextlib.suppress(OSError, smtplib.SMTPException):
        server.quit()
    return answer


def _options(server: smtplib.SMTP, letter: Letter, size: int) -> tuple[str, ...]:
    options = (f"SIZE={size}",) if server.has_extn("size") else ()
    if not letter.international:
        return options
    if not server.has_extn("smtputf8"):
        reason = "an address needs SMTPUTF8, which the server does not offer"
        raise PermanentDeliveryError(reason)
    return (*options, "SMTPUTF8", "BODY=8BITMIME")


def _data(server: smtplib.SMTP, raw: bytes) -> str | None:
    try:
        code, answer = server.data(raw)
    except smtplib.SMTPDataError as error:
        code, answer = int(error.smtp_code), _bytes(error.smtp_error)
    _expect("the text", (code, answer))
    text = answer.decode("ascii", "replace")
    return "".join(character for character in text if character.isprintable())[:_LONGEST_ANSWER] or None


def _expect(what: str, reply: tuple[int, bytes], *also: int) -> None:
    code, answer = reply
    if code != _OK and code not in also:
        raise _refusal(what, code, answer)


def _refusal(what: str, code: int, answer: bytes) -> DeliveryError:
    enhanced = _ENHANCED.match(answer)
    numbers = f"{code} {enhanced[0].decode()}" if enhanced else str(code)
    kind: type[DeliveryError] = PermanentDeliveryError if code >= _PERMANENT else TemporaryDeliveryError
    if code in _ACCOUNT or (enhanced and enhanced[0] == _QUOTA):
        kind = AccountDeliveryError
    return kind(f"the server refused {what} ({numbers})")


def _bytes(answer: bytes | str) -> bytes:
    return answer.encode() if isinstance(answer, str) else answer


def _login(username: str | None, password: Secret | str | None, *, in_clear: bool) -> tuple[str, Secret] | None:
    if username is None and password is None:
        return None
    if username is None or password is None:
        _misconfigured("username and password come together")
    secret = password if isinstance(password, Secret) else Secret(password)
    if not (username.isascii() and secret.reveal().isascii()):
        _misconfigured("username and password must be ASCII")
    if in_clear:
        _misconfigured("username and password need security='starttls' or 'tls'")
    return username, secret


def _read_url(url: str) -> dict[str, Any]:
    try:
        parts = urlsplit(url)
        options = dict(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query)))
        port = parts.port
        timeout = {"timeout": float(options.pop("timeout"))} if "timeout" in options else {}
    except ValueError:
        _misconfigured("the URL of the mail server cannot be read")
    security = options.pop("security", "tls" if parts.scheme == "smtps" else "starttls")
    if options or parts.username == "" or parts.path.strip("/") or (parts.scheme == "smtps" and security != "tls"):
        _misconfigured("the URL of the mail server is smtp[s]://user:password@host:port?security=…&timeout=…")
    login = {"username": parts.username, "password": parts.password}
    given = {name: unquote(value) for name, value in login.items() if value is not None}
    return {"host": parts.hostname or "", "port": port, "security": security, **given, **timeout}


def _misconfigured(message: str) -> NoReturn:
    raise ConfigurationError(message)
