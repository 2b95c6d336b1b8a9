"""The arguments of the command line."""

from __future__ import annotations

from argparse import Action, ArgumentParser
from importlib.metadata import PackageNotFoundError, version
from typing import Any

__all__ = ["build_parser", "own_version"]

_DATABASE = "sqlite:///FILE or postgresql://USER:PASSWORD@HOST/NAME"


def own_version() -> str:
    """The version of the installed package."""
    try:
        return version("clientmgmt")
    except PackageNotFoundError:
        return "(not installed)"


def build_parser() -> ArgumentParser:
    """The parser of all commands; ``module`` names the one that was chosen."""
    parser = ArgumentParser(prog="clientmgmt", description="Clients and their people: who they are, who gets in.")
    parser.add_argument("--version", action="version", version=f"clientmgmt {own_version()}")
    parser.set_defaults(command=None)
    commands = parser.add_subparsers(title="commands", dest="command", metavar="COMMAND")
    _add_demo(commands)
    _add_import(commands)
    _add(commands, "columns", "columns", "the columns of an import, and the other names they may have")
    _add_upgrade(commands)
    _add_deliver(commands)
    _add_doctor(commands)
    _add(commands, "key", "key", "print a new secret key that signs links")
    return parser


def _add(commands: Any, name: str, module: str, summary: str) -> ArgumentParser:  # noqa: ANN401 - a private type
    parser: ArgumentParser = commands.add_parser(name, help=summary, description=f"{summary[0].upper()}{summary[1:]}.")
    parser.set_defaults(module=module)
    return parser


def _add_database(parser: ArgumentParser) -> Action:
    return parser.add_argument("--database", required=True, metavar="URL", help=_DATABASE)


def _add_names(parser: ArgumentParser) -> None:
    parser.add_argument("--prefix", default="cm_", metavar="TEXT", help="what the names of tables start with (cm_)")
    parser.add_argument("--schema", metavar="NAME", help="the schema of the tables; PostgreSQL only")


def _add_upgrade(commands: Any) -> None:  # noqa: ANN401 - as above
    parser = _add(commands, "upgrade", "upgrade", "bring the tables in a database to this release")
    parser.epilog = "Whether something is left to do, or missing, is said by 'clientmgmt doctor'."
    _add_database(parser)
    _add_names(parser)
    parser.add_argument("--to", type=int, metavar="VERSION", help="stop at this version of the schema")
    parser.add_argument("--sql", action="store_true", help="change nothing, print the script that would")
    parser.add_argument(
        "--since", type=int, metavar="VERSION", help="with --sql: the version to begin at; do not ask the database"
    )


def _add_demo(commands: Any) -> None:  # noqa: ANN401 - as above
    parser = _add(commands, "demo", "demo", "tell the story of some clients and their people on SQLite")
    parser.add_argument("file", nargs="?", metavar="FILE", help="keep the database in this new file")


def _add_import(commands: Any) -> None:  # noqa: ANN401 - as above
    summary = "add clients and their people from a CSV file; nobody is invited"
    parser = _add(commands, "import", "importing", summary)
    parser.epilog = (
        "What is there already stays as it is: the same file again adds nothing, and a run that was cut "
        "short is completed by running it again. Exit code: 0 if all rows are fine, 1 if some were refused, "
        "2 if it cannot run."
    )
    parser.add_argument("file", metavar="FILE.csv", help="a CSV file with a header; see 'clientmgmt columns'")
    _add_database(parser)
    parser.add_argument("--tenant", required=True, metavar="NAME", help="the tenant that gets the rows")
    parser.add_argument("--dry-run", action="store_true", help="only say what would be done")
    parser.add_argument("--delimiter", metavar="CHARACTER", help="what separates cells; found out if not given")
    parser.add_argument("--encoding", metavar="NAME", help="UTF-8, else cp1252, if not given")
    parser.add_argument(
        "--ignore",
        action="append",
        default=[],
        metavar="COLUMN",
        help="leave this column out; may be repeated",
    )
    parser.add_argument("--report", metavar="FILE", help="write all refused rows with their reasons to this CSV file")
    parser.add_argument("--quiet", action="store_true", help="print nothing but errors")


def _add_deliver(commands: Any) -> None:  # noqa: ANN401 - as above
    parser = _add(commands, "deliver", "sending", "send the mail that waits, with your program's own manager")
    parser.epilog = (
        "The sender, the links, the keys and the mail server are those of your program, which is why it is named "
        "and nothing of it is repeated here. SIGTERM or SIGINT: the mail in hand is finished, the rest given back; "
        "a second one stops at once. Exit code: 0 if all is fine, 1 if mail is dead or the mail server refuses the "
        "account, 2 if it cannot run, 130 if it was stopped at once. With --watch, 0 once it was told to stop."
    )
    parser.add_argument(
        "--app",
        required=True,
        metavar="MODULE:NAME",
        help="your ClientManager, or a function without arguments that makes it",
    )
    parser.add_argument("--watch", action="store_true", help="go on until told to stop")
    parser.add_argument("--limit", type=int, metavar="N", help="end after so many mails")
    parser.add_argument(
        "--interval",
        type=float,
        default=5.0,
        metavar="S",
        help="with --watch: look again after at most so many seconds (5)",
    )


def _add_doctor(commands: Any) -> None:  # noqa: ANN401 - as above
    parser = _add(commands, "doctor", "doctor", "say whether an installation can do its work")
    _add_database(parser)
    _add_names(parser)
    summary = "the store is used with row-level security; PostgreSQL only"
    parser.add_argument("--row-level-security", action="store_true", help=summary)
    keys = parser.add_mutually_exclusive_group()
    keys.add_argument("--key", action="append", default=[], help="a key that signs links; may be repeated")
    keys.add_argument("--key-file", metavar="FILE", help="a file with such keys, one per line")
