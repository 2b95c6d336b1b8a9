"""Bringing clients and their people in from a CSV file."""

from __future__ import annotations

import os
from argparse import Namespace
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from heapq import merge
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from clientmgmt import BulkResult, ClientManager, System, Violation, Workspace
from clientmgmt._cli.csvfile import Record, Sheet, open_sheet
from clientmgmt._cli.exits import FINE, NOT_ALL_FINE, CannotRunError
from clientmgmt._cli.output import new_console, visible
from clientmgmt._cli.report import Outcome, Reason, Tally, open_report, show
from clientmgmt._cli.stores import is_new, open_manager
from clientmgmt.domain import Imported, Row

__all__ = ["run"]

_TOGETHER = 1000
_STEP = 100

Step = Callable[[Iterable[Mapping[str, object]]], BulkResult[Imported]]


def run(arguments: Namespace) -> int:
    """Import the file and print what became of its rows; some refused rows make the exit code 1."""
    form = {"encoding": arguments.encoding, "delimiter": arguments.delimiter, "ignored": arguments.ignore}
    with (
        _opened(arguments.file) as file,
        open_sheet(file, **form) as sheet,
        _database(arguments) as manager,
    ):
        workspace = manager.workspace(arguments.tenant, actor=System("import"))
        tally = _import(workspace, file, sheet, arguments)
    if not arguments.quiet:
        _show(sheet, tally, arguments)
    return NOT_ALL_FINE if tally.refused else FINE


def _opened(path: str) -> BinaryIO:
    try:
        file = Path(path).open("rb")  # noqa: SIM115 - whoever asked closes it
    except OSError as error:
        message = f"{path} cannot be read: {error.strerror}"
        raise CannotRunError(message) from None
    if file.seekable():
        return file
    file.close()
    message = f"{path} is no regular file"
    raise CannotRunError(message)


def _database(arguments: Namespace) -> AbstractContextManager[ClientManager]:
    """The database; for a dry run of a new file an empty one in memory, so that no file is left behind."""
    if arguments.dry_run and is_new(arguments.database):
        return ClientManager("memory:")
    return open_manager(arguments.database)


def _import(workspace: Workspace, file: BinaryIO, sheet: Sheet, arguments: Namespace) -> Tally:
    clients = workspace.clients
    # A preview has to know all rows before: it is one call. An import is one for every unit of work.
    step, together = (clients.preview_import, None) if arguments.dry_run else (clients.import_rows, _TOGETHER)
    with (
        open_report(arguments.report, source=arguments.file) as report,
        _progress(file, sheet, quiet=arguments.quiet) as rows,
    ):
        tally = Tally(report)
        for outcome in _outcomes(step, rows, sheet.headers, together=together):
            tally.add(outcome)
    return tally


def _outcomes(
    step: Step, rows: Iterator[Record], headers: Mapping[str, str], *, together: int | None
) -> Iterator[Outcome]:
    """What became of each row, in the order of the file; ``together`` rows are handed over at a time."""
    while True:
        lines = array("Q")
        broken: list[Outcome] = []
        result = step(_cells(islice(rows, together), lines, broken))
        if not lines and not broken:
            return
        done = (_outcome(line, row, headers) for line, row in zip(lines, result, strict=True))
        yield from merge(done, broken, key=lambda outcome: outcome.line)


def _cells(rows: Iterable[Record], lines: array[int], broken: list[Outcome]) -> Iterator[dict[str, str]]:
    """The cells of the rows that have some; notes the lines of these, and what is wrong with the others."""
    for record in rows:
        if record.cells is None:
            broken.append(Outcome(line=record.line, reasons=(Reason("", "malformed_row", record.problem),)))
        else:
            lines.append(record.line)
            yield record.cells


def _outcome(line: int, row: Row[Imported], headers: Mapping[str, str]) -> Outcome:
    return Outcome(
        line=line,
        client_added=row.value is not None and row.value.client_added,
        contact_added=row.value is not None and row.value.contact_added,
        reasons=tuple(_reason(violation, headers) for violation in row.violations),
    )


def _reason(violation: Violation, headers: Mapping[str, str]) -> Reason:
    field = violation.field or ""
    return Reason(headers.get(field, field), violation.code, violation.message)


@contextmanager
def _progress(file: BinaryIO, sheet: Sheet, *, quiet: bool) -> Iterator[Iterator[Record]]:
    """The rows, with a bar on the terminal that shows how far they have been read."""
    console = new_console(stderr=True)
    if quiet or not console.is_terminal:
        yield sheet.rows
        return
    columns = (
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[rows]:,} rows"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("import", total=os.fstat(file.fileno()).st_size, rows=0)
        yield _watched(sheet.rows, lambda rows: bar.update(task, completed=file.tell(), rows=rows))


def _watched(rows: Iterable[Record], tell: Callable[[int], None]) -> Iterator[Record]:
    for number, record in enumerate(rows):
        if number % _STEP == 0:
            tell(number)
        yield record


def _show(sheet: Sheet, tally: Tally, arguments: Namespace) -> None:
    console = new_console()
    console.print(f"{visible(Path(arguments.file).name)} ({sheet})")
    show(console, tally, dry_run=arguments.dry_run, report=arguments.report)
    if arguments.dry_run:
        console.print("\nThis was a dry run: nothing was written.")
