"""What may differ from tenant to tenant: sender, brand, link templates, rules."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import NoReturn

import attrs

from clientmgmt.domain.mail import Mailbox
from clientmgmt.domain.rules import Rules
from clientmgmt.domain.secret import Secret
from clientmgmt.domain.value import Value
from clientmgmt.errors import ConfigurationError

__all__ = ["Brand", "Links", "Settings", "StaffReach"]

_PLACEHOLDERS = frozenset({"token", "tenant"})
_OF_A_CLIENT = frozenset({"invite"})
"""Purposes of links that belong to one client, which their templates may name."""
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_BASE = re.compile(r"(?:https://[^/?#{}\[\]\s]+|http://(?:localhost|127\.0\.0\.1|\[::1\])(?::\d+)?)(?:[/?#]\S*)?")
_UNRESERVED = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~")


def _refuse(message: str) -> NoReturn:
    raise ConfigurationError(message)


def _check_template(purpose: str, template: str) -> None:
    names = set(_PLACEHOLDER.findall(template))
    known = _PLACEHOLDERS | ({"client_id"} if purpose in _OF_A_CLIENT else frozenset())
    if unknown := names - known:
        _refuse(f"links.{purpose} has unknown placeholders: {', '.join(sorted(unknown))}")
    if "token" not in names:
        _refuse(f"links.{purpose} must contain {{token}}")
    if _BASE.fullmatch(template) is None:
        _refuse(f"links.{purpose} must be a URL with https:// (http:// only for localhost) and a fixed host")


@attrs.frozen(kw_only=True, repr=False, eq=False)
class Links(Value):
    """One URL template per purpose, with ``{token}`` and, if wanted, ``{tenant}``; ``invite`` also ``{client_id}``.

    ``reset`` leads to where a user chooses another password, ``email`` to where it confirms a new address.

    Checked when it is made (:class:`~clientmgmt.errors.ConfigurationError`): https, or http on localhost. There
    is no default: a command that would send a link without a template is refused before anything is written.

    >>> Links(invite="https://portal.example.com/accept?t={token}").invite
    'https://portal.example.com/accept?t={token}'
    """

    invite: str | None = None
    reset: str | None = None
    email: str | None = None

    def __attrs_post_init__(self) -> None:
        for field in attrs.fields(Links):
            if (template := getattr(self, field.name)) is not None:
                _check_template(field.name, template)

    def url(self, purpose: str, *, token: Secret, tenant: str, client_id: str = "") -> Secret:
        """The link that carries ``token``; :meth:`require` has looked for the template before."""
        template: str = getattr(self, purpose)
        values = {"token": token.reveal(), "tenant": _quoted(tenant), "client_id": client_id}
        return Secret(_PLACEHOLDER.sub(lambda found: values[found[1]], template))

    def require(self, purpose: str) -> None:
        """Raise :class:`~clientmgmt.errors.ConfigurationError` if there is no template for ``purpose``."""
        if getattr(self, purpose) is None:
            _refuse(f"no link template: pass Settings(links=Links({purpose}='https://…?t={{token}}'))")


@attrs.frozen(kw_only=True, repr=False, eq=False)
class Brand(Value):
    """How the tenant is called in its mails; ``None``: the sender's name."""

    name: str | None = None


class StaffReach(StrEnum):
    """Which clients staff reaches: all of the tenant's, or those that it is assigned to and those that it has added."""

    EVERYTHING = "everything"
    ASSIGNED = "assigned"


def _quoted(text: str) -> str:
    return "".join(letter if letter in _UNRESERVED else f"%{ord(letter):02X}" for letter in text)


def _mailbox(text: str | Mailbox | None) -> Mailbox | None:
    return Mailbox.parse(text, field="sender") if isinstance(text, str) else text


def _reach(text: str) -> StaffReach:
    try:
        return StaffReach(text)
    except ValueError:
        _refuse(f"staff_reach must be one of {', '.join(StaffReach)}")


@attrs.frozen(kw_only=True, repr=False, eq=False)
class Settings(Value):
    """What one tenant wants. ``sender`` and ``reply_to`` are written ``Name <address>``.

    Without a ``sender`` no mail can be sent: commands that would send one are refused. With the ``staff_reach``
    ``"assigned"``, staff reaches the clients that it manages and those that it has added; any other is not there for
    it, unless its roles give ``users.staff``. Usually it reaches ``"everything"``.
    """

    sender: Mailbox | None = attrs.field(default=None, converter=_mailbox)
    reply_to: Mailbox | None = attrs.field(default=None, converter=_mailbox)
    brand: Brand = Brand()
    links: Links = Links()
    rules: Rules = attrs.field(factory=Rules)
    staff_reach: StaffReach = attrs.field(default=StaffReach.EVERYTHING, converter=_reach)

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
