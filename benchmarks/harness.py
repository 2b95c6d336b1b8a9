"""Measuring two sides in turns, and counting statements."""

from __future__ import annotations

import gc
import resource
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Literal

import attrs
import sqlalchemy as sa

Step = Callable[[], object]
Clock = Literal["cpu", "wall"]


@attrs.frozen(kw_only=True)
class Result:
    """What one comparison gave: medians over the rounds of seconds per operation, and of the rounds' ratios."""

    name: str
    baseline: str
    goal: float
    ours: float
    theirs: float
    wall: float
    cpu: float
    statements: tuple[int, int] | None = None
    by: Clock = "cpu"

    @property
    def ratio(self) -> float:
        """Ours to the baseline's: of processor time, which other work on the machine disturbs least, or of time.

        Time counts where a server does much of the work, or where waiting is what is saved.
        """
        return self.cpu if self.by == "cpu" else self.wall

    @property
    def holds(self) -> bool:
        """Whether the goal is met."""
        return self.ratio <= self.goal


WARM_UPS = 6
"""How often each side runs before it is measured: psycopg prepares a statement when it has run five times."""


def compare(
    name: str,
    ours: Step,
    theirs: Step,
    *,
    baseline: str,
    goal: float,
    rounds: int = 15,
    repeat: int = 20,
    statements: tuple[int, int] | None = None,
    by: Clock = "cpu",
) -> Result:
    """Run both sides in turns, ``repeat`` operations in each of ``rounds``, the first side changing every round."""
    for side in (ours, theirs) * WARM_UPS:
        side()
    walls: list[tuple[float, float]] = []
    times: list[tuple[float, float]] = []
    for number in range(rounds):
        order = (ours, theirs) if number % 2 else (theirs, ours)
        found = {side: _time(side, repeat) for side in order}
        walls.append((found[ours][0], found[theirs][0]))
        times.append((found[ours][1], found[theirs][1]))
    return Result(
        name=name,
        baseline=baseline,
        goal=goal,
        ours=statistics.median(mine for mine, _ in walls) / repeat,
        theirs=statistics.median(other for _, other in walls) / repeat,
        wall=_ratio(walls),
        cpu=_ratio(times),
        statements=statements,
        by=by,
    )


def _ratio(pairs: Sequence[tuple[float, float]]) -> float:
    return statistics.median(mine / other for mine, other in pairs)


def _time(step: Step, repeat: int) -> tuple[float, float]:
    gc.collect()
    gc.disable()
    wall, cpu = time.perf_counter(), _cpu()
    for _ in range(repeat):
        step()
    spent = time.perf_counter() - wall, _cpu() - cpu
    gc.enable()
    return spent


def _cpu() -> float:
    """Processor time of this process and of those that it has waited for."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


@contextmanager
def counted(engine: sa.Engine) -> Iterator[list[str]]:
    """The statements that go to the database inside the block; beginning and ending a transaction are none."""
    seen: list[str] = []

    def note(_c: object, _cursor: object, statement: str, *_rest: object) -> None:
        seen.append(statement)

    sa.event.listen(engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        sa.event.remove(engine, "before_cursor_execute", note)


def count(engine: sa.Engine, step: Step) -> int:
    """How many statements ``step`` takes."""
    step()
    with counted(engine) as seen:
        step()
    return len(seen)
