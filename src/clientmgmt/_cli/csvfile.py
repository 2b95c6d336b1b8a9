"""Reading a CSV file as it comes: how it is written is found out, what is broken is told, never guessed."""

from __future__ import annotations

import csv
import io
import re
from collections import deque
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import BinaryIO, TextIO

import attrs

from clientmgmt._cli.columns import columns_of, known_in
from clientmgmt._cli.encodings import decoded
from clientmgmt._cli.exits import CannotRunError

__all__ = ["Record", "Sheet", "open_sheet"]

_DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "vertical bar"}
_LONGEST_RECORD = 100
_LONGEST_CELL = 131_072
_SAMPLE = 100
_PADDING = " \t\u00a0"
_EXCEL = re.compile(r"sep=(.)\s*", re.IGNORECASE)


@attrs.frozen
class Record:
    """A row: the line on which it begins, and its cells by column, or why it has none."""

    line: int
    cells: dict[str, str] | None
    problem: str = ""


@attrs.frozen(kw_only=True)
class Sheet:
    """A file that can be read: how it is written, what its columns are called there, and its rows."""

    encoding: str
    delimiter: str
    headers: dict[str, str]
    rows: Iterator[Record]

    def __str__(self) -> str:
        return f"{self.encoding}, separated by {_DELIMITERS.get(self.delimiter, repr(self.delimiter))}"


@contextmanager
def open_sheet(
    file: BinaryIO, *, encoding: str | None = None, delimiter: str | None = None, ignored: Collection[str] = ()
) -> Iterator[Sheet]:
    """Find out how ``file`` is written and read its header.

    Args:
        file: it is read twice.
        encoding: UTF-8 if not given, with or without a byte order mark, else cp1252.
        delimiter: what fits the header best if not given.
        ignored: headers to leave out.

    Raises:
        CannotRunError: the text cannot be decoded, there is no header, or its columns are unknown or missing.
    """
    with decoded(file, encoding) as (name, text):
        yield _sheet(text, name, delimiter and _checked(delimiter), ignored)


def _sheet(text: TextIO, encoding: str, delimiter: str | None, ignored: Collection[str]) -> Sheet:
    lines = _Lines(text)
    first = lines.first()
    separator = delimiter or first.delimiter or _guess(first.text)
    rows = _split(lines, separator)
    _, header, problem = next(rows, (0, [], "is missing: the file is empty"))
    if problem:
        message = f"the header {problem}"
        raise CannotRunError(message)
    headers = _without_empty_end(header, 0)
    columns = columns_of(headers, ignored=ignored)
    named = {column: title for column, title in zip(columns, headers, strict=True) if column is not None}
    return Sheet(encoding=encoding, delimiter=separator, headers=named, rows=_records(rows, columns))


@attrs.frozen
class _First:
    text: str
    delimiter: str | None


class _Lines(Iterator[str]):
    """The lines of a text, those of the record that is being read kept back, so that it can be given up."""

    def __init__(self, text: TextIO) -> None:
        self._text = text
        self._waiting: deque[str] = deque()
        self._taken: list[str] = []
        self._line = 1

    @property
    def line(self) -> int:
        """The number of the line on which the record begins."""
        return self._line

    def __next__(self) -> str:
        if len(self._taken) >= _LONGEST_RECORD:
            message = "too many lines"
            raise csv.Error(message)
        line = self._waiting.popleft() if self._waiting else next(self._text)
        self._taken.append(line)
        return line

    def end_record(self) -> None:
        """The next line begins a record."""
        self._line += len(self._taken)
        self._taken.clear()

    def give_up(self) -> bool:
        """Begin a record with the line after the one that began this; answer if there were more lines."""
        again = self._taken[1:]
        self._waiting.extendleft(reversed(again))
        self._line += 1
        self._taken.clear()
        return bool(again)

    def first(self) -> _First:
        """The lines with which the header begins, and the delimiter that a line for Excel before it names."""
        lines = list(islice(self._text, _SAMPLE))
        blank = next((number for number, line in enumerate(lines) if line.strip()), len(lines))
        excel = _EXCEL.fullmatch(lines[blank]) if blank < len(lines) else None
        skipped = blank + (excel is not None)
        self._line += skipped
        self._waiting.extend(lines[skipped:])
        return _First("".join(lines[skipped:]), excel and excel[1])


def _checked(delimiter: str) -> str:
    character = "\t" if delimiter.lower() in {"tab", "\\t"} else delimiter
    if len(character) != 1 or character in '"\r\n \0':
        message = "the delimiter must be one character, or 'tab'"
        raise CannotRunError(message)
    return character


def _guess(sample: str) -> str:
    """The delimiter with which the header has the most known columns."""
    return max(_DELIMITERS, key=lambda delimiter: known_in(_header(sample, delimiter)))


def _header(sample: str, delimiter: str) -> Sequence[str]:
    rows = csv.reader(io.StringIO(sample, newline=""), delimiter=delimiter)
    try:
        return next(rows, [])
    except csv.Error:  # it will be told when it is read
        return []


def _split(lines: _Lines, delimiter: str) -> Iterator[tuple[int, list[str], str]]:
    """The rows that are not blank: number of the first line, cells, and what is wrong if there are none."""
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            line = lines.line
            yield line, [], _explained(error, has_more_lines=lines.give_up())
            reader = csv.reader(lines, delimiter=delimiter, strict=True)
        else:
            line = lines.line
            lines.end_record()
            if any(cell.strip() for cell in cells):
                yield line, cells, ""


def _explained(error: csv.Error, *, has_more_lines: bool) -> str:
    if has_more_lines or "end of data" in str(error):
        return "has a quote that is not closed"
    if "field limit" in str(error):
        return f"has a cell of more than {_LONGEST_CELL} characters"
    return "has a quote inside a quoted cell that is not doubled"


def _records(rows: Iterator[tuple[int, list[str], str]], columns: Sequence[str | None]) -> Iterator[Record]:
    width = len(columns)
    for line, found, problem in rows:
        cells = _without_empty_end(found, width)
        if problem:
            yield Record(line, None, problem)
        elif len(cells) != width:
            yield Record(line, None, _misfit(len(cells), width))
        else:
            named = zip(columns, cells, strict=True)
            yield Record(line, {column: cell.strip(_PADDING) for column, cell in named if column is not None})


def _misfit(count: int, width: int) -> str:
    return f"has {count} of {width} cells" if count < width else f"has {count} cells, the header has {width}"


def _without_empty_end(cells: list[str], width: int) -> list[str]:
    """The cells without the empty ones at the end, as far as there are more than ``width``."""
    while len(cells) > width and not cells[-1].strip():
        cells.pop()
    return cells
