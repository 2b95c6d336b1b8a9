"""Whether an installation can do its work."""

from __future__ import annotations

from collections.abc import Iterator

from clientmgmt._usecases.desk import Desk
from clientmgmt._usecases.work import Wiring, Work
from clientmgmt.domain.actors import System
from clientmgmt.domain.results import Note
from clientmgmt.domain.states import InvitationState
from clientmgmt.errors import ConfigurationError, StorageError
from clientmgmt.ports.collections import INVITATIONS
from clientmgmt.ports.shape import missing_from
from clientmgmt.ports.storage import UnitOfWork

__all__ = ["check"]


_UNUSABLE = frozenset({"wrong_schema", "table_missing", "unreachable"})
"""Codes of notes about stores that must not be asked for anything."""


def check(wiring: Wiring) -> tuple[Note, ...]:
    """What is wrong: with the store and, if it can be asked, with links that no key can sign any more."""
    notes = wiring.storage.check()
    if any(note.code in _UNUSABLE for note in notes):
        return notes
    try:
        return (*notes, *(tuple(_missing_verbs(wiring)) or _removed_keys(wiring)))
    except (ConfigurationError, StorageError):
        if notes:
            return notes
        raise


def _missing_verbs(wiring: Wiring) -> Iterator[Note]:
    with wiring.storage.unit_of_work("check", read_only=True) as uow:
        if missing := missing_from(uow, UnitOfWork):
            yield Note("verbs_missing", f"the units of work of this store have no {', '.join(missing)}")


def _removed_keys(wiring: Wiring) -> Iterator[Note]:
    tenant = ""
    while tenants := wiring.storage.tenants(INVITATIONS, after=tenant):
        for tenant in tenants:
            dead = Desk(wiring, tenant, System("check")).read(_unsigned)
            if dead:
                message = f"{dead} open invitations of {tenant} were signed by a key that is gone; send them again"
                yield Note("removed_key", message)


def _unsigned(work: Work) -> int:
    living = INVITATIONS.state.eq(InvitationState.OPEN), INVITATIONS.expires_at.gt(work.now)
    signed = INVITATIONS.key_id.in_(work.wiring.signer.key_ids)
    return work.uow.count(INVITATIONS, *living) - work.uow.count(INVITATIONS, *living, signed)
