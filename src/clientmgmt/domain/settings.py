"""What may differ from tenant to tenant: sender, brand, link templates, rules."""

from __future__ import annotations

import string
from typing import NoReturn
from urllib.parse import quote, urlsplit

import attrs

from clientmgmt.domain.mail import Mailbox
from clientmgmt.domain.rules import Rules
from clientmgmt.domain.secret import Secret
from clientmgmt.errors import ConfigurationError

__all__ = ["Brand", "Links", "Settings"]

_PLACEHOLDERS = frozenset({"token", "tenant", "client_id"})
_LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})


def _refuse(message: str) -> NoReturn:
    raise ConfigurationError(message)


def _check_template(_: object, attribute: attrs.Attribute[str | None], template: str | None) -> None:
    if template is None:
        return
    try:
        names = {name for _, name, _, _ in string.Formatter().parse(template) if name is not None}
        url = urlsplit(template)
    except ValueError:
        _refuse(f"links.{attribute.name} is not a URL template")
    if unknown := names - _PLACEHOLDERS:
        _refuse(f"links.{attribute.name} has unknown placeholders: {', '.join(sorted(unknown))}")
    if "token" not in names:
        _refuse(f"links.{attribute.name} must contain {{token}}")
    if url.hostname is None or not (url.scheme == "https" or (url.scheme == "http" and url.hostname in _LOCAL)):
        _refuse(f"links.{attribute.name} must start with https:// (http:// only for localhost)")
    if "{" in url.netloc:
        _refuse(f"links.{attribute.name} must not have a placeholder in its host")


@attrs.frozen(kw_only=True)
class Links:
    """One URL template per purpose, with ``{token}`` and, if wanted, ``{tenant}`` and ``{client_id}``.

    Checked when it is made (:class:`~clientmgmt.errors.ConfigurationError`): https, or http on localhost. There
    is no default: a command that would send a link without a template is refused before anything is written.

    >>> Links(invite="https://portal.example.com/accept?t={token}").invite
    'https://portal.example.com/accept?t={token}'
    """

    invite: str | None = attrs.field(default=None, validator=_check_template)

    def url(self, purpose: str, *, token: Secret, tenant: str, client_id: str) -> Secret:
        """The link that carries ``token``; :meth:`require` has looked for the template before."""
        template: str = getattr(self, purpose)
        return Secret(template.format(token=token.reveal(), tenant=quote(tenant, safe=""), client_id=client_id))

    def require(self, purpose: str) -> None:
        """Raise :class:`~clientmgmt.errors.ConfigurationError` if there is no template for ``purpose``."""
        if getattr(self, purpose) is None:
            _refuse(f"no link template: pass Settings(links=Links({purpose}='https://…?t={{token}}'))")


@attrs.frozen(kw_only=True)
class Brand:
    """How the tenant is called in its mails; ``None``: the sender's name."""

    name: str | None = None


def _mailbox(text: str | Mailbox | None) -> Mailbox | None:
    return Mailbox.parse(text, field="sender") if isinstance(text, str) else text


@attrs.frozen(kw_only=True)
class Settings:
    """What one tenant wants. ``sender`` and ``reply_to`` are written ``Name <address>``.

    Without a ``sender`` no mail can be sent: commands that would send one are refused.
    """

    sender: Mailbox | None = attrs.field(default=None, converter=_mailbox)
    reply_to: Mailbox | None = attrs.field(default=None, converter=_mailbox)
    brand: Brand = Brand()
    links: Links = Links()
    rules: Rules = Rules()

    @property
    def brand_name(self) -> str:
        """What mails call the tenant."""
        sender = self.require_sender()
        return self.brand.name or sender.name or sender.email

    def require_sender(self) -> Mailbox:
        """The sender, or :class:`~clientmgmt.errors.ConfigurationError` if there is none."""
        if self.sender is None:
            _refuse("no sender: pass Settings(sender='Name <address>')")
        return self.sender
