"""Whether an installation can do its work, and how its store is made ready and given back."""

from __future__ import annotations

from typing import Any

from clientmgmt._usecases.desk import Desk
from clientmgmt._usecases.steps import Ask, Steps, in_unit, tenants_of
from clientmgmt._usecases.work import Wiring, Work
from clientmgmt.domain.actors import System
from clientmgmt.domain.results import Note
from clientmgmt.domain.states import InvitationState
from clientmgmt.errors import ConfigurationError, StorageError
from clientmgmt.ports.collections import ACCOUNT_LINKS, INVITATIONS, AccountLinks, Invitations
from clientmgmt.ports.shape import missing_from
from clientmgmt.ports.storage import UnitOfWork

__all__ = ["check", "close", "upgrade"]


_ANY_TENANT = "check"
_LINKS: tuple[tuple[Invitations | AccountLinks, str], ...] = (
    (INVITATIONS, "invitations"),
    (ACCOUNT_LINKS, "links about accounts"),
)

_UNUSABLE = frozenset({"wrong_schema", "table_missing", "unreachable"})
"""Codes of notes about stores that must not be asked for anything."""


def check(wiring: Wiring) -> Steps[tuple[Note, ...]]:
    """What is wrong: with the store and, if it can be asked, with links that no key can sign any more."""
    notes: tuple[Note, ...] = yield Ask(lambda storage: storage.check())
    if any(note.code in _UNUSABLE for note in notes):
        return notes
    try:
        found = (yield from _missing_verbs()) or (yield from _removed_keys(wiring))
    except (ConfigurationError, StorageError):
        if notes:
            return notes
        raise
    return (*notes, *found)


def upgrade() -> Steps[tuple[str, ...]]:
    """Bring the store's schema to this release; what was done."""
    done: tuple[str, ...] = yield Ask(lambda storage: storage.upgrade())
    return done


def close() -> Steps[None]:
    """Give back what the store opened itself."""
    yield Ask(lambda storage: storage.close())


def _missing_verbs() -> Steps[list[Note]]:
    missing = yield from in_unit(_ANY_TENANT, lambda uow: missing_from(uow, UnitOfWork), read_only=True)
    return [Note("verbs_missing", f"the units of work of this store have no {', '.join(missing)}")] if missing else []


def _removed_keys(wiring: Wiring) -> Steps[list[Note]]:
    notes = []
    for links, what in _LINKS:
        for tenant in (yield from tenants_of(links)):
            dead = yield from Desk(wiring, tenant, System("check")).read(_unsigned, links)
            if dead:
                message = f"{dead} open {what} of {tenant} were signed by a key that is gone; send them again"
                notes.append(Note("removed_key", message))
    return notes


def _unsigned(work: Work, links: Any) -> int:  # noqa: ANN401 - a collection of links of either kind
    living = links.state.eq(InvitationState.OPEN), links.expires_at.gt(work.now)
    signed = links.key_id.in_(work.wiring.signer.key_ids)
    found: int = work.uow.count(links, *living) - work.uow.count(links, *living, signed)
    return found
