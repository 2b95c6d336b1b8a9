"""What the documentation takes from the code is what the code says now."""

from __future__ import annotations

from pathlib import Path

import pytest
from docs.generate import DOCS, PAGES, REGION, WRITERS, generated


@pytest.mark.parametrize("page", PAGES, ids=[page.stem for page in PAGES])
def test_no_page_is_stale(page: Path) -> None:
    text = page.read_text("utf-8")
    assert generated(text) == text, "run: python docs/generate.py"


def test_everything_that_can_be_generated_stands_on_one_page() -> None:
    pages = [page.read_text("utf-8") for page in DOCS.rglob("*.md") if DOCS / "_build" not in page.parents]
    found = [region["name"] for page in pages for region in REGION.finditer(page)]
    assert sorted(found) == sorted(WRITERS)


def test_a_stale_page_would_be_found() -> None:
    page = "before\n% begin generated: import columns\n\n| old |\n\n% end generated\nafter\n"
    assert generated(page) != page
    assert generated(generated(page)) == generated(page)
    assert generated(page).startswith("before\n% begin generated: import columns\n\n| Column | Holds |\n")
    assert generated(page).endswith("|\n\n% end generated\nafter\n")
