"""Links signed with HMAC-SHA256, under keys that can be rotated."""

from __future__ import annotations

import base64
import hmac
import re
import struct
from collections.abc import Mapping, Sequence
from typing import NoReturn
from uuid import UUID

from clientmgmt.domain.secret import Secret
from clientmgmt.errors import ConfigurationError
from clientmgmt.ports.links import LinkClaims

__all__ = ["HmacLinkSigner"]

_VERSION = 1
_BODY = struct.Struct(">B4s16sI")
_MAC_SIZE = 20
# 45 bytes are 60 characters without a spare bit: no token has a second spelling that this pattern takes.
_TOKEN_SIZE = (_BODY.size + _MAC_SIZE) * 4 // 3
_TOKEN = re.compile(rf"[A-Za-z0-9_-]{{{_TOKEN_SIZE}}}")
_KEY = re.compile(r"cmk1_(?P<id>[0-9a-f]{8})_(?P<secret>[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048])")
_DERIVATION = b"clientmgmt link key 1"


class HmacLinkSigner:
    """Signs with the first of ``keys`` and takes the signatures of all; each comes from ``generate_key()``.

    A token is 60 URL-safe characters: version, key id, subject, serial and 160 bits of the signature. Purpose
    and tenant are signed with them and must be known to whoever verifies.

    Raises:
        ConfigurationError: there is no key, one is malformed, or two have the same id.

    >>> signer = HmacLinkSigner(["cmk1_0000000a_" + "A" * 43])
    >>> claims = LinkClaims(purpose="invite", tenant="acme", subject=UUID(int=5))
    >>> token = signer.sign(claims, key_id=signer.key_id).reveal()
    >>> signer.verify(token, purpose="invite", tenant="acme") == claims
    True
    >>> signer.verify(token, purpose="invite", tenant="other") is None
    True
    """

    __slots__ = ("_first", "_keys")

    def __init__(self, keys: Sequence[str]) -> None:
        self._keys = _read(keys)
        self._first = next(iter(self._keys))

    @property
    def key_id(self) -> str:
        """The name of the key that signs now."""
        return self._first

    @property
    def key_ids(self) -> frozenset[str]:
        """The names of all keys whose signatures are taken."""
        return frozenset(self._keys)

    def sign(self, claims: LinkClaims, *, key_id: str) -> Secret:
        """The token for ``claims``: the same for the same key.

        Raises:
            LookupError: there is no key ``key_id`` (any more).
            ValueError: ``claims.serial`` is negative or has more than 32 bits.
        """
        key = self._keys[key_id]
        try:
            body = _BODY.pack(_VERSION, bytes.fromhex(key_id), claims.subject.bytes, claims.serial)
        except struct.error:
            message = "a serial has 32 bits and no sign"
            raise ValueError(message) from None
        return Secret(base64.urlsafe_b64encode(body + _mac(key, body, claims.purpose, claims.tenant)).decode())

    def verify(self, token: str, *, purpose: str, tenant: str) -> LinkClaims | None:
        """What the token says, or ``None`` for anything but a token of ours for this purpose and tenant."""
        raw = _decoded(token)
        if raw is None:
            return None
        body, mac = raw[: _BODY.size], raw[_BODY.size :]
        version, key_id, subject, serial = _BODY.unpack(body)
        key = self._keys.get(key_id.hex())
        if version != _VERSION or key is None or not hmac.compare_digest(mac, _mac(key, body, purpose, tenant)):
            return None
        return LinkClaims(purpose=purpose, tenant=tenant, subject=UUID(bytes=subject), serial=serial)

    def __repr__(self) -> str:
        return f"HmacLinkSigner(key_ids={list(self._keys)})"

    def __reduce__(self) -> NoReturn:
        message = "keys are not pickled"
        raise TypeError(message)


def _read(keys: Sequence[object]) -> Mapping[str, bytes]:
    if isinstance(keys, str) or not keys:
        message = "secret_keys must be a list of at least one key from generate_key()"
        raise ConfigurationError(message)
    derived: dict[str, bytes] = {}
    for number, key in enumerate(keys):
        found = _KEY.fullmatch(key) if isinstance(key, str) else None
        if found is None:
            message = f"secret_keys[{number}] is not a key from generate_key()"
            raise ConfigurationError(message)
        if found["id"] in derived:
            message = f"secret_keys[{number}] has the id {found['id']} of a key before it"
            raise ConfigurationError(message)
        secret = base64.urlsafe_b64decode(found["secret"] + "=")
        derived[found["id"]] = hmac.digest(secret, _DERIVATION, "sha256")
    return derived


def _decoded(token: object) -> bytes | None:
    """The bytes of a token of the right size and alphabet; the size is looked at first."""
    if not isinstance(token, str) or len(token) != _TOKEN_SIZE or _TOKEN.fullmatch(token) is None:
        return None
    return base64.urlsafe_b64decode(token)


def _mac(key: bytes, body: bytes, purpose: str, tenant: str) -> bytes:
    parts = [part.encode("utf-8", "surrogatepass") for part in (purpose, tenant)]
    named = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
    return hmac.digest(key, named + body, "sha256")[:_MAC_SIZE]
