"""The README's two commands set everything up, and CI runs exactly these."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DEMO = "python3 -m venv .venv && .venv/bin/pip install -q -e '.[cli]' && .venv/bin/clientmgmt demo"
TESTS = "python3 -m venv .venv && .venv/bin/pip install -q -e '.[dev]' && .venv/bin/pytest"


@pytest.mark.parametrize("command", [DEMO, TESTS], ids=["demo", "tests"])
@pytest.mark.parametrize("name", ["README.md", ".ci/run"])
def test_readme_and_ci_have_the_same_commands(name: str, command: str) -> None:
    lines = [line.strip().removeprefix("$ ") for line in (ROOT / name).read_text("utf-8").splitlines()]
    assert lines.count(command) == 1, f"{name} needs exactly one line that reads: {command}"
