"""Ports and adapters put together: what a manager was given, and the defaults for the rest."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from importlib.util import find_spec
from typing import cast

from clientmgmt._usecases.work import Wiring
from clientmgmt.adapters.links import HmacLinkSigner
from clientmgmt.adapters.plugins import NOTIFIERS, STORAGES, open_plugin, scheme_of
from clientmgmt.adapters.schemes import HasherChain
from clientmgmt.adapters.scrypt import ScryptHasher
from clientmgmt.adapters.system import SystemClock, Uuid7Source, generate_key
from clientmgmt.adapters.wordlist import is_common_password
from clientmgmt.domain.account_events import EmailChanged, PasswordChanged, UserDeactivated
from clientmgmt.domain.catalog import Catalog
from clientmgmt.domain.events import Event
from clientmgmt.domain.ids import UserId
from clientmgmt.domain.settings import Settings
from clientmgmt.ports.notifier import Notifier
from clientmgmt.ports.passwords import PasswordHasher
from clientmgmt.ports.sessions import Sessions
from clientmgmt.ports.shape import require_port
from clientmgmt.ports.storage import AsyncStorage, Storage
from clientmgmt.ports.system import Clock, IdSource
from clientmgmt.ports.throttle import Throttle

__all__ = ["open_async_storage", "open_storage", "wire"]

_ASYNC = ("postgres:", "postgresql:", "postgresql+", "sqlite+aiosqlite:")
"""URLs of databases with a driver for event loops."""

Listener = Callable[[Sequence[Event]], None]

_SQL = frozenset({"sqlite", "postgres", "postgresql"})
_SMTP = frozenset({"smtp", "smtps"})


def wire(
    *,
    ephemeral: bool,
    secret_keys: Sequence[str],
    settings: Settings | Callable[[str], Settings],
    catalog: Catalog,
    passwords: PasswordHasher | None,
    clock: Clock | None,
    ids: IdSource | None,
    notifier: Notifier | str | None,
    sessions: Sessions | None,
    throttle: Throttle | None,
    on_commit: Listener | None,
) -> Wiring:
    """Everything that use cases ask for; see :class:`~clientmgmt.ClientManager` for the arguments and errors."""
    hasher = _best_hasher() if passwords is None else require_port(passwords, PasswordHasher, name="passwords")
    sender = _connect(notifier) if isinstance(notifier, str) else notifier
    return Wiring(
        clock=SystemClock() if clock is None else require_port(clock, Clock, name="clock"),
        ids=Uuid7Source() if ids is None else require_port(ids, IdSource, name="ids"),
        signer=HmacLinkSigner(_keys(secret_keys, ephemeral=ephemeral)),
        passwords=hasher,
        decoy=cache(lambda: hasher.hash(generate_key())),
        is_common_password=is_common_password,
        settings=settings if callable(settings) else lambda _: settings,
        notifier=None if sender is None else require_port(sender, Notifier, name="notifier"),
        on_commit=_listener(sessions, on_commit),
        catalog=catalog,
        throttle=None if throttle is None else require_port(throttle, Throttle, name="throttle"),
    )


def _listener(sessions: Sessions | None, on_commit: Listener | None) -> Listener | None:
    """A listener that has sessions ended, and then tells the host's."""
    if sessions is None:
        return on_commit
    kept = require_port(sessions, Sessions, name="sessions")

    def told(events: Sequence[Event]) -> None:
        try:
            for event in events:
                if isinstance(event, UserDeactivated | PasswordChanged | EmailChanged):
                    kept.end(event.tenant, UserId(event.subject))
        finally:
            if on_commit is not None:
                on_commit(events)

    return told


def open_storage(storage: Storage | str) -> Storage:
    """The store that a URL names; one that is there already is taken as it is."""
    if not isinstance(storage, str):
        return require_port(storage, Storage, name="storage")
    if storage == "memory:":
        from clientmgmt.adapters.memory import InMemoryStorage  # noqa: PLC0415 - only where it is used

        return InMemoryStorage()
    scheme = scheme_of(storage)
    if scheme and scheme.partition("+")[0] not in _SQL:
        opened = open_plugin(STORAGES, storage, Storage, built_in="memory:, sqlite:///…, postgresql://…")
        return cast("Storage", opened)
    from clientmgmt.adapters.sqlalchemy import SQLStorage  # noqa: PLC0415 - loads SQLAlchemy

    return SQLStorage(storage)


def open_async_storage(storage: AsyncStorage | Storage | str) -> AsyncStorage:
    """The asynchronous store that a URL names; a synchronous one does its work in threads."""
    if isinstance(storage, str) and storage.startswith(_ASYNC):
        from clientmgmt.adapters.sqlalchemy.aio import AsyncSQLStorage  # noqa: PLC0415 - loads SQLAlchemy

        return AsyncSQLStorage(storage)
    if hasattr(storage, "run"):
        return require_port(cast("AsyncStorage", storage), AsyncStorage, name="storage")
    from clientmgmt.adapters.threads import ThreadedStorage  # noqa: PLC0415 - loads asyncio

    return ThreadedStorage(open_storage(storage))


def _connect(url: str) -> Notifier:
    if url == "console:":
        from clientmgmt.adapters.console import ConsoleNotifier  # noqa: PLC0415 - only where it is used

        return ConsoleNotifier()
    if scheme_of(url) in _SMTP:
        from clientmgmt.adapters.smtp import SmtpNotifier  # noqa: PLC0415 - loads smtplib

        return SmtpNotifier.from_url(url)
    return cast("Notifier", open_plugin(NOTIFIERS, url, Notifier, built_in="console:, smtp://…, smtps://…"))


def _best_hasher() -> PasswordHasher:
    if find_spec("argon2") is None:
        return HasherChain(ScryptHasher())
    from clientmgmt.adapters.argon2 import Argon2Hasher  # noqa: PLC0415 - an optional dependency

    return HasherChain(Argon2Hasher(), ScryptHasher())


def _keys(secret_keys: Sequence[str], *, ephemeral: bool) -> Sequence[str]:
    if secret_keys or not ephemeral:
        return secret_keys
    return [generate_key()]
