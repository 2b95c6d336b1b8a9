"""The conformance suite can fail: stores with one planted bug each do not pass it."""

# The arguments of a verb that is replaced do not matter here.
# ruff: noqa: ANN401

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Barrier, BrokenBarrierError, Lock, get_ident
from types import MappingProxyType, SimpleNamespace
from typing import Any, ClassVar

import attrs
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from clientmgmt.adapters.memory import InMemoryStorage
from clientmgmt.adapters.memory._tables import Table
from clientmgmt.adapters.memory._unit import InMemoryUnitOfWork, TenantData
from clientmgmt.errors import NotFoundError, TransactionConflictError, TransactionError
from clientmgmt.ports import Collection, Condition, Operator, ReferenceViolation, Storage
from clientmgmt.testing import StorageCapability
from clientmgmt.testing.conformance import StorageConformance, _base
from clientmgmt.testing.kit import KIT, SHELVES
from clientmgmt.testing.machine import StorageMachine


class IgnoresTheTenant(InMemoryStorage):
    def _data(self, _: str) -> TenantData:
        return super()._data("all")


class ChecksNoKeys(InMemoryUnitOfWork):
    def _taken_key(self, *_: Any) -> None:
        return None


class ChecksNoKeysOnSave(InMemoryUnitOfWork):
    def save(self, collection: Any, entity: Any) -> Any:
        self.get(collection, entity.id)
        return self._saved(collection, entity, entity.version + 1)

    def _saved(self, collection: Collection[Any], entity: Any, version: int) -> Any:
        raised = attrs.evolve(entity, version=version)
        self._undo.append(self._data.table(collection.name).move(entity.id.int, raised))
        return raised


class ForgetsToRaiseTheVersion(InMemoryUnitOfWork):
    def save(self, collection: Any, entity: Any) -> Any:
        raised = super().save(collection, entity)
        self._undo.append(self._data.table(collection.name).move(entity.id.int, entity))
        return raised


class ChecksNoReferences(InMemoryUnitOfWork):
    def _check_references(self, table: Table, entities: Sequence[Any]) -> None:
        pass


class RemovesWhatIsReferredTo(InMemoryUnitOfWork):
    def remove(self, collection: Any, *ids: Any) -> int:
        table = self._writing(collection.name)
        keys = {id_.int for id_ in ids} & set(table.rows)
        self._undo.extend([table.move(key, None) for key in keys])
        return len(keys)


class CountsRemovedIdsTwice(InMemoryUnitOfWork):
    def remove(self, collection: Any, *ids: Any) -> int:
        known = self._data.table(collection.name).rows
        named = sum(id_.int in known for id_ in ids)
        super().remove(collection, *ids)
        return named


class KeepsWhatFailed(InMemoryUnitOfWork):
    def roll_back(self) -> None:
        pass


class IsNotPoisoned(InMemoryUnitOfWork):
    def _spoil(self, error: TransactionConflictError) -> TransactionConflictError:
        return error


class SwallowsInSavepoints(InMemoryUnitOfWork):
    @contextmanager
    def savepoint(self) -> Iterator[None]:
        try:
            with super().savepoint():
                yield
        except Exception:  # noqa: BLE001, S110 - this is the bug
            pass


class KeepsWhatFailedInSavepoints(InMemoryUnitOfWork):
    @contextmanager
    def savepoint(self) -> Iterator[None]:
        yield


class WorksAfterItsEnd(InMemoryUnitOfWork):
    def close(self) -> None:
        self._undo.clear()


class WritesWhileReading(InMemoryUnitOfWork):
    def _check(self, *, writes: bool = False) -> None:
        super()._check(writes=writes and not self._read_only)


class LosesNumbers(InMemoryUnitOfWork):
    def next_number(self, name: str) -> int:
        number = super().next_number(name)
        self._undo.pop()
        return number


class LooksAmongEverything(InMemoryUnitOfWork):
    def find(self, source: Any, *where: Condition[Any], **page: Any) -> Any:
        among = [one for one in where if one.operator is Operator.AMONG]
        others = [one for one in where if one.operator is not Operator.AMONG]
        wide = [attrs.evolve(one, value=attrs.evolve(one.value, where=())) for one in among]
        return super().find(source, *others, *wide, **page)


