"""Writes what the documentation takes from the code: ``python docs/generate.py``.

What stands between a line ``% begin generated: NAME`` and a line ``% end generated`` of a page is replaced.
``tests/test_docs_generated.py`` fails while a page is stale.
"""

# ruff: noqa: INP001 - a script, not a package

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from clientmgmt.domain import (
    CLIENT_LIFECYCLE,
    CONTACT_COLUMNS,
    CONTACT_LIFECYCLE,
    IMPORT_COLUMNS,
    INVITATION_LIFECYCLE,
    OPERATIONS,
    SITE_LIFECYCLE,
    Catalog,
    Lifecycle,
    Need,
    RoleKind,
)
from clientmgmt.domain.roles import BELONG, ENTER

__all__ = ["PAGES", "generated"]

DOCS = Path(__file__).parent
PAGES = tuple(DOCS / name for name in ("explanation/states.md", "how-to/import-from-csv.md", "reference/roles.md"))
REGION = re.compile(r"(?<=^% begin generated: )(?P<name>[^\n]+)\n.*?(?=^% end generated$)", re.MULTILINE | re.DOTALL)


def generated(text: str) -> str:
    """The text of a page with all its regions written anew; ``KeyError`` if a region has an unknown name."""
    return REGION.sub(lambda found: f"{found['name']}\n\n{WRITERS[found['name']]()}\n", text)


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [header, ["---"] * len(header), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def code(text: str) -> str:
    """The text as code."""
    return f"`{text}`"


def diagram(lifecycle: Lifecycle[Any, Any]) -> str:
    """The lifecycle as a mermaid diagram, and as a table of triggers and states."""
    ends = (state for row in lifecycle.transitions for state in (row.source, row.target))
    states = dict.fromkeys([lifecycle.initial, *ends])
    triggers = list(dict.fromkeys(row.trigger for row in lifecycle.transitions))

    def cell(state: Any, trigger: Any) -> str:  # noqa: ANN401 - each lifecycle has enumerations of its own
        return code(lifecycle.target(state, trigger)) if lifecycle.allows(state, trigger) else ""

    rows = ([code(trigger), *(cell(state, trigger) for state in states)] for trigger in triggers)
    fence = f"```mermaid\n{lifecycle.to_mermaid()}```\n\n"
    return fence + table(["in state", *(code(state) for state in states)], rows)


def roles(kind: RoleKind) -> str:
    """Which role of this kind has which permission."""
    known = [role.name for role in Catalog().of_kind(kind)]
    matrix = Catalog().matrix(kind)
    rows = ([code(name), *("yes" if role in roles else "" for role in known)] for name, roles in matrix.items())
    return table(["permission", *map(code, known)], rows)


def columns(known: Mapping[str, str]) -> str:
    """The columns of the rows that a bulk command takes."""
    return table(["Column", "Holds"], ([code(name), meaning] for name, meaning in known.items()))


def operations() -> str:
    """What each operation of a workspace needs, of staff and of a client's user."""
    rows = (
        [code(name), code(need.staff), for_client(need)] for name, need in OPERATIONS.items() if need.staff != ENTER
    )
    return table(["operation", "staff needs", "a client's user needs"], rows)


def for_client(need: Need) -> str:
    """What a client's user needs; nothing where the operation is not for them."""
    if need.client is None:
        return ""
    needed = "to be a contact" if need.client == BELONG else code(need.client)
    return f"{needed}, for all sites" if need.whole else needed


WRITERS: dict[str, Callable[[], str]] = {
    "client lifecycle": lambda: diagram(CLIENT_LIFECYCLE),
    "contact lifecycle": lambda: diagram(CONTACT_LIFECYCLE),
    "invitation lifecycle": lambda: diagram(INVITATION_LIFECYCLE),
    "site lifecycle": lambda: diagram(SITE_LIFECYCLE),
    "operations": operations,
    "roles of client users": lambda: roles(RoleKind.CLIENT),
    "roles of staff users": lambda: roles(RoleKind.STAFF),
    "contact columns": lambda: columns(CONTACT_COLUMNS),
    "import columns": lambda: columns(IMPORT_COLUMNS),
}

if __name__ == "__main__":
    for page in PAGES:
        page.write_text(generated(page.read_text("utf-8")), "utf-8")
