# A script on its own, not a package.
# ruff: noqa: INP001
"""Writes the asynchronous facade from the synchronous one: ``python scripts/asyncify.py`` after a change of it.

Both have the same methods, parameters and docstrings; in the one that is written, what takes time is awaited. A test
says whether what is written is up to date.
"""

from __future__ import annotations

import ast
import io
import subprocess
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1] / "src" / "clientmgmt"
SOURCE, TARGET = ROOT / "_manager", ROOT / "_manager_async"

BY_HAND = frozenset({"driver.py", "paging.py"})
"""What is not the same with ``await``: how steps are performed, and a helper whose argument is awaited."""

NAMES = {
    "ClientManager": "AsyncClientManager",
    "Entrance": "AsyncEntrance",
    "Feed": "AsyncFeed",
    "Iterator": "AsyncIterator",
    "Storage": "AsyncStorage",
    "Workspace": "AsyncWorkspace",
    "__enter__": "__aenter__",
    "__exit__": "__aexit__",
    "_manager": "_manager_async",
    "contextmanager": "asynccontextmanager",
    "iter_all": "aiter_all",
    "open_storage": "open_async_storage",
}
"""Names in code; text is left as it is."""

DRIVER = frozenset({"ask", "handle", "pause", "run_unit", "send", "slow"})
METHODS = frozenset({"_do", "_record", "_unit", "close", "read", "run", "write", "write_once"})
"""Functions of the driver, and methods of calls, units and managers, that take time; those of desks only say how."""

CONTEXTS = frozenset({"open_unit", "transaction"})
"""What is entered with ``async with``."""

HEAD = "# Written by scripts/asyncify.py from {source}: change that one.\n"


def main() -> None:
    """Write all modules; with ``--check`` only say which are out of date."""
    stale = [path for path, text in written() if not path.exists() or path.read_text("utf-8") != text]
    if "--check" in sys.argv:
        sys.exit("\n".join(map(str, stale)) or None)
    for path, text in written():
        path.write_text(text, "utf-8")


def written() -> Iterator[tuple[Path, str]]:
    """Every module of the asynchronous facade that is not written by hand, and its text."""
    for path in sorted(SOURCE.glob("*.py")):
        if path.name not in BY_HAND:
            text = renamed(awaited(path.read_text("utf-8")))
            yield TARGET / path.name, formatted(HEAD.format(source=f"_manager/{path.name}") + text)


def awaited(text: str) -> str:
    """The same code with ``async`` and ``await`` where something takes time."""
    lines = text.splitlines(keepends=True)
    for line, column, word in sorted(marks(ast.parse(text)), reverse=True):
        code = lines[line - 1].encode()
        lines[line - 1] = (code[:column] + word.encode() + code[column:]).decode()
    return "".join(lines)


def marks(tree: ast.Module) -> set[tuple[int, int, str]]:
    """Where which word is to be put in."""
    found: set[tuple[int, int, str]] = set()
    for holder in ast.walk(tree):
        if not isinstance(holder, ast.ClassDef | ast.Module):
            continue
        functions = [node for node in holder.body if isinstance(node, ast.FunctionDef)]
        slow = {function.name for function in functions if takes_time(function)}
        for function in functions:
            if function.name in slow:
                found.add((function.lineno, function.col_offset, "async "))
            for node in own_nodes(function):
                if isinstance(node, ast.Call) and is_awaited(node):
                    found.add((node.lineno, node.col_offset, "await "))
                if isinstance(node, ast.With) and is_entered(node):
                    found.add((node.lineno, node.col_offset, "async "))
    return found


def takes_time(function: ast.FunctionDef) -> bool:
    """Whether a function awaits, or is a context manager that does; or is the method that enters one."""
    nodes = list(own_nodes(function))
    awaits = any(isinstance(node, ast.Call) and is_awaited(node) for node in nodes)
    enters = any(isinstance(node, ast.With) and is_entered(node) for node in nodes)
    return awaits or enters or function.name in {"__enter__", "__exit__"}


def own_nodes(function: ast.FunctionDef) -> Iterator[ast.AST]:
    """The nodes of a function, without those of functions inside it."""
    waiting: list[ast.AST] = list(function.body)
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, ast.FunctionDef | ast.Lambda):
            waiting.extend(ast.iter_child_nodes(node))


def is_awaited(call: ast.Call) -> bool:
    """Whether a call takes time."""
    match call.func:
        case ast.Name(name):
            return name in DRIVER
        case ast.Attribute(ast.Attribute(attr="desk")):
            return False
        case ast.Attribute(ast.Name("self") | ast.Attribute() | ast.Call(), name):
            return name in METHODS
        case _:
            return False


def is_entered(block: ast.With) -> bool:
    """Whether a context manager takes time to enter and leave."""
    for item in block.items:
        if isinstance(item.context_expr, ast.Call):
            match item.context_expr.func:
                case ast.Name(name) | ast.Attribute(_, name):
                    if name in CONTEXTS:
                        return True
                case _:
                    pass
    return False


def renamed(text: str) -> str:
    """The same code with the names of the asynchronous facade."""
    words = NAMES | {f'"{name}"': f'"{new}"' for name, new in NAMES.items()}  # the latter stand in __all__
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    return untokenized([token._replace(string=words.get(token.string, token.string)) for token in tokens])


def untokenized(tokens: list[tokenize.TokenInfo]) -> str:
    """The code of tokens, each as far from the one before as it was."""
    parts: list[str] = []
    line, column = 1, 0
    for token in tokens:
        if token.start[0] > line:
            column = 0
        parts.append(" " * (token.start[1] - column))
        parts.append(token.string)
        line, column = token.end
    return "".join(parts)


def formatted(text: str) -> str:
    """The code as the formatter wants it."""
    for command in (["check", "--select", "I,RUF022", "--fix-only", "-q"], ["format", "-q"]):
        done = subprocess.run(  # noqa: S603 - our own tool
            [sys.executable, "-m", "ruff", *command, "--stdin-filename", str(TARGET / "module.py"), "-"],
            input=text,
            capture_output=True,
            text=True,
            check=True,
        )
        text = done.stdout
    return text


if __name__ == "__main__":
    main()