class ClaimsWholeLanes(InMemoryUnitOfWork):
    def claim(self, collection: Any, *, now: Any, lease: Any, limit: int) -> Any:
        table = self._writing(collection.name)
        due = [row for row in table.in_order() if row.due_at <= now][:limit]
        for row in due:
            leased = attrs.evolve(row, due_at=now + lease, attempts=row.attempts + 1, version=row.version + 1)
            self._undo.append(table.move(row.id.int, leased))
        return tuple(table.rows[row.id.int] for row in due)


class ClaimsBeyondTheLimit(InMemoryUnitOfWork):
    def claim(self, collection: Any, *, now: Any, lease: Any, limit: int) -> Any:
        return super().claim(collection, now=now, lease=lease, limit=limit + 1)


class QueuesById(InMemoryUnitOfWork):
    def claim(self, collection: Any, *, now: Any, lease: Any, limit: int) -> Any:
        queue = self._data.table(collection.name).queue
        assert queue is not None
        for lane in queue.lanes.values():
            lane.sort(key=lambda entry: entry[1])
        return super().claim(collection, now=now, lease=lease, limit=limit)


class OverwritesWhatIsThere(InMemoryUnitOfWork):
    def add_if_absent(self, collection: Any, entity: Any) -> bool:
        self.remove(collection, entity.id)
        return super().add_if_absent(collection, entity)


class IgnoresCaseInPrefixes(InMemoryUnitOfWork):
    def find(self, source: Any, *where: Any, **options: Any) -> Any:
        prefixes = [one for one in where if one.operator is Operator.PREFIX]
        rows = super().find(source, *(one for one in where if one not in prefixes), **options)
        return tuple(row for row in rows if all(self._begins(one, row) for one in prefixes))

    def count(self, source: Any, *where: Any) -> int:
        return len(self.find(source, *where))

    @staticmethod
    def _begins(one: Any, row: Any) -> bool:
        value = one.field.get(row)
        return value is not None and value.lower().startswith(one.value.lower())


class BreaksTiesUpwards(InMemoryUnitOfWork):
    def find(self, source: Any, *where: Any, order: Any = None, after: Any = None, limit: Any = None) -> Any:
        if order is None or after is not None or not order.descending:
            return super().find(source, *where, order=order, after=after, limit=limit)
        rows = sorted(super().find(source, *where, order=order), key=str)
        return tuple(sorted(rows, key=order.field.get, reverse=True))[:limit]


class StartsPagesTwice(InMemoryUnitOfWork):
    def find(self, source: Any, *where: Any, order: Any = None, after: Any = None, limit: Any = None) -> Any:
        rows = super().find(source, *where, order=order)
        if after is not None:
            seen = next((at for at, row in enumerate(rows) if row.id == after[1]), 0)
            rows = rows[seen:]
        return rows if limit is None else rows[:limit]


class ListsEmptyTenants(InMemoryStorage):
    def tenants(self, _: Any, *, after: str = "", limit: int = 100) -> tuple[str, ...]:
        return tuple(sorted(tenant for tenant in self._tenants if tenant > after))[:limit]


class LetsUnitsMix(InMemoryStorage):
    @contextmanager
    def _alone(self) -> Iterator[None]:
        yield


class AlwaysLoses(InMemoryUnitOfWork):
    def commit(self) -> bool:
        if self._undo and self._data.table(SHELVES.name).rows:
            message = "lost again"
            raise TransactionConflictError(message)
        return super().commit()

    def add(self, collection: Any, *entities: Any) -> None:
        super().add(collection, *entities)
        if collection is SHELVES:
            self._undo.clear()


class RoundsTimes(InMemoryUnitOfWork):
    def add(self, collection: Any, *entities: Any) -> None:
        super().add(collection, *(self._rounded(entity) for entity in entities))

    @staticmethod
    def _rounded(entity: Any) -> Any:
        return attrs.evolve(entity, at=entity.at.replace(microsecond=0)) if hasattr(entity, "at") else entity


class AddsSomeOfABatch(InMemoryUnitOfWork):
    def add(self, collection: Any, *entities: Any) -> None:
        super().add(collection, *entities[:2_000])


class FindsWithNone(InMemoryUnitOfWork):
    def get_many(self, collection: Any, ids: Iterable[Any], *, lock: bool = False) -> Any:
        found = super().get_many(collection, ids, lock=lock)
        if not found:
            raise NotFoundError
        return found


