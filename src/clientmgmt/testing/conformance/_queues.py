"""Queues: lanes, leases and their order."""

# A unit of work that fails is left as a whole.
# ruff: noqa: PT012

from __future__ import annotations

from datetime import datetime, timedelta

import attrs
import pytest

from clientmgmt.ports.storage import Storage
from clientmgmt.testing.conformance._base import OTHER_TENANT, TENANT, PlannedError, ids, keep, kept
from clientmgmt.testing.kit import JOBS, MIDNIGHT, Job, uid

LEASE = timedelta(minutes=5)


def claim(storage: Storage, *, now: datetime = MIDNIGHT, limit: int = 99, tenant: str = TENANT) -> set[Job]:
    """What one unit claims."""
    with storage.unit_of_work(tenant) as uow:
        claimed = uow.claim(JOBS, now=now, lease=LEASE, limit=limit)
    assert len(claimed) == len(set(claimed))
    return set(claimed)


class QueueConformance:
    """What ``claim`` promises."""

    def test_a_claim_shows_what_is_stored(self, storage: Storage) -> None:
        """The due time moves by the lease, attempts and version grow by one, the rest stays."""
        job = Job(id=uid(1), lane="x", attempts=2, text="t", version=4)
        keep(storage, JOBS, job)
        now = MIDNIGHT + timedelta(hours=3)
        leased = attrs.evolve(job, due_at=now + LEASE, attempts=3, version=5)
        assert claim(storage, now=now) == {leased}
        assert kept(storage, JOBS) == (leased,)

    def test_the_entities_of_a_lane_are_found_in_the_order_of_their_arrival(self, storage: Storage) -> None:
        """By no clock and no id: as units added them, whatever was removed, claimed or saved since."""
        numbers = (5, 2, 9, 1, 7)
        for number in numbers:
            keep(storage, JOBS, Job(id=uid(number), lane="x"), Job(id=uid(number + 20), lane="y"))
        with storage.unit_of_work(TENANT) as uow:
            uow.remove(JOBS, uid(2))
            uow.save(JOBS, attrs.evolve(uow.get(JOBS, uid(5)), text="again"))
        claim(storage)
        with storage.unit_of_work(TENANT, read_only=True) as uow:
            found = uow.find(JOBS, JOBS.lane.eq("x"), order=JOBS.arrival.asc(), limit=3)
            latest = uow.find(JOBS, JOBS.lane.eq("x"), order=JOBS.arrival.desc(), limit=2)
        assert ids(found) == [uid(5), uid(9), uid(1)]
        assert ids(latest) == [uid(7), uid(1)]

    def test_an_empty_queue_gives_nothing(self, storage: Storage) -> None:
        """There may be nothing to do."""
        assert claim(storage) == set()

    def test_only_what_is_due_is_claimed(self, storage: Storage) -> None:
        """An entity is due at its time and after, not before."""
        keep(storage, JOBS, Job(id=uid(1), lane="x"), Job(id=uid(2), lane="y", due_at=MIDNIGHT + LEASE))
        instant = timedelta(microseconds=1)
        assert claim(storage, now=MIDNIGHT - instant) == set()
        assert {job.id for job in claim(storage)} == {uid(1)}
        assert {job.id for job in claim(storage, now=MIDNIGHT + LEASE - instant)} == set()
        assert {job.id for job in claim(storage, now=MIDNIGHT + LEASE)} == {uid(1), uid(2)}

    def test_only_the_oldest_of_a_lane_is_claimed(self, storage: Storage) -> None:
        """The next one's turn comes when the oldest is gone; other lanes do not wait."""
        for number, lane in ((1, "x"), (2, "x"), (3, "y")):
            keep(storage, JOBS, Job(id=uid(number), lane=lane))
        assert {job.id for job in claim(storage)} == {uid(1), uid(3)}
        assert claim(storage) == set()
        with storage.unit_of_work(TENANT) as uow:
            uow.remove(JOBS, uid(1))
        assert {job.id for job in claim(storage)} == {uid(2)}

    def test_a_lane_waits_for_its_oldest(self, storage: Storage) -> None:
        """An oldest entity that is not due holds up its lane."""
        keep(storage, JOBS, Job(id=uid(1), lane="x", due_at=MIDNIGHT + LEASE))
        keep(storage, JOBS, Job(id=uid(2), lane="x"), Job(id=uid(3), lane="X"))
        assert {job.id for job in claim(storage)} == {uid(3)}

    def test_lanes_follow_the_order_of_commits(self, storage: Storage) -> None:
        """Neither ids nor due times decide who is the oldest of a lane."""
        for number in (9, 3, 7, 1):
            keep(storage, JOBS, Job(id=uid(number), lane="x", due_at=MIDNIGHT - timedelta(hours=9 - number)))
        assert self._drained(storage) == [uid(9), uid(3), uid(7), uid(1)]

    def test_lanes_follow_the_order_within_a_unit(self, storage: Storage) -> None:
        """What one unit adds first is older."""
        with storage.unit_of_work(TENANT) as uow:
            for number in (5, 2, 8):
                uow.add(JOBS, Job(id=uid(number), lane="x"))
            uow.add(JOBS, Job(id=uid(6), lane="x"), Job(id=uid(4), lane="x"))
        assert self._drained(storage) == [uid(number) for number in (5, 2, 8, 6, 4)]

    def test_saving_keeps_the_place(self, storage: Storage) -> None:
        """An entity that is put off stays the oldest of its lane."""
        for number in (2, 1):
            keep(storage, JOBS, Job(id=uid(number), lane="x"))
        with storage.unit_of_work(TENANT) as uow:
            uow.save(JOBS, Job(id=uid(2), lane="x", due_at=MIDNIGHT + LEASE))
        assert claim(storage) == set()
        assert {job.id for job in claim(storage, now=MIDNIGHT + LEASE)} == {uid(2)}

    def test_a_removal_that_is_undone_keeps_the_place(self, storage: Storage) -> None:
        """What a failed unit did to a lane is forgotten."""
        for number in (2, 1):
            keep(storage, JOBS, Job(id=uid(number), lane="x"))
        with pytest.raises(PlannedError), storage.unit_of_work(TENANT) as uow:
            uow.remove(JOBS, uid(2))
            uow.add(JOBS, Job(id=uid(3), lane="x"))
            raise PlannedError
        assert self._drained(storage) == [uid(2), uid(1)]

    def test_an_entity_that_comes_again_is_the_youngest(self, storage: Storage) -> None:
        """Removed and added again, it stands at the end of its lane."""
        for number in (1, 2):
            keep(storage, JOBS, Job(id=uid(number), lane="x"))
        with storage.unit_of_work(TENANT) as uow:
            uow.remove(JOBS, uid(1))
            uow.add(JOBS, Job(id=uid(1), lane="x"))
        assert self._drained(storage) == [uid(2), uid(1)]

    def test_the_limit_holds(self, storage: Storage) -> None:
        """No more than ``limit`` are claimed; the rest can be claimed by another."""
        keep(storage, JOBS, *(Job(id=uid(n), lane=f"lane {n}") for n in range(1, 6)))
        first, second = claim(storage, limit=3), claim(storage, limit=3)
        assert (len(first), len(second)) == (3, 2)
        assert {job.id for job in first | second} == {uid(n) for n in range(1, 6)}

    def test_what_is_not_due_does_not_use_up_the_limit(self, storage: Storage) -> None:
        """Lanes that wait are passed over."""
        keep(storage, JOBS, *(Job(id=uid(n), lane=str(n), due_at=MIDNIGHT + LEASE) for n in range(1, 6)))
        keep(storage, JOBS, Job(id=uid(9), lane="9"))
        assert {job.id for job in claim(storage, limit=1)} == {uid(9)}

    def test_a_lease_ends(self, storage: Storage) -> None:
        """What was claimed and neither removed nor put off comes again, with one more attempt."""
        keep(storage, JOBS, Job(id=uid(1), lane="x"))
        claim(storage)
        (again,) = claim(storage, now=MIDNIGHT + LEASE)
        assert (again.attempts, again.due_at) == (2, MIDNIGHT + 2 * LEASE)

    def test_a_claim_that_is_undone_is_none(self, storage: Storage) -> None:
        """An error in the unit gives back what it claimed."""
        keep(storage, JOBS, Job(id=uid(1), lane="x"))
        with pytest.raises(PlannedError), storage.unit_of_work(TENANT) as uow:
            assert len(uow.claim(JOBS, now=MIDNIGHT, lease=LEASE, limit=1)) == 1
            raise PlannedError
        assert {job.attempts for job in claim(storage)} == {1}

    def test_what_a_unit_claimed_it_can_save(self, storage: Storage) -> None:
        """The answer has the stored version."""
        keep(storage, JOBS, Job(id=uid(1), lane="x"))
        with storage.unit_of_work(TENANT) as uow:
            (job,) = uow.claim(JOBS, now=MIDNIGHT, lease=LEASE, limit=1)
            assert uow.claim(JOBS, now=MIDNIGHT, lease=LEASE, limit=1) == ()
            saved = uow.save(JOBS, attrs.evolve(job, text="failed"))
        assert kept(storage, JOBS) == (saved,)

    def test_lanes_of_tenants_are_apart(self, storage: Storage) -> None:
        """The same lane of another tenant is another lane."""
        for tenant in (TENANT, OTHER_TENANT):
            keep(storage, JOBS, Job(id=uid(1), lane="x"), tenant=tenant)
        assert len(claim(storage, tenant=OTHER_TENANT)) == 1
        assert kept(storage, JOBS) == (Job(id=uid(1), lane="x"),)
        assert len(claim(storage)) == 1

    @staticmethod
    def _drained(storage: Storage) -> list[object]:
        """The ids of all jobs in the order in which they are claimed."""
        seen: list[object] = []
        while claimed := claim(storage, now=MIDNIGHT + timedelta(1)):
            assert len(claimed) == 1
            seen += ids(claimed)
            with storage.unit_of_work(TENANT) as uow:
                uow.remove(JOBS, *ids(claimed))
        return seen
