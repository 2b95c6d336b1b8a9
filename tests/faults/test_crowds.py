"""What guards and neighbours cost. These are figures, for a quiet machine: only errors make them fail."""

from __future__ import annotations

from statistics import median, quantiles

import pytest

from clientmgmt.adapters.system import Uuid7Source
from clientmgmt.testing.kit import SHELVES, Shelf
from tests.faults.figures import Figures
from tests.faults.places import kind, new_client
from tests.faults.processes import begin
from tests.faults.workers import shelve_in_time, write_in_time
from tests.processes import context
from tests.races.shelves import SEATS, kit_at
from tests.races.workers import Place

CROWD = 4
ROUNDS = 5
SHELVES_EACH = 21


@pytest.mark.faults_long
def test_what_guards_cost_whom_nobody_disturbs(place: Place, figures: Figures) -> None:
    """Every process has a shelf of its own; the ways take turns, so that the machine is the same for all."""
    kit_at(place.url, place.schema).upgrade()
    ways = ("naive", "row lock", "guarded update")
    speeds = [{way: _speed(place, way) for way in ways} for _ in range(ROUNDS)]
    for way, goal in (("row lock", 0.5), ("guarded update", 0.8)):
        ratio = median(speed[way] / speed["naive"] for speed in speeds)
        figures.add(f"throughput, {kind(place)}, {way} / naive", ratio=ratio, goal_at_least=goal)


def _speed(place: Place, way: str) -> float:
    """Books per second. The first shelf of each process is there to warm up."""
    ids = Uuid7Source()
    shelves = [Shelf(id=ids.new(), code=f"{ids.new()}") for _ in range(CROWD * SHELVES_EACH)]
    storage = kit_at(place.url, place.schema)
    with storage.unit_of_work(place.tenant) as uow:
        uow.add(SHELVES, *shelves)
    storage.close()
    start = context().Barrier(CROWD)
    crowd = [begin(shelve_in_time, place, shelves[hand::CROWD], way=way, start=start) for hand in range(CROWD)]
    assert [life.end() for life in crowd] == [0] * CROWD
    return CROWD * (SHELVES_EACH - 1) * SEATS / max(float(life.told[0]) for life in crowd)


@pytest.mark.faults_long
@pytest.mark.parametrize("crowd", [4, 32])
@pytest.mark.parametrize("place", ["sqlite"], indirect=True)
def test_what_many_writing_processes_wait_for_each_other(place: Place, figures: Figures, crowd: int) -> None:
    """SQLite has one writer at a time: nobody gets an error, and nobody waits for much longer than the others."""
    alone = _slowest(place, 1, 400)
    together = _slowest(place, crowd, 1600 // crowd)
    figures.add(f"sqlite, {crowd} writers / 1, slowest of a hundred", ratio=together / alone, fair=float(crowd))


def _slowest(place: Place, crowd: int, count: int) -> float:
    """Seconds that all but one of a hundred commands are done in."""
    start = context().Barrier(crowd)
    clients = [new_client(place) for _ in range(crowd)]
    lives = [
        begin(write_in_time, place, client, hand=crowd * 100 + number, count=count, start=start)
        for number, client in enumerate(clients)
    ]
    assert [life.end() for life in lives] == [0] * crowd
    return quantiles([float(line) for life in lives for line in life.told], n=100)[-1]