class CountsBeforeItLocks(InMemoryStorage):
    """The naive count: no lock is taken, so that all who count find room before the first has added."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.unit_type = type("NaiveUnit", (CountsTogether,), {"met": Barrier(8)})

    @contextmanager
    def _alone(self) -> Iterator[None]:
        yield


class CountsTogether(InMemoryUnitOfWork):
    met: Barrier

    def count(self, source: Any, *where: Any) -> int:
        number = super().count(source, *where)
        with suppress(BrokenBarrierError):
            self.met.wait(0.5)
        return number


class LocksAsTheyAreNamed(InMemoryStorage):
    """Unsorted locks: two units that name the same entities in another order wait for each other."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.unit_type = type("UnsortedUnit", (LocksOneByOne,), {"locks": defaultdict(Lock), "met": Barrier(2)})

    @contextmanager
    def _alone(self) -> Iterator[None]:
        yield


class LocksOneByOne(InMemoryUnitOfWork):
    locks: dict[Any, Any]
    met: Barrier

    def get_many(self, collection: Any, ids: Iterable[Any], *, lock: bool = False) -> Any:
        named = list(ids)
        for id_ in named if lock else ():
            self.locks[id_].acquire()
            with suppress(BrokenBarrierError):
                self.met.wait(0.1)
        return super().get_many(collection, named, lock=lock)


class PollsByACursor(InMemoryUnitOfWork):
    """Cursor polling: what is behind the last row seen is never looked at again."""

    seen: ClassVar[dict[int, int]] = {}

    def claim(self, collection: Any, *, now: Any, lease: Any, limit: int) -> Any:
        last = self.seen.get(id(self._data), -1)
        claimed = super().claim(collection, now=now, lease=lease, limit=limit)
        new = tuple(row for row in claimed if row.id.int > last)
        self.seen[id(self._data)] = max([last, *(row.id.int for row in new)])
        return new


class ComparesKeysInLowerCase(InMemoryUnitOfWork):
    def _taken_key(self, table: Table, entity: Any) -> str | None:
        for name, fields in table.layout.collection.unique.items():
            values = [str(field.get(entity)).lower() for field in fields]
            others = (row for row in table.rows.values() if row.id != entity.id)
            if any([str(field.get(row)).lower() for field in fields] == values for row in others):
                return name
        return super()._taken_key(table, entity)


class FindsKeysWithoutTheirMissingParts(InMemoryUnitOfWork):
    def _taken_key(self, table: Table, entity: Any) -> str | None:
        for name, fields in table.layout.collection.unique.items():
            values = [field.get(entity) for field in fields]
            if any([field.get(row) for field in fields] == values for row in table.rows.values()):
                return name
        return super()._taken_key(table, entity)


