"""Stories are told on all three stores through the synchronous facade. Through the asynchronous one, which is written
from it and asks the same stores in threads, some of them are told on SQLite too, and in the slow run all of them in
memory, and those some on PostgreSQL. `tests/adapters` has the stores that are asynchronous themselves.
"""

from __future__ import annotations

import pytest

ALWAYS = {"test_accepting", "test_feed", "test_idempotency", "test_transactions"}
"""Modules that are told through both facades on SQLite in the default run, and on all stores in the slow one."""


@pytest.fixture(params=["sync", "async"])
def facade(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    left_out = []
    for item in items:
        options = item.callspec.params if isinstance(item, pytest.Function) and hasattr(item, "callspec") else {}
        if options.get("facade") != "async":
            continue
        always, storage = item.path.stem in ALWAYS, options.get("storage")
        if not always and storage != "memory":
            left_out.append(item)
        elif not always or storage != "sqlite":
            item.add_marker(pytest.mark.slow)
    config.hook.pytest_deselected(items=left_out)
    dropped = set(left_out)
    items[:] = [item for item in items if item not in dropped]
