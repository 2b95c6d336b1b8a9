"""What every use case is given: the unit of work it runs in, and who asks, when, under which settings."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime

import attrs

from clientmgmt._usecases.circuit import Circuit
from clientmgmt.domain.actors import Actor, ClientUser, Stranger
from clientmgmt.domain.audit import AuditEntry
from clientmgmt.domain.catalog import Catalog
from clientmgmt.domain.events import Event, Stamp
from clientmgmt.domain.feed import NewEvent
from clientmgmt.domain.ids import ClientId
from clientmgmt.domain.rights import Standing
from clientmgmt.domain.settings import Settings
from clientmgmt.errors import ClientMgmtError
from clientmgmt.ports.collections import AUDIT, NEW_EVENTS
from clientmgmt.ports.links import LinkSigner
from clientmgmt.ports.notifier import Notifier
from clientmgmt.ports.passwords import PasswordHasher
from clientmgmt.ports.storage import UnitOfWork
from clientmgmt.ports.system import Clock, IdSource
from clientmgmt.ports.throttle import Throttle

__all__ = ["Recorded", "Wiring", "Work", "named"]


@attrs.frozen(kw_only=True, repr=False, eq=False)
class Wiring:
    """The ports that a manager was built with.

    ``settings`` answers for a tenant. ``decoy`` is a password hash that nothing matches: checked where there is no
    user, so that the refusal takes as long. ``throttle`` counts tries, else the store does. ``circuit`` says whether
    the notifier's account is accepted.
    """

    clock: Clock
    ids: IdSource
    signer: LinkSigner
    passwords: PasswordHasher
    decoy: Callable[[], str]
    is_common_password: Callable[[str], bool]
    settings: Callable[[str], Settings]
    notifier: Notifier | None
    on_commit: Callable[[Sequence[Event]], None] | None
    catalog: Catalog
    throttle: Throttle | None = None
    circuit: Circuit = attrs.field(factory=Circuit)


def named(actor: Actor | Stranger) -> tuple[str, str | None]:
    """Who acts, and on whose behalf if a staff user acts as a client's user."""
    if isinstance(actor, ClientUser) and actor.impersonated_by is not None:
        return str(actor.impersonated_by), str(actor)
    return str(actor), None


class Recorded(Exception):  # noqa: N818 - carries an error through the end of a unit, is none itself
    """Raised by a use case to refuse and still keep what it has written: the unit commits, then ``error`` is raised."""

    def __init__(self, error: ClientMgmtError) -> None:
        super().__init__(error.code)
        self.error = error


class Work:
    """One call in one unit of work. ``now`` was read once; events are written down when the use case is through."""

    __slots__ = ("_settings", "actor", "events", "now", "roles", "standings", "tenant", "uow", "wiring")

    def __init__(self, wiring: Wiring, uow: UnitOfWork, *, tenant: str, actor: Actor | Stranger) -> None:
        self.wiring = wiring
        self.uow = uow
        self.tenant = tenant
        self.actor = actor
        self.now: datetime = wiring.clock.now()
        self._settings: Settings | None = None
        self.events: list[Event] = []
        self.standings: Mapping[ClientId, Standing] | None = None
        """What the actor is for its clients, once that was asked: see :mod:`clientmgmt._usecases.standing`."""
        self.roles: Collection[str] | None = None
        """The stored roles of a staff actor, once that was asked: see :mod:`clientmgmt._usecases.reach`."""

    @property
    def catalog(self) -> Catalog:
        """The roles and permissions that there are."""
        return self.wiring.catalog

    @property
    def settings(self) -> Settings:
        """What the tenant wants; the host is asked once, and only if it matters."""
        if self._settings is None:
            self._settings = self.wiring.settings(self.tenant)
        return self._settings

    def stamp(self, actor: Actor | None = None) -> Stamp:
        """A new id, and where, when and by whom: what an event is made with.

        ``actor``: who it turned out to be that stands at the entrance.
        """
        who, on_behalf_of = named(actor or self.actor)
        return Stamp(self.wiring.ids.new(), self.tenant, self.now, who, on_behalf_of)

    def record(self, *events: Event) -> None:
        """Note what happened: for the audit trail, and for whoever listens after the commit."""
        self.events.extend(events)

    def write_down(self) -> None:
        """Write an audit entry for every event, and all of them for the feed: a statement each."""
        if self.events:
            self.uow.add(AUDIT, *map(AuditEntry.of, self.events))
            if self.settings.rules.retention.feed:
                self.uow.add(NEW_EVENTS, *map(NewEvent.of, self.events))