class RefersAcrossTenants(InMemoryStorage):
    """A foreign key of one column: the id of another tenant will do."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.unit_type = type("LeakyUnit", (LooksEverywhere,), {"tenants": self._tenants})


class LooksEverywhere(InMemoryUnitOfWork):
    tenants: ClassVar[dict[str, TenantData]]

    def _check_references(self, table: Table, entities: Sequence[Any]) -> None:
        for get, target in table.layout.references:
            there = {key for data in self.tenants.values() for key in data.table(target).rows}
            if any(get(entity) is not None and get(entity).int not in there for entity in entities):
                raise self._spoil(ReferenceViolation())


class ClaimsForEverybody(RefersAcrossTenants):
    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.unit_type = type("GreedyUnit", (ClaimsEverywhere,), {"tenants": self._tenants})


class ClaimsEverywhere(LooksEverywhere):
    def claim(self, collection: Any, *, now: Any, lease: Any, limit: int) -> Any:
        own, claimed = self._data, list[Any]()
        for data in self.tenants.values():
            self._data = data
            claimed += super().claim(collection, now=now, lease=lease, limit=limit)
        self._data = own
        return tuple(claimed)


class SwallowsErrors(InMemoryStorage):
    @contextmanager
    def unit_of_work(self, tenant: str, *, read_only: bool = False) -> Iterator[Any]:
        with suppress(TransactionConflictError), super().unit_of_work(tenant, read_only=read_only) as uow:
            yield uow


class SharesWhatItHolds(InMemoryUnitOfWork):
    def get_many(self, collection: Any, ids: Iterable[Any], *, lock: bool = False) -> Any:
        rows = self._reading(collection.name, lock=lock).rows
        return {id_: rows[id_.int] for id_ in ids if id_.int in rows}


class HandsOutItsOwnTable(InMemoryUnitOfWork):
    def find(self, source: Any, *where: Any, **options: Any) -> Any:
        return list(super().find(source, *where, **options))


class QueuesByTheClock(InMemoryUnitOfWork):
    """Order by a clock or by ids that hold one: two writers may have theirs apart."""

    def claim(self, collection: Any, *, now: Any, lease: Any, limit: int) -> Any:
        queue = self._data.table(collection.name).queue
        assert queue is not None
        for lane in queue.lanes.values():
            lane.sort(key=lambda entry: entry[1])
        return super().claim(collection, now=now, lease=lease, limit=limit)


class WaitsForItself(InMemoryStorage):
    @contextmanager
    def _alone(self) -> Iterator[None]:
        with self._lock:
            yield


class NestsWithoutATransaction(InMemoryStorage):
    @contextmanager
    def _alone(self) -> Iterator[None]:
        if self._owner == get_ident():
            yield
            return
        with super()._alone():
            yield


BUGS: tuple[tuple[type[Any], str], ...] = (
    (LooksAmongEverything, "test_among_looks_into_another_collection"),
    (CountsBeforeItLocks, "test_a_limit_under_a_lock_is_never_passed"),
    (LocksAsTheyAreNamed, "test_locks_of_many_are_taken_in_one_order"),
    (PollsByACursor, "test_a_lease_ends"),
    (PollsByACursor, "test_lanes_follow_the_order_of_commits"),
    (ComparesKeysInLowerCase, "test_keys_know_case"),
    (FindsKeysWithoutTheirMissingParts, "test_a_missing_part_never_collides"),
    (RefersAcrossTenants, "test_what_is_referred_to_must_be_there"),
    (ClaimsForEverybody, "test_lanes_of_tenants_are_apart"),
    (SwallowsErrors, "test_the_error_itself_leaves_the_unit"),
    (SharesWhatItHolds, "test_what_is_answered_is_the_askers_own"),
    (HandsOutItsOwnTable, "test_find_answers_a_tuple"),
    (QueuesByTheClock, "test_lanes_follow_the_order_of_concurrent_writers"),
    (WaitsForItself, "test_a_second_writing_unit_never_hangs"),
    (NestsWithoutATransaction, "test_a_unit_within_a_writing_unit_does_not_see_its_writes"),
    (LosesNumbers, "test_numbers_have_no_gaps_after_a_savepoint"),
    (KeepsWhatFailedInSavepoints, "test_a_savepoint_contains_a_violation"),
    (IgnoresTheTenant, "test_other_tenants_are_not_read"),
    (ChecksNoKeys, "test_a_taken_key_is_named"),
    (ChecksNoKeysOnSave, "test_saving_to_a_taken_key_is_a_violation"),
    (ChecksNoKeysOnSave, "test_an_old_version_is_stale"),
    (ForgetsToRaiseTheVersion, "test_saving_raises_the_version"),
    (ChecksNoReferences, "test_what_is_referred_to_must_be_there"),
    (RemovesWhatIsReferredTo, "test_what_is_referred_to_is_not_removed"),
    (CountsRemovedIdsTwice, "test_removing_counts"),
    (KeepsWhatFailed, "test_an_error_undoes_everything"),
    (IsNotPoisoned, "test_a_violation_poisons_every_verb"),
    (IsNotPoisoned, "test_a_violation_caught_inside_a_savepoint_ends_it_badly"),
    (SwallowsInSavepoints, "test_a_savepoint_contains_any_error"),
    (KeepsWhatFailedInSavepoints, "test_savepoints_nest"),
    (WorksAfterItsEnd, "test_a_unit_that_has_ended_refuses"),
    (WritesWhileReading, "test_a_reading_unit_does_not_write"),
    (LosesNumbers, "test_numbers_have_no_gaps"),
    (ClaimsWholeLanes, "test_only_the_oldest_of_a_lane_is_claimed"),
    (ClaimsBeyondTheLimit, "test_the_limit_holds"),
    (QueuesById, "test_lanes_follow_the_order_of_commits"),
    (OverwritesWhatIsThere, "test_add_if_absent_lets_be_what_is_there"),
    (IgnoresCaseInPrefixes, "test_prefix_compares_code_points"),
    (BreaksTiesUpwards, "test_ties_come_by_id_in_the_same_direction"),
    (StartsPagesTwice, "test_pages_give_each_row_once"),
    (ListsEmptyTenants, "test_tenants_are_listed_in_pages"),
    (LetsUnitsMix, "test_what_is_not_committed_is_not_seen"),
    (AlwaysLoses, "test_no_change_is_lost"),
    (RoundsTimes, "test_a_value_of_every_type_comes_back_equal"),
    (AddsSomeOfABatch, "test_many_are_added_at_once"),
    (FindsWithNone, "test_get_many_leaves_out_what_is_missing"),
)

SEEN_BY_MACHINE = (
    BreaksTiesUpwards,
    ChecksNoKeys,
    ChecksNoReferences,
    ClaimsWholeLanes,
    ForgetsToRaiseTheVersion,
    IgnoresCaseInPrefixes,
    IsNotPoisoned,
    KeepsWhatFailed,
    OverwritesWhatIsThere,
    SwallowsInSavepoints,
)


LACKING = {"test_a_unit_within_a_writing_unit_does_not_see_its_writes"}  # by the store that the bugs are planted in


def with_bug(bug: type[Any]) -> Storage:
    if issubclass(bug, InMemoryStorage):
        return bug(collections=KIT)
    storage = InMemoryStorage(collections=KIT)
    storage.unit_type = bug
    return storage


def test_of(name: str) -> Callable[[Storage], None]:
    return getattr(StorageConformance(), name)  # type: ignore[no-any-return]


test_of.__test__ = False  # type: ignore[attr-defined]


@pytest.mark.parametrize(("bug", "name"), BUGS, ids=lambda value: getattr(value, "__name__", "as"))
def test_the_suite_finds_it(bug: type[Any], name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if name not in LACKING:
        test_of(name)(InMemoryStorage(collections=KIT))
    monkeypatch.setattr(_base, "PATIENCE", 2)
    with pytest.raises((Exception, pytest.fail.Exception)):
        test_of(name)(with_bug(bug))


@pytest.mark.parametrize("bug", SEEN_BY_MACHINE)
def test_the_machine_finds_it(bug: type[Any]) -> None:
    class Machine(StorageMachine):
        def storages(self) -> dict[str, Storage]:
            return {"with a bug": with_bug(bug)}

    quick = settings(
        max_examples=300,
        stateful_step_count=30,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    with pytest.raises((Exception, ExceptionGroup)):
        run_state_machine_as_test(Machine, settings=quick)


class RefusesSavepoints(InMemoryUnitOfWork):
    def savepoint(self) -> Any:
        message = "there are no savepoints here"
        raise TransactionError(message)


class FreezesMappings(InMemoryUnitOfWork):
    def get(self, collection: Any, id: Any, *, lock: bool = False) -> Any:  # noqa: A002 - the port's name
        entity = super().get(collection, id, lock=lock)
        return attrs.evolve(entity, facts=MappingProxyType(entity.facts))


def test_what_is_answered_may_be_frozen() -> None:
    test_of("test_what_is_answered_is_the_askers_own")(with_bug(FreezesMappings))


def test_what_is_lacking_must_be_refused_not_passed_over() -> None:
    class Suite(StorageConformance):
        lacks: ClassVar[dict[StorageCapability, str]] = {
            StorageCapability.SAVEPOINTS: "the database has none",
            StorageCapability.NESTED_UNITS: "the database has one connection",
        }

    request: Any = SimpleNamespace(node=SimpleNamespace(user_properties=[]))
    Suite().test_what_is_lacking_is_refused(with_bug(RefusesSavepoints), request)
    assert request.node.user_properties == [
        ("clientmgmt_gap", ["Suite", "savepoints", "the database has none"]),
        ("clientmgmt_gap", ["Suite", "nested_units", "the database has one connection"]),
    ]
    for bug in (KeepsWhatFailedInSavepoints, NestsWithoutATransaction):
        with pytest.raises((Exception, pytest.fail.Exception)):
            Suite().test_what_is_lacking_is_refused(with_bug(bug), request)


def test_every_promise_has_a_name_and_a_sentence() -> None:
    promises = [name for name in dir(StorageConformance) if name.startswith("test_")]
    assert len(promises) > 90
    assert {name for _, name in BUGS} <= set(promises)
    assert all(getattr(StorageConformance, name).__doc__ for name in promises)


def test_the_fixture_must_be_overridden(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    module = tmp_path / "test_unfinished.py"
    module.write_text(
        "from clientmgmt.testing.conformance import StorageConformance\nclass TestIt(StorageConformance): pass\n"
    )
    code = pytest.main(["-q", "-c", os.devnull, "-p", "no:cacheprovider", "-k", "huge_text", str(module)])
    assert code == pytest.ExitCode.TESTS_FAILED
    assert "override the fixture" in capsys.readouterr().out
