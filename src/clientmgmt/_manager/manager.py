"""The manager: wires the ports together, opens workspaces and entrances, and sends what the outbox holds."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from types import TracebackType
from typing import Literal, Self

import attrs

from clientmgmt._manager.calls import Calls, Stores
from clientmgmt._manager.driver import AnyStorage
from clientmgmt._manager.entrance import Entrance
from clientmgmt._manager.feed import Feed
from clientmgmt._manager.workspace import Workspace
from clientmgmt._usecases.delivery import deliver
from clientmgmt._usecases.desk import Desk
from clientmgmt._usecases.feed import reading
from clientmgmt._usecases.health import check, close, upgrade
from clientmgmt._usecases.upkeep import upkeep
from clientmgmt.domain.access import actor_violations
from clientmgmt.domain.actors import Actor, Stranger, System
from clientmgmt.domain.catalog import Catalog
from clientmgmt.domain.events import Event
from clientmgmt.domain.form import Form
from clientmgmt.domain.results import DeliveryReport, Note, UpkeepReport
from clientmgmt.domain.settings import Settings
from clientmgmt.errors import refuse
from clientmgmt.ports.notifier import Notifier
from clientmgmt.ports.passwords import PasswordHasher
from clientmgmt.ports.sessions import Sessions
from clientmgmt.ports.storage import Storage
from clientmgmt.ports.system import Clock, IdSource
from clientmgmt.ports.throttle import Throttle

__all__ = ["ClientManager"]


class ClientManager:
    """The wiring of an application: made once, shared by threads, closed at the end.

    Args:
        storage: a :class:`~clientmgmt.ports.Storage`, or a URL: ``memory:``, ``sqlite:///clients.db``,
            ``postgresql+psycopg://…``, or one whose scheme an installed plug-in has registered
            (:mod:`clientmgmt.adapters.plugins`). What is opened from a URL is closed by :meth:`close`.
        secret_keys: keys from :func:`~clientmgmt.generate_key` that sign links, the newest first; older ones still
            verify. Required unless the storage forgets everything when the process ends.
        settings: what tenants want: one value for all, or a function from the tenant's name.
        catalog: the roles and permissions that there are; the shipped ones, unless :meth:`Catalog.extend
            <clientmgmt.Catalog.extend>` has added to them.
        notifier: who transports mail: a :class:`~clientmgmt.ports.Notifier`, or a URL: ``console:``,
            ``smtp://user:password@host``, ``smtps://…``, or one of a plug-in; :meth:`deliver` needs one.
        passwords: who hashes them; without one argon2id if the extra ``passwords`` is installed, else scrypt.
        clock: tells the time; the system's if none is given.
        ids: makes ids; UUIDs of version 7 if none is given.
        sessions: the application's own sessions, a :class:`~clientmgmt.ports.Sessions`: told after the commit when all
            those of a user end.
        throttle: counts what strangers try, a :class:`~clientmgmt.ports.Throttle`; without one the store does.
        on_commit: called after each commit with the events of that unit of work, in the same thread. To wake a
            worker, not for work that must not be lost; what it raises is logged, and the commit stands.

    Raises:
        ConfigurationError: a URL or a key is malformed, nobody knows the scheme of a URL, the keys are missing, or
            what was handed in is not what its port asks for.
        MissingExtraError: the storage needs an optional dependency that is not installed.

    >>> from clientmgmt import ClientManager, Staff
    >>> with ClientManager("memory:") as manager:
    ...     ws = manager.workspace("northwind", actor=Staff("ada", roles={"administrator"}))
    ...     ws.clients.add(name="Acme Retail", email="ap@acme.example").status.value
    'active'
    """

    def __init__(
        self,
        storage: AnyStorage,
        *,
        secret_keys: Sequence[str] = (),
        settings: Settings | Callable[[str], Settings] = Settings(),  # noqa: B008 - frozen
        catalog: Catalog = Catalog(),  # noqa: B008 - frozen
        notifier: Notifier | str | None = None,
        passwords: PasswordHasher | None = None,
        clock: Clock | None = None,
        ids: IdSource | None = None,
        sessions: Sessions | None = None,
        throttle: Throttle | None = None,
        on_commit: Callable[[Sequence[Event]], None] | None = None,
    ) -> None:
        from clientmgmt._wiring import open_storage, wire  # noqa: PLC0415 - loads adapters, only those that are used

        self._owns_storage = isinstance(storage, str)
        store = open_storage(storage)
        self._stores = Stores(store, store)
        self._wiring = wire(
            ephemeral=store.ephemeral,
            secret_keys=secret_keys,
            settings=settings,
            catalog=catalog,
            passwords=passwords,
            clock=clock,
            ids=ids,
            notifier=notifier,
            sessions=sessions,
            throttle=throttle,
            on_commit=on_commit,
        )

    def workspace(self, tenant: str, *, actor: Actor, storage: Storage | None = None) -> Workspace:
        """One tenant as ``actor`` sees it. Cheap and immutable: make one per request.

        Args:
            tenant: the host's own name for it, 1 to 64 printable ASCII characters without spaces; nothing is
                created.
            actor: who acts; the host vouches for it, every call asks what it may do.
            storage: the host's transaction, ``SQLStorage.joined(session)``: calls become a part of it and last if it
                is committed. A denial is audited on the manager's own storage, where that need not wait for the
                host's transaction. Without it, each call is a transaction of its own.

        Raises:
            InvalidInputError: the name of the tenant is malformed.
            UnknownNameError: a role that the actor carries does not exist.
        """
        refuse(actor_violations(actor, self._wiring.catalog))
        return Workspace(self._calls(tenant, actor, storage), actor)

    def entrance(self, tenant: str, *, origin: str, storage: Storage | None = None) -> Entrance:
        """What strangers may do in one tenant.

        Args:
            tenant: the host's own name for it.
            origin: what the host knows of them, such as their address: tries are counted by it, and the audit trail
                names it with every login. Behind a proxy, that of the client, not of the proxy.
            storage: the host's transaction, as for :meth:`workspace`; signing in is never a part of it.

        Raises:
            InvalidInputError: the name of the tenant, or the origin, is malformed.
        """
        return Entrance(self._calls(tenant, Stranger(origin), storage))

    def deliver(self, *, limit: int = 100, stop: Callable[[], bool] | None = None) -> DeliveryReport:
        """Send up to ``limit`` mails that are due; many workers may do so at once.

        Every tenant that has mail gets its turn. Each mail is looked at again just before it is sent. A mail is sent
        at least once: after a crash between sending and writing that down, it is sent again with the same id. What
        fails for now is tried again later, what fails for good is dead; its contact shows why.

        Once the notifier says that its account is refused, the round ends, no attempt is counted, and nothing is sent
        by this manager until ``suspended_until`` of the report; then one mail is tried before any others.

        Args:
            limit: how many mails at most.
            stop: asked before each mail; once it answers true, what was claimed is given back and the round ends.

        Raises:
            ConfigurationError: there is no notifier.
        """
        return self._own().run(deliver(self._wiring, limit=limit, stop=stop))

    def feed(
        self,
        consumer: str,
        *,
        types: Collection[type[Event]] | None = None,
        start: Literal["beginning", "now"] = "beginning",
    ) -> Feed:
        """Every event of every tenant, for one reader.

        Args:
            consumer: the reader's name, 1 to 64 characters; how far it is, is stored under it.
            types: only events of these kinds, one at least; let a reader ask for the same ones always.
            start: where a reader begins who has read nothing yet: at the oldest event that is kept
                (``Rules.retention.feed``), or at the moment of its first reading.

        Raises:
            InvalidInputError: the name, a kind or the start is malformed.
        """
        return Feed(self._own(), reading(self._wiring, consumer, types, start))

    def upkeep(self, *, only: Collection[str] | None = None, tenants: Collection[str] | None = None) -> UpkeepReport:
        """Remove what was kept for long enough (``Rules.retention``), and more; run it once a day. Again does no harm.

        Args:
            only: the jobs to do: ``idempotency_keys``, ``links``, ``deliveries``, ``logins``, ``sessions`` that are
                over, ``attempts`` of strangers that count no more, ``feed``, and ``mail``, which makes mail due that a
                clock that was ahead has put off too far.
            tenants: only these tenants.

        Raises:
            InvalidInputError: there is no such job, or the name of a tenant is malformed.
        """
        return self._own().run(upkeep(self._wiring, only=only, tenants=tenants))

    def upgrade(self) -> tuple[str, ...]:
        """Bring the store's schema to this release and answer what was done; nothing if it is current.

        Raises:
            SchemaError: the schema is newer than this release.
        """
        return self._own().run(upgrade())

    def check(self) -> tuple[Note, ...]:
        """What is wrong with the installation: schema, database, links whose key was removed."""
        return self._own().run(check(self._wiring))

    def close(self) -> None:
        """Close what this manager opened itself."""
        if self._owns_storage:
            self._own().run(close())

    def _own(self) -> Calls:
        """For what no tenant asks for."""
        return Calls(Desk(self._wiring, "", System("manager")), self._stores)

    def _calls(self, tenant: object, actor: Actor | Stranger, storage: Storage | None) -> Calls:
        stores = self._stores if storage is None else attrs.evolve(self._stores, storage=storage)
        return Calls(Desk(self._wiring, _tenant(tenant), actor, stores.joined), stores)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def _tenant(name: object) -> str:
    form = Form()
    checked = form.tenant("tenant", name)
    form.check()
    return checked
