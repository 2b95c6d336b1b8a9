"""The columns of an import: their names, the other names that real files give them, and what they hold."""

from __future__ import annotations

import re
import unicodedata
from argparse import Namespace
from collections import defaultdict
from collections.abc import Collection, Sequence

from clientmgmt._cli.exits import FINE, CannotRunError
from clientmgmt._cli.output import new_console, new_table, row_of, visible
from clientmgmt.domain import IMPORT_COLUMNS

__all__ = ["ALIASES", "canonical", "columns_of", "known_in", "run"]

ALIASES = {
    "client": (
        *("account", "account_name", "business", "client_name", "company", "company_name"),
        *("customer", "customer_name", "organisation", "organization"),
    ),
    "client_email": (
        *("account_email", "client_e_mail", "company_email", "company_e_mail", "customer_email"),
        *("organisation_email", "organization_email", "primary_email"),
    ),
    "kind": ("client_kind", "client_type", "type"),
    "status": ("client_status",),
    "language": ("lang", "locale"),
    "system": ("source", "source_system"),
    "reference": ("client_id", "customer_id", "external_id", "external_reference", "id"),
    "first_name": ("firstname", "forename", "given_name"),
    "last_name": ("family_name", "lastname", "surname"),
    "email": ("contact_email", "e_mail", "e_mail_address", "email_address", "mail", "user_email"),
    "phone": ("phone_number", "tel", "telephone"),
    "job_title": ("job", "position", "title"),
    "role": ("contact_role", "user_role"),
}
_REQUIRED = ("client", "client_email")
_NAMES = {name: name for name in ALIASES} | {alias: name for name, known in ALIASES.items() for alias in known}
_SEPARATORS = re.compile(r"[\W_]+")


def run(_arguments: Namespace) -> int:
    """Print the table of columns."""
    console = new_console()
    table = new_table("Column", "Holds", "May also be called")
    for name, meaning in IMPORT_COLUMNS.items():
        table.add_row(*row_of(name, meaning, ", ".join(ALIASES[name])))
    console.print(table)
    console.print("\nUpper or lower case does not matter, and space, hyphen and underscore are the same.")
    console.print("The order of the columns does not matter.")
    return FINE


def canonical(header: str) -> str | None:
    """The column that a header means, if there is one.

    >>> canonical("E-Mail"), canonical(" Company  EMAIL "), canonical("Shoe size")
    ('email', 'client_email', None)
    """
    return _NAMES.get(_unified(header))


def known_in(headers: Sequence[str]) -> int:
    """How many of the headers mean a column."""
    return sum(canonical(header) is not None for header in headers)


def columns_of(headers: Sequence[str], *, ignored: Collection[str] = ()) -> tuple[str | None, ...]:
    """The column that each header means, ``None`` for those to leave out.

    ``CannotRunError`` names every header that is unknown, every column that two headers mean, and every
    required one that is missing.
    """
    left_out = {_unified(header) for header in ignored}
    columns = tuple(None if _unified(header) in left_out else canonical(header) for header in headers)
    unknown = [
        f"'{visible(header)}'" if header.strip() else f"number {position} without a name"
        for position, (header, column) in enumerate(zip(headers, columns, strict=True), 1)
        if column is None and _unified(header) not in left_out
    ]
    problems = [f"unknown columns: {', '.join(unknown)}"] if unknown else []
    problems += _doubled(headers, columns)
    missing = [name for name in _REQUIRED if name not in columns]
    problems += [f"missing columns: {', '.join(missing)}"] if missing else []
    if problems:
        message = f"{'; '.join(problems)} (see 'clientmgmt columns'; --ignore leaves a column out)"
        raise CannotRunError(message)
    return columns


def _doubled(headers: Sequence[str], columns: Sequence[str | None]) -> list[str]:
    meaning: defaultdict[str, list[str]] = defaultdict(list)
    for header, column in zip(headers, columns, strict=True):
        if column is not None:
            meaning[column].append(f"'{visible(header)}'")
    return [f"{' and '.join(names)} mean {column}" for column, names in meaning.items() if len(names) > 1]


def _unified(header: str) -> str:
    return _SEPARATORS.sub("_", unicodedata.normalize("NFKC", header).casefold()).strip("_")
