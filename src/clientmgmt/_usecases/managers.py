"""Who of the staff looks after whom."""

from __future__ import annotations

from typing import overload
from uuid import UUID

import attrs

from clientmgmt._usecases.authorize import authorize
from clientmgmt._usecases.loading import load_client, load_staff
from clientmgmt._usecases.paging import find_page
from clientmgmt._usecases.reach import within_reach
from clientmgmt._usecases.work import Work
from clientmgmt.domain.client import Client
from clientmgmt.domain.ids import ClientId, UserId
from clientmgmt.domain.managers import AccountManager, Care, assigned, exchanged, ineligible, is_eligible, removed
from clientmgmt.domain.people import User, UserKind
from clientmgmt.domain.results import Page
from clientmgmt.errors import NotFoundError, refusal
from clientmgmt.ports.collections import CLIENTS, MANAGED_CLIENTS, MANAGERS, USERS

__all__ = [
    "add_manager",
    "assignable_managers",
    "list_managed",
    "list_managers",
    "manager_choices",
    "remove_manager",
    "set_primary_manager",
]


_UNFIT = "must be active staff with a role that may manage clients"


def add_manager(work: Work, client_id: ClientId, user_id: UserId) -> AccountManager:
    """Have a staff user look after a client. The lock of the client orders everybody who changes its managers."""
    client = load_client(work, client_id, "managers.add", lock=True)
    user = load_staff(work, user_id)
    known = _care(work, client.id, user.id)
    if known is not None:
        return AccountManager.of(known, user, work.catalog)
    if not is_eligible(user, work.catalog):
        raise refusal([ineligible(_UNFIT)])
    care, fact = assigned(client.id, user, work.stamp())
    work.uow.add(MANAGERS, care)
    work.record(fact)
    return AccountManager.of(care, user, work.catalog)


def remove_manager(work: Work, client_id: ClientId, user_id: UserId) -> None:
    """End it. The user stays; who was primary leaves the client without a primary manager."""
    client = load_client(work, client_id, "managers.remove", lock=True)
    user = load_staff(work, user_id)
    care = _care(work, client.id, user.id)
    if care is None:
        raise NotFoundError("manager")
    work.uow.remove(MANAGERS, care.id)
    work.record(removed(care, user, work.stamp()))


def list_managers(work: Work, client_id: ClientId) -> tuple[AccountManager, ...]:
    """Those of a client: the primary one first, then by name."""
    client = load_client(work, client_id, "managers.list")
    pairs = _pairs(work, client.id)
    return tuple(AccountManager.of(care, user, work.catalog) for care, user in pairs)


def set_primary_manager(work: Work, client_id: ClientId, user_id: UserId | None) -> AccountManager | None:
    """Make one of a client's managers the primary one, or none."""
    client = load_client(work, client_id, "managers.set_primary", lock=True)
    if user_id is None:
        _exchange(work, client.id, None)
        return None
    user = load_staff(work, user_id)
    chosen = _exchange(work, client.id, _chosen(work, client.id, user))
    return AccountManager.of(chosen, user, work.catalog)


def list_managed(work: Work, user_id: UserId, *, limit: int, cursor: str | None) -> Page[Client]:
    """A page of the clients that a staff user looks after, in the order of their names."""
    authorize(work, "managers.clients_of")
    user = load_staff(work, user_id)
    where, order = (MANAGERS.user_id.eq(user.id), *within_reach(work, MANAGERS.client_id)), CLIENTS.name_key.asc()
    rows, following = find_page(work, MANAGED_CLIENTS, *where, order=order, limit=limit, cursor=cursor)
    return Page(tuple(client for _, client in rows), following)


def manager_choices(work: Work, client_id: ClientId) -> tuple[User, ...]:
    """The staff users who could look after a client and do not yet, by name."""
    client = load_client(work, client_id, "managers.choices")
    taken = {care.user_id for care in work.uow.find(MANAGERS, MANAGERS.client_id.eq(client.id))}
    staff = work.uow.find(USERS, USERS.kind.eq(UserKind.STAFF), USERS.deactivated_at.eq(None))
    able = (user for user in staff if user.id not in taken and is_eligible(user, work.catalog))
    return tuple(sorted(able, key=_by_name))


def assignable_managers(work: Work, client_id: ClientId) -> tuple[User, ...]:
    """The managers of a client to whom something about it can be routed: the primary one first, then by name."""
    client = load_client(work, client_id, "managers.assignable")
    return tuple(user for _, user in _pairs(work, client.id) if is_eligible(user, work.catalog))


def _care(work: Work, client_id: ClientId, user_id: UserId) -> Care | None:
    found = work.uow.find(MANAGERS, MANAGERS.client_id.eq(client_id), MANAGERS.user_id.eq(user_id))
    return next(iter(found), None)


def _chosen(work: Work, client_id: ClientId, user: User) -> Care:
    care = _care(work, client_id, user.id)
    if care is None:
        raise refusal([ineligible("must be an account manager of this client")])
    if not is_eligible(user, work.catalog):
        raise refusal([ineligible(_UNFIT)])
    return care


@overload
def _exchange(work: Work, client_id: ClientId, chosen: Care) -> Care: ...
@overload
def _exchange(work: Work, client_id: ClientId, chosen: None) -> None: ...
def _exchange(work: Work, client_id: ClientId, chosen: Care | None) -> Care | None:
    """Who was primary gives the key up before ``chosen`` takes it; nothing is written if that is the same one."""
    before = next(iter(work.uow.find(MANAGERS, MANAGERS.primary_for.eq(client_id))), None)
    if _id_of(before) == _id_of(chosen):
        return chosen
    if before is not None:
        work.uow.save(MANAGERS, attrs.evolve(before, primary_for=None))
    if chosen is not None:
        chosen = work.uow.save(MANAGERS, attrs.evolve(chosen, primary_for=client_id))
    work.record(exchanged(client_id, before, chosen, work.stamp()))
    return chosen


def _id_of(care: Care | None) -> UUID | None:
    return None if care is None else care.id


def _pairs(work: Work, client_id: ClientId) -> list[tuple[Care, User]]:
    cares = work.uow.find(MANAGERS, MANAGERS.client_id.eq(client_id))
    users = work.uow.get_many(USERS, [care.user_id for care in cares])
    pairs = [(care, users[care.user_id]) for care in cares]
    return sorted(pairs, key=lambda pair: (pair[0].primary_for is None, *_by_name(pair[1])))


def _by_name(user: User) -> tuple[str, UserId]:
    return user.name_key, user.id
