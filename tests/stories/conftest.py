"""Stories are told on all three stores through the synchronous facade; through the asynchronous one some of them on
SQLite, and all of them on all stores in the slow run.
"""

from __future__ import annotations

import pytest

ALWAYS = {"test_accepting", "test_feed", "test_idempotency", "test_transactions"}
"""Modules that are told through both facades in the default run."""


@pytest.fixture(params=["sync", "async"])
def facade(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        options = item.callspec.params if isinstance(item, pytest.Function) and hasattr(item, "callspec") else {}
        usual = item.path.stem in ALWAYS and options.get("storage") == "sqlite"
        if options.get("facade") == "async" and not usual:
            item.add_marker(pytest.mark.slow)
