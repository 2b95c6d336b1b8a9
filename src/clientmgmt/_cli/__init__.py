"""The command line. It is a host application like any other: it uses public names only."""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import cast

from clientmgmt._cli.exits import CANNOT_RUN, INTERRUPTED, NOT_ALL_FINE, CannotRunError
from clientmgmt._cli.parser import build_parser
from clientmgmt.errors import ClientMgmtError, MissingExtraError

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and answer its exit code.

    Args:
        argv: the arguments after the name of the program; those of the process if not given.

    Returns:
        0 if all is fine, 1 if not all is, 2 if the command cannot run, 130 if it was interrupted.
    """
    _never_fail_to_print()
    parser = build_parser()
    arguments = parser.parse_args(argv)
    if arguments.command is None:
        parser.print_help()
        return CANNOT_RUN
    return _run(arguments)


def _run(arguments: Namespace) -> int:
    try:
        code = _command(arguments.module)(arguments)
        sys.stdout.flush()
    except (CannotRunError, ClientMgmtError) as error:
        print(f"clientmgmt {arguments.command}: {error}", file=sys.stderr)
        return CANNOT_RUN
    except BrokenPipeError:  # whoever read the output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return NOT_ALL_FINE
    except OSError as error:  # a full disk, for instance
        print(f"clientmgmt {arguments.command}: {error}", file=sys.stderr)
        return CANNOT_RUN
    except KeyboardInterrupt:
        print(f"clientmgmt {arguments.command}: interrupted; what was done stays done", file=sys.stderr)
        return INTERRUPTED
    return code


def _command(module: str) -> Callable[[Namespace], int]:
    """The command in ``module``, loaded when it is needed, so that help comes at once."""
    try:
        loaded = import_module(f"clientmgmt._cli.{module}")
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "rich":
            raise
        extra = "cli"
        raise MissingExtraError(extra) from None
    return cast("Callable[[Namespace], int]", loaded.run)


def _never_fail_to_print() -> None:
    """Show as an escape what the encoding of the terminal does not have."""
    for stream in (sys.stdout, sys.stderr):
        if reconfigure := getattr(stream, "reconfigure", None):
            reconfigure(errors="backslashreplace")
