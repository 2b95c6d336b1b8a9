"""How a story is put on the screen: headings, sentences, and lists under them."""

from __future__ import annotations

from datetime import datetime

from rich.console import Console
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from clientmgmt._cli.output import row_of, visible
from clientmgmt.domain import ContactState

__all__ = ["Teller", "badge", "day_and_time"]


class Teller:
    """Prints a story. What is said comes out as it is: no name can be markup or move the cursor."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def chapter(self, title: str, at: datetime | None = None) -> None:
        """A heading, with the time at which it happens."""
        when = f"{day_and_time(at)}  " if at else ""
        self._console.print()
        heading = Text.assemble((when, "cyan"), (title, "bold"))
        self._console.print(Rule(heading, align="left", style="dim"))

    def say(self, sentence: str) -> None:
        """One sentence."""
        self._console.print(Padding(Text(visible(sentence)), (0, 0, 0, 2), expand=False))

    def items(self, *rows: tuple[str, ...]) -> None:
        """A list whose columns stand under each other."""
        grid = Table.grid(padding=(0, 2, 0, 0))
        for row in rows:
            grid.add_row(*row_of(*row))
        self._console.print(Padding(grid, (0, 0, 0, 4), expand=False))

    def quote(self, text: str) -> None:
        """A text as it was sent; its lines are not broken, so that links stay whole."""
        for line in text.rstrip().split("\n"):
            self._console.print(f"  | {visible(line)}".rstrip(), soft_wrap=True)

    def table(self, table: Table) -> None:
        """A table."""
        self._console.print(table)


def badge(state: ContactState) -> str:
    """The state in the words of a list of contacts.

    >>> badge(ContactState.PENDING_INVITE)
    'Pending Invite'
    """
    return state.value.replace("_", " ").title()


def day_and_time(at: datetime | None) -> str:
    """A short time in UTC; nothing if there was none.

    >>> from datetime import UTC
    >>> day_and_time(datetime(2026, 1, 5, 9, tzinfo=UTC))
    '5 Jan 09:00'
    """
    return "" if at is None else f"{at.day} {at:%b %H:%M}"
