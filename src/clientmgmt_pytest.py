"""The plugin for pytest that comes with clientmgmt; pytest finds it by itself.

It stands beside the package, not in it, and imports it only where a fixture is used: pytest loads its plugins before
it measures coverage, and what is imported by then counts as never run.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from clientmgmt import Settings
    from clientmgmt.testing import Sandbox

__all__ = ["clientmgmt_sandbox", "clientmgmt_settings", "pytest_terminal_summary"]

_GAP = "clientmgmt_gap"
_WORDS = {"skipped": "not tried", "xfailed": "failed as expected", "xpassed": "works all the same", "failed": "failed"}


@pytest.fixture
def clientmgmt_settings() -> Settings:
    """What :func:`clientmgmt_sandbox` is made with; override it to use the settings of your application."""
    from clientmgmt.testing import SANDBOX_SETTINGS  # noqa: PLC0415 - see the module

    return SANDBOX_SETTINGS


@pytest.fixture
def clientmgmt_sandbox(clientmgmt_settings: Settings) -> Iterator[Sandbox]:
    """A :class:`clientmgmt.testing.Sandbox` with a store of its own in memory."""
    from clientmgmt.testing import Sandbox  # noqa: PLC0415 - see the module

    with Sandbox(settings=clientmgmt_settings) as sandbox:
        yield sandbox


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name what stores and notifiers were declared to lack, and what became of the promises that take it."""
    gaps: dict[tuple[str, ...], dict[str, set[str]]] = {}
    for outcome, reports in terminalreporter.stats.items():
        for report in reports:
            for name, value in getattr(report, "user_properties", ()):
                if name == _GAP:
                    promises = gaps.setdefault(tuple(value), {}).setdefault(outcome, set())
                    promises.add(report.nodeid.rpartition("::")[2])
    if gaps:
        terminalreporter.section("clientmgmt: declared as lacking")
    for (suite, capability, reason), outcomes in sorted(gaps.items()):
        terminalreporter.write_line(f"{suite} lacks {capability}: {reason}")
        for outcome, words in _WORDS.items():
            if found := sorted(outcomes.get(outcome, ())):
                terminalreporter.write_line(f"  {words}: {', '.join(found)}")
