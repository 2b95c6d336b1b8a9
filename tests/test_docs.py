"""Every Python block of the README and of docs/ is executed, file by file, from top to bottom.

A block fenced as ``output`` must equal what has been printed since the last one. Blocks in other languages,
such as ``console``, are for the reader only. Each file is one test: its blocks build on each other, and
neither random order nor the distribution of tests over processes may tear them apart.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa
from sybil import Document, Example
from sybil.parsers.myst import CodeBlockParser, PythonCodeBlockParser

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = [
    ROOT / "README.md",
    *sorted(page for page in DOCS.rglob("*.md") if DOCS / "_build" not in page.parents),
]
MISSPELT = re.compile(r"^\s*[`~]{3,}\s*(\{code-block\}\s*)?(py|python3|pycon|ipython|pycon3)\s*$", re.MULTILINE)

pages = pytest.mark.parametrize("page", PAGES, ids=[page.relative_to(ROOT).as_posix() for page in PAGES])


@contextmanager
def closing_files() -> Iterator[None]:
    """Close the connections to SQLite that pages leave open: readers of pages end their programs instead."""
    opened: list[object] = []

    def remember(driver: object, _: object) -> None:
        opened.append(driver)

    sa.event.listen(sa.pool.Pool, "connect", remember)
    try:
        yield
    finally:
        sa.event.remove(sa.pool.Pool, "connect", remember)
        for driver in opened:
            if isinstance(driver, sqlite3.Connection):
                driver.close()


@pages
def test_the_examples_run(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def compare(example: Example) -> str | None:
        printed = capsys.readouterr().out
        return None if printed == example.parsed else f"said to print:\n{example.parsed}\nprinted:\n{printed}"

    monkeypatch.chdir(tmp_path)
    document = Document.parse(str(page), PythonCodeBlockParser(), CodeBlockParser("output", compare))
    with closing_files():
        for example in document:
            example.evaluate()


@pages
def test_python_blocks_are_fenced_as_python(page: Path) -> None:
    assert not MISSPELT.search(page.read_text("utf-8")), "fence it as `python`, so that it is executed"
