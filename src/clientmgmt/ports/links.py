"""The link port: signed tokens that name a purpose and a subject, so that nothing secret is stored."""

from __future__ import annotations

from typing import Protocol
from uuid import UUID

import attrs

from clientmgmt.domain.secret import Secret

__all__ = ["LinkClaims", "LinkSigner"]


@attrs.frozen(kw_only=True)
class LinkClaims:
    """What a token says: for which purpose, in which tenant, about what, and which serial of it.

    The signature covers all four. ``serial`` tells apart tokens for one subject: an epoch, for instance.
    """

    purpose: str
    tenant: str
    subject: UUID
    serial: int = 0


class LinkSigner(Protocol):
    """Signs and checks tokens. A token carries at least 128 bits that cannot be guessed and is safe in a URL."""

    @property
    def key_id(self) -> str:
        """The name of the key that signs now."""

    @property
    def key_ids(self) -> frozenset[str]:
        """The names of all keys whose signatures are taken."""

    def sign(self, claims: LinkClaims, *, key_id: str) -> Secret:
        """The token for ``claims``: the same for the same key. ``LookupError`` if the key is gone."""

    def verify(self, token: str, *, purpose: str, tenant: str) -> LinkClaims | None:
        """What the token says, or ``None`` for anything but a token of ours for this purpose and tenant.

        Whether it still counts is not known here: expiry, use and revocation stand in storage.
        """
