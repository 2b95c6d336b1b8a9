"""Ports and adapters put together: what a manager was given, and the defaults for the rest."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from importlib.util import find_spec
from typing import cast

from clientmgmt._usecases.work import Wiring
from clientmgmt.adapters.links import HmacLinkSigner
from clientmgmt.adapters.schemes import HasherChain
from clientmgmt.adapters.scrypt import ScryptHasher
from clientmgmt.adapters.system import SystemClock, Uuid7Source, generate_key
from clientmgmt.adapters.wordlist import is_common_password
from clientmgmt.domain.events import Event
from clientmgmt.domain.settings import Settings
from clientmgmt.ports.notifier import Notifier
from clientmgmt.ports.passwords import PasswordHasher
from clientmgmt.ports.storage import AsyncStorage, Storage
from clientmgmt.ports.system import Clock, IdSource

_ASYNC = ("postgres:", "postgresql:", "postgresql+", "sqlite+aiosqlite:")
"""URLs of databases with a driver for event loops."""

__all__ = ["open_storage", "wire"]


def wire(
    *,
    ephemeral: bool,
    secret_keys: Sequence[str],
    settings: Settings | Callable[[str], Settings],
    passwords: PasswordHasher | None,
    clock: Clock | None,
    ids: IdSource | None,
    notifier: Notifier | None,
    on_commit: Callable[[Sequence[Event]], None] | None,
) -> Wiring:
    """Everything that use cases ask for; see :class:`~clientmgmt.ClientManager` for the arguments and errors."""
    hasher = passwords or _best_hasher()
    return Wiring(
        clock=clock or SystemClock(),
        ids=ids or Uuid7Source(),
        signer=HmacLinkSigner(_keys(secret_keys, ephemeral=ephemeral)),
        passwords=hasher,
        decoy=cache(lambda: hasher.hash(generate_key())),
        is_common_password=is_common_password,
        settings=settings if callable(settings) else lambda _: settings,
        notifier=notifier,
        on_commit=on_commit,
    )


def open_storage(storage: Storage | str) -> Storage:
    """The store that a URL names; one that is there already is taken as it is."""
    if not isinstance(storage, str):
        return storage
    if storage == "memory:":
        from clientmgmt.adapters.memory import InMemoryStorage  # noqa: PLC0415 - only where it is used

        return InMemoryStorage()
    from clientmgmt.adapters.sqlalchemy import SQLStorage  # noqa: PLC0415 - loads SQLAlchemy

    return SQLStorage(storage)


def open_async_storage(storage: AsyncStorage | Storage | str) -> AsyncStorage:
    """The asynchronous store that a URL names; a synchronous one does its work in threads."""
    if isinstance(storage, str) and storage.startswith(_ASYNC):
        from clientmgmt.adapters.sqlalchemy.aio import AsyncSQLStorage  # noqa: PLC0415 - loads SQLAlchemy

        return AsyncSQLStorage(storage)
    opened = open_storage(storage) if isinstance(storage, str) else storage
    if hasattr(opened, "run"):
        return cast("AsyncStorage", opened)
    from clientmgmt.adapters.threads import ThreadedStorage  # noqa: PLC0415 - loads asyncio

    return ThreadedStorage(opened)


def _best_hasher() -> PasswordHasher:
    if find_spec("argon2") is None:
        return HasherChain(ScryptHasher())
    from clientmgmt.adapters.argon2 import Argon2Hasher  # noqa: PLC0415 - an optional dependency

    return HasherChain(Argon2Hasher(), ScryptHasher())


def _keys(secret_keys: Sequence[str], *, ephemeral: bool) -> Sequence[str]:
    if secret_keys or not ephemeral:
        return secret_keys
    return [generate_key()]
