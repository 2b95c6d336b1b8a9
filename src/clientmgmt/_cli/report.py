"""What became of the rows: counted, shown, and written to a file in which no cell is a formula."""

from __future__ import annotations

import csv
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol, TextIO

import attrs
from rich.console import Console

from clientmgmt._cli.exits import CannotRunError
from clientmgmt._cli.output import new_table, row_of, visible

__all__ = ["Outcome", "Reason", "Tally", "neutralised", "open_report", "show"]

SHOWN = 20
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Mn", "Me", "Zl", "Zp", "Zs"})


@attrs.frozen
class Reason:
    """Why a row is refused: the column, as the file calls it, if it is about one."""

    field: str
    code: str
    message: str


@attrs.frozen(kw_only=True)
class Outcome:
    """What became of the row that begins on ``line``."""

    line: int
    client_added: bool = False
    contact_added: bool = False
    reasons: tuple[Reason, ...] = ()


class Writer(Protocol):
    """Takes a row of cells."""

    def writerow(self, row: tuple[str, ...], /) -> object:
        """Write one row."""


@attrs.define
class Tally:
    """The rows counted, and the first reasons kept; all of them go to ``report`` if there is one."""

    report: Writer | None = None
    read: int = 0
    clients: int = 0
    contacts: int = 0
    known: int = 0
    refused: int = 0
    reasons: int = 0
    first: list[tuple[str, ...]] = attrs.field(factory=list)

    def add(self, outcome: Outcome) -> None:
        """Count one row."""
        self.read += 1
        self.clients += outcome.client_added
        self.contacts += outcome.contact_added
        self.refused += bool(outcome.reasons)
        self.known += not (outcome.reasons or outcome.client_added or outcome.contact_added)
        for reason in outcome.reasons:
            self._note(str(outcome.line), reason)

    def _note(self, line: str, reason: Reason) -> None:
        self.reasons += 1
        if len(self.first) < SHOWN:
            self.first.append((line, reason.field, reason.message))
        if self.report is not None:
            self.report.writerow(tuple(map(neutralised, (line, reason.field, reason.code, reason.message))))


@contextmanager
def open_report(path: str | None, *, source: str) -> Iterator[Writer | None]:
    """The report at ``path`` with its header, replacing an older one; ``None`` without a path.

    ``CannotRunError`` if it cannot be written, or is the file that is imported.
    """
    if path is None:
        yield None
        return
    with _create(Path(path), Path(source)) as file:
        writer = csv.writer(file)
        writer.writerow(("line", "field", "code", "why"))
        yield writer


def _create(path: Path, source: Path) -> TextIO:
    if path.exists() and path.samefile(source):
        message = "the report would replace the file that is imported"
        raise CannotRunError(message)
    try:
        return path.open("w", encoding="utf-8-sig", errors="backslashreplace", newline="")
    except OSError as error:
        message = f"the report cannot be written to {path}: {error.strerror}"
        raise CannotRunError(message) from None


def neutralised(cell: str) -> str:
    """The cell with an apostrophe before it if a spreadsheet would take it for a formula.

    Spreadsheets skip leading spaces, and characters that are not seen, before they decide.

    >>> neutralised(" =SUM(A1)"), neutralised("a-b")
    ("' =SUM(A1)", 'a-b')
    """
    start = next((character for character in cell if unicodedata.category(character) not in _INVISIBLE), "")
    is_formula = cell.startswith(_FORMULA) or start in _FORMULA
    return f"'{cell}" if is_formula else cell


def show(console: Console, tally: Tally, *, dry_run: bool, report: str | None) -> None:
    """Print the counts, and the first reasons."""
    added = "would be added" if dry_run else "added"
    counts = {
        "rows read": tally.read,
        f"clients {added}": tally.clients,
        f"contacts {added}": tally.contacts,
        "rows with nothing new": tally.known,
        f"rows {'that would be ' if dry_run else ''}refused": tally.refused,
    }
    for label, count in counts.items():
        console.print(f"{count:>10,}  {label}")
    if tally.reasons:
        _show_reasons(console, tally)
    if report is not None:
        console.print(f"\nAll reasons are in {visible(report)}.")


def _show_reasons(console: Console, tally: Tally) -> None:
    table = new_table("Line", "Column", "Why it is refused")
    table.columns[0].justify = "right"
    for reason in tally.first:
        table.add_row(*row_of(*reason))
    console.print()
    console.print(table)
    if (more := tally.reasons - len(tally.first)) > 0:
        console.print(f"... and {more:,} more reasons; --report FILE writes all of them.")
