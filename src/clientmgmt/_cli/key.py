"""A new secret key."""

from __future__ import annotations

from argparse import Namespace

from clientmgmt import generate_key
from clientmgmt._cli.exits import FINE

__all__ = ["run"]


def run(_arguments: Namespace) -> int:
    """Print a key, and nothing else: it can be piped into a file."""
    print(generate_key())
    return FINE
