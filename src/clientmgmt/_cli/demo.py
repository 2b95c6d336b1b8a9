"""The story of some clients and their people, told on SQLite with the clock in hand."""

from __future__ import annotations

from argparse import Namespace
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import sqlalchemy as sa

from clientmgmt._cli.exits import FINE, CannotRunError
from clientmgmt._cli.output import new_console, visible
from clientmgmt._cli.story import Story
from clientmgmt._cli.tables import print_audit, print_contacts, print_mails
from clientmgmt._cli.teller import Teller
from clientmgmt.adapters.sqlalchemy import SQLStorage

__all__ = ["run"]

_READ_ON = "Read on in docs/index.md: the tutorial builds this step by step."


def run(arguments: Namespace) -> int:
    """Tell the story in a new file, or in a temporary one that is removed."""
    if arguments.file is None:
        with TemporaryDirectory(prefix="clientmgmt-") as folder:
            _tell(Path(folder, "demo.db"))
        _end("The database is gone; 'clientmgmt demo demo.db' keeps it.")
    else:
        _tell(_unused(Path(arguments.file)))
        _end(f"The database is kept: 'clientmgmt doctor --database sqlite:///{arguments.file}' looks at it.")
    return FINE


def _unused(path: Path) -> Path:
    if path.exists() and not (path.is_file() and path.stat().st_size == 0):
        message = f"{path} is there already and stays as it is: name a new file"
        raise CannotRunError(message)
    if path.absolute().parent.is_dir():
        return path
    message = f"there is no folder {path.parent}"
    raise CannotRunError(message)


def _tell(path: Path) -> None:
    console = new_console()
    with closing(SQLStorage(sa.URL.create("sqlite", database=str(path)))) as storage:
        teller = Teller(console)
        story = Story(storage, teller)
        story.tell()
        print_contacts(teller, story)
        print_mails(teller, story)
        print_audit(teller, story)


def _end(where: str) -> None:
    console = new_console()
    console.print()
    console.print(visible(where), soft_wrap=True)
    console.print(_READ_ON)
