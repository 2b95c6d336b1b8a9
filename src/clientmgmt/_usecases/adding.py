"""Adding many contacts to one client: rows are checked, looked up and written some hundred at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from itertools import chain, count

from clientmgmt._usecases.batches import Cells, batches
from clientmgmt._usecases.climbing import may_grant
from clientmgmt._usecases.desk import Desk
from clientmgmt._usecases.joining import vouched
from clientmgmt._usecases.loading import load_client
from clientmgmt._usecases.mailing import queue_added
from clientmgmt._usecases.scopes import rights_to_be
from clientmgmt._usecases.sight import shown
from clientmgmt._usecases.steps import Steps
from clientmgmt._usecases.work import Work
from clientmgmt.domain.actors import ClientUser
from clientmgmt.domain.client import Client
from clientmgmt.domain.contacts import Contact
from clientmgmt.domain.form import Form
from clientmgmt.domain.ids import ClientId, UserId
from clientmgmt.domain.imports import ContactRow, read_contact_row
from clientmgmt.domain.joining import NewPerson, joined, joining_violations, new_user
from clientmgmt.domain.people import Membership, User
from clientmgmt.domain.results import BulkResult, Row
from clientmgmt.domain.scope import Scope
from clientmgmt.errors import Violation
from clientmgmt.ports.collections import MEMBERSHIPS, USERS

__all__ = ["add_contacts"]

_OPERATION = "contacts.add_many"
_ABOVE = Violation("not_allowed", "would have more rights than you have", "role")
_LEFT_OUT = Violation("not_written", "was left out, because other rows were refused")

Part = Sequence[ContactRow]


class OnError(StrEnum):
    """What becomes of the good rows when others are refused: they are written, or nothing is."""

    SKIP = "skip"
    ABORT = "abort"


class Aborted(Exception):  # noqa: N818 - carries a result out of a unit that is undone, is no error itself
    """Raised where a row was refused and nothing is to be written."""

    def __init__(self, result: BulkResult[Contact]) -> None:
        super().__init__()
        self.result = result


def add_contacts(
    desk: Desk, client_id: ClientId, rows: Iterable[Cells], *, on_error: str, key: str | None
) -> Steps[BulkResult[Contact]]:
    """Add the persons of these rows to one client, a row of the result per row.

    Some hundred rows in a unit of work each: what is written stays when a later unit fails. With ``abort``, or with
    an idempotency ``key``, it is one unit for all.
    """
    yield from desk.read(load_client, client_id, _OPERATION)
    form = Form()
    aborts = form.choice("on_error", on_error, OnError) is OnError.ABORT
    form.check()
    parts = _parts(desk, rows)
    if aborts or key is not None:
        return (yield from _together(desk, client_id, tuple(parts), key, aborts=aborts))
    done: list[Row[Contact]] = []
    for part in parts:
        done += yield from desk.write(_add_part, client_id, part)
    return BulkResult(tuple(done))


def _parts(desk: Desk, rows: Iterable[Cells]) -> Iterator[Part]:
    numbers = count(1)
    return (
        [read_contact_row(cells, next(numbers), desk.wiring.catalog) for cells in batch]
        for batch in batches(desk, rows)
    )


def _together(
    desk: Desk, client_id: ClientId, parts: Sequence[Part], key: str | None, *, aborts: bool
) -> Steps[BulkResult[Contact]]:
    try:
        return (
            yield from desk.write_once(key, _OPERATION, BulkResult[Contact], _add_all, client_id, parts, aborts=aborts)
        )
    except Aborted as aborted:
        return aborted.result


def _add_all(work: Work, client_id: ClientId, parts: Sequence[Part], *, aborts: bool) -> BulkResult[Contact]:
    rows = tuple(chain.from_iterable(_add_part(work, client_id, part) for part in parts))
    if not aborts or not any(row.violations for row in rows):
        return BulkResult(rows)
    raise Aborted(BulkResult(tuple(map(_left_out, rows))))


def _left_out(row: Row[Contact]) -> Row[Contact]:
    return Row(row.number, None, row.violations or (_LEFT_OUT,), changed=False)


def _add_part(work: Work, client_id: ClientId, part: Part) -> list[Row[Contact]]:
    """The lock of the client orders everybody who adds to it; the unique keys stand behind."""
    client = load_client(work, client_id, _OPERATION, lock=True)
    roster = Roster(work, client, part)
    rows = [roster.take(row) for row in part]
    roster.write()
    return rows


class Roster:
    """The users that rows name, and who of them is a contact of the client; it grows with every row that is taken."""

    def __init__(self, work: Work, client: Client, part: Part) -> None:
        self._work = work
        self._client = client
        self._told = not isinstance(work.actor, ClientUser)
        self._users = {user.email.key: user for user in _locked_users(work, part)}
        self._members = _members(work, client, [user.id for user in self._users.values()])
        self._new_users: list[User] = []
        self._new_members: list[tuple[Membership, User]] = []

    def take(self, row: ContactRow) -> Row[Contact]:
        """What becomes of one row, noting what has to be added for it."""
        known = None if row.violations else self._users.get(row.person.email.key)
        violations = row.violations
        if known is not None:
            violations = joining_violations(known, is_member=known.id in self._members, strict=False, told=self._told)
        if not violations and not may_grant(self._work, self._client.id, rights_to_be(self._work, row.person)):
            violations = (_ABOVE,)
        if violations:
            return Row(row.number, None, violations, changed=False)
        return Row(row.number, self._enter(row.person, known))

    def write(self) -> None:
        """Write it, a statement per collection; unique keys in one order, so that nobody waits crosswise."""
        uow = self._work.uow
        if self._new_users:
            uow.add(USERS, *sorted(self._new_users, key=lambda user: user.email.key))
        if self._new_members:
            uow.add(MEMBERSHIPS, *(membership for membership, _ in self._new_members))
        told = [membership for membership, user in self._new_members if user.credential_at and not membership.typed]
        if told:
            queue_added(self._work, *told)

    def _enter(self, person: NewPerson, known: User | None) -> Contact:
        user = vouched(self._work, person, known) if known else new_user(person, self._work.stamp())
        if known is None:
            self._new_users.append(user)
        self._users[user.email.key] = user
        membership, fact = joined(person, user, self._client.id, self._work.stamp(), accepts=not self._told)
        self._work.record(fact)
        self._members.add(user.id)
        self._new_members.append((membership, user))
        scope = Scope.everything()
        contact = Contact.of(membership, user, now=self._work.now, invitation=None, mail=None, scope=scope)
        return shown(self._work, contact)


def _locked_users(work: Work, part: Part) -> Iterable[User]:
    keys = {row.person.email.key for row in part if not row.violations}
    found = work.uow.find(USERS, USERS.email_key.in_(keys)) if keys else ()
    return work.uow.get_many(USERS, [user.id for user in found], lock=True).values() if found else ()


def _members(work: Work, client: Client, users: Sequence[UserId]) -> set[UserId]:
    if not users:
        return set()
    found = work.uow.find(MEMBERSHIPS, MEMBERSHIPS.client_id.eq(client.id), MEMBERSHIPS.user_id.in_(users))
    return {membership.user_id for membership in found}
