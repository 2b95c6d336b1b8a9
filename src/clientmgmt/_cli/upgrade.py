"""Bringing a database to this release."""

from __future__ import annotations

from argparse import Namespace

from clientmgmt._cli.exits import FINE
from clientmgmt._cli.stores import masked, open_manager

__all__ = ["run"]


def run(arguments: Namespace) -> int:
    """Create what is missing and say what was done."""
    with open_manager(arguments.database) as manager:
        done = manager.upgrade()
    for step in done:
        print(step)
    print(f"{masked(arguments.database)}: {'upgraded' if done else 'nothing to do'}")
    return FINE
