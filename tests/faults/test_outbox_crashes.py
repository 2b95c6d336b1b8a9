"""Dispatchers that die: no mail is lost, and what is sent again is the same message."""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from random import randrange

from clientmgmt.domain import MailState
from clientmgmt.ports.collections import DELIVERIES, OUTBOX
from tests.faults.figures import Figures, lengths
from tests.faults.places import kind, new_client, opened
from tests.faults.processes import begin, lives
from tests.faults.workers import deliver_some, deliver_until_done, write_contacts
from tests.processes import context
from tests.races.workers import SETTINGS, Place

WRITERS = 8
DISPATCHERS = 4
CRASHES = 0.03
LEASE = SETTINGS.rules.delivery.lease + timedelta(seconds=1)


def waiting(place: Place) -> int:
    with opened(place) as storage, storage.unit_of_work(place.tenant, read_only=True) as uow:
        return uow.count(OUTBOX)


def written_down(place: Place) -> Counter[str]:
    """How the log says that each mail ended."""
    with opened(place) as storage, storage.unit_of_work(place.tenant, read_only=True) as uow:
        found = uow.find(DELIVERIES)
    assert {delivery.state for delivery in found} <= {MailState.DELIVERED}
    return Counter(str(delivery.id) for delivery in found)


def check(place: Place, sent: list[str], people: int) -> int:
    """Nothing is lost, whoever got two messages got one twice; how many were sent again."""
    ids = Counter(line.split()[0] for line in sent)
    pairs = set(sent)
    assert len(pairs) == len(ids) == len({line.split()[1] for line in pairs}) == people
    assert written_down(place) == Counter(dict.fromkeys(ids, 1))
    return len(sent) - people


@lengths(short=60, long=1000)
def test_a_dispatcher_that_is_killed_anywhere_loses_no_mail(place: Place, sizes: int, figures: Figures) -> None:
    """Kill after kill until the outbox is empty; each next one comes when the lease of the last one is over."""
    with lives(1, write_contacts, place, new_client(place), 0, sizes) as (writer,):
        assert writer.end() == 0
    sent: list[str] = []
    kills = 0
    while waiting(place):
        with lives(1, deliver_some, place, LEASE * kills) as (life,):
            life.hear(randrange(1, 50))  # noqa: S311 - the random moment; two batches and a half at most
            life.kill()
        sent += life.told
        kills += 1
    repeated = check(place, sent, sizes)
    figures.add(f"kill -9, {kind(place)} dispatcher", cycles=kills, mails=sizes, lost=0, sent_again=repeated)


@lengths(short=800, long=10_000)
def test_many_dispatchers_that_crash_after_sending_repeat_no_more_than_their_last(
    place: Place, sizes: int, figures: Figures
) -> None:
    client, writers_end = new_client(place), context().Event()
    sent: list[str] = []
    crashes = 0
    with ThreadPoolExecutor(WRITERS + DISPATCHERS) as pool:
        share = sizes // WRITERS
        writers = [pool.submit(_write, place, client, hand, share) for hand in range(WRITERS)]
        first = [pool.submit(_dispatch, place, timedelta(), writers_end) for _ in range(DISPATCHERS)]
        assert [writer.result() for writer in writers] == [share] * WRITERS
        writers_end.set()
        crashes += sum(_gather(dispatcher.result, sent) for dispatcher in first)
        rounds = 1
        while waiting(place):
            rest = [pool.submit(_dispatch, place, LEASE * rounds, writers_end) for _ in range(DISPATCHERS)]
            crashes += sum(_gather(dispatcher.result, sent) for dispatcher in rest)
            rounds += 1
    repeated = check(place, sent, sizes)
    figures.add(f"outbox, {kind(place)}", mails=sizes, crashes=crashes, lost=0, duplicates=repeated)
    assert crashes
    assert repeated <= crashes


def _write(place: Place, client: str, hand: int, count: int) -> int:
    life = begin(write_contacts, place, client, hand, count)
    assert life.end() == 0
    return len(life.told)


def _dispatch(*args: object) -> tuple[list[str], int]:
    """A dispatcher that is started again whenever it has crashed: what it has sent, and how often it did."""
    sent: list[str] = []
    place, ahead, writers_end = args
    crashes = 0
    while True:
        life = begin(deliver_until_done, place, ahead, CRASHES, writers_end)
        code = life.end()
        sent += life.told
        if code == 0:
            return sent, crashes
        assert code == -signal.SIGKILL
        crashes += 1


def _gather(result: Callable[[], tuple[list[str], int]], into: list[str]) -> int:
    sent, crashes = result()
    into += sent
    return crashes
