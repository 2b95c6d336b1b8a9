"""What is printed: plain text in pipes, 80 columns unless the terminal has more."""

from __future__ import annotations

import unicodedata

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

__all__ = ["new_console", "new_table", "row_of", "visible"]

_ESCAPED = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_JOINERS = "\u200c\u200d"


def new_console(*, stderr: bool = False) -> Console:
    """A console that colours nothing but tables and headings, and only on a terminal."""
    return Console(stderr=stderr, highlight=False, emoji=False, markup=False)


def new_table(*headers: str, gap: int = 2) -> Table:
    """An open table with these headers, its columns ``gap`` apart."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, gap - 1, 0, 0), show_edge=False)
    for header in headers:
        table.add_column(header, overflow="fold")
    return table


def row_of(*cells: str) -> tuple[Text, ...]:
    """Cells whose text is shown as it is, never read as markup."""
    return tuple(Text(visible(cell)) for cell in cells)


def visible(text: str) -> str:
    r"""The text with escapes for what would move the cursor, colour the screen or turn the direction.

    >>> visible("a\x1b[31mb")
    'a\\x1b[31mb'
    """
    return "".join(map(_neutral, text))


def _neutral(character: str) -> str:
    if character in _JOINERS or unicodedata.category(character) not in _ESCAPED:
        return character
    return character.encode("unicode_escape").decode()
