"""The machine's clock, its ids and its keys."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime
from uuid import UUID, SafeUUID

import pytest

from clientmgmt.adapters.links import HmacLinkSigner
from clientmgmt.adapters.system import SystemClock, Uuid7Source, generate_key
from clientmgmt.ports import Clock, IdSource


def made_at(made: UUID) -> int:
    return made.int >> 80


def test_the_clock_is_aware_and_in_utc() -> None:
    clock: Clock = SystemClock()
    before = datetime.now(UTC)  # noqa: TID251 - compared with the machine's clock
    assert before <= clock.now() <= datetime.now(UTC)  # noqa: TID251
    assert clock.now().tzinfo is UTC


def test_ids_are_of_version_7_and_carry_the_time() -> None:
    source: IdSource = Uuid7Source()
    before = time.time_ns() // 1_000_000  # noqa: TID251 - compared with the machine's clock
    made = source.new()
    assert before <= made_at(made) <= time.time_ns() // 1_000_000  # noqa: TID251
    assert (made.version, made.variant) == (7, "specified in RFC 4122")


def test_an_id_is_like_any_uuid() -> None:
    made = Uuid7Source().new()
    assert made == UUID(str(made))
    assert hash(made) == hash(UUID(str(made)))
    assert made.is_safe is SafeUUID.unknown


def test_ids_rise() -> None:
    source = Uuid7Source()
    ids = [source.new() for _ in range(20_000)]
    assert ids == sorted(set(ids))


def test_ids_rise_over_a_clock_that_is_set_back(monkeypatch: pytest.MonkeyPatch) -> None:
    source = Uuid7Source()
    ids = [source.new()]
    monkeypatch.setattr("clientmgmt.adapters.system.time.time_ns", lambda: 0)
    ids += [source.new() for _ in range(3000)]
    assert ids == sorted(set(ids))


def test_ids_rise_over_an_exhausted_millisecond(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("clientmgmt.adapters.system.time.time_ns", lambda: 10**9)
    source = Uuid7Source()
    first = source.new()
    source._low = (1 << 62) - 1  # noqa: SLF001 - what takes hours to reach
    second = source.new()
    assert first < second
    assert made_at(second) == made_at(first) + 1
    assert second.version == 7


def test_no_id_is_given_twice_to_threads() -> None:
    source = Uuid7Source()
    taken: list[list[UUID]] = []
    threads = [threading.Thread(target=lambda: taken.append([source.new() for _ in range(5000)])) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({made for ids in taken for made in ids}) == 20_000
    assert all(ids == sorted(ids) for ids in taken)


def test_sources_do_not_give_the_same_ids() -> None:
    sources = [Uuid7Source() for _ in range(200)]
    assert len({source.new() for source in sources}) == 200


FORKED = """
import os
from clientmgmt.adapters.system import Uuid7Source
source = Uuid7Source()
source.new()
source._millisecond = 1 << 47  # far ahead: parent and child would count on from the same number
source._lock.acquire()  # a thread that the child does not have might hold it
child = os.fork()
if child:
    os.waitpid(child, 0)
    source._lock.release()
print(*(source.new() for _ in range(1000)), flush=True)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_forked_child_starts_afresh() -> None:
    run = subprocess.run([sys.executable, "-c", FORKED], capture_output=True, check=True, text=True, timeout=60)
    ids = run.stdout.split()
    assert len(set(ids)) == len(ids) == 2000


@pytest.fixture
def registered(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, object]]:
    calls: list[dict[str, object]] = []
    monkeypatch.setattr("os.register_at_fork", lambda **hooks: calls.append(hooks), raising=False)
    return calls


def test_what_a_fork_does_is_done(registered: list[dict[str, object]]) -> None:
    source = Uuid7Source()
    source.new()
    after = registered[0]["after_in_child"]
    assert callable(after)
    after()
    assert source._millisecond == 0  # noqa: SLF001 - nothing else shows it
    del source
    gc.collect()
    after()  # the source is gone: there is nothing to do


def test_ids_are_made_where_nothing_forks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("os.register_at_fork", raising=False)
    assert Uuid7Source().new().version == 7


def test_a_key_is_one_that_signs_and_differs_every_time() -> None:
    keys = [generate_key() for _ in range(20)]
    assert len({key.split("_", 2)[2] for key in keys}) == 20
    assert len(HmacLinkSigner(keys).key_ids) == 20
