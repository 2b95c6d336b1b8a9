"""Every program in examples/ runs without any extra and prints what it says; the first one is the README's."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
QUICKSTART = ROOT / "examples" / "quickstart.py"
OTHERS = sorted(set((ROOT / "examples").glob("*.py")) - {QUICKSTART})
BLOCKED = [
    "alembic",
    "argon2",
    "asyncpg",
    "django",
    "greenlet",
    "hypothesis",
    "opentelemetry",
    "psycopg",
    "pytest",
    "rich",
]
BLOCK = re.compile(r"^```(?P<language>\w+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)


def first_block(language: str) -> str:
    """The first fenced block of the README in this language."""
    blocks = BLOCK.finditer((ROOT / "README.md").read_text("utf-8"))
    return next(block["text"] for block in blocks if block["language"] == language)


def test_the_readme_shows_the_quickstart() -> None:
    assert first_block("python") == QUICKSTART.read_text("utf-8")


def program_output(script: Path, folder: Path) -> str:
    """What a program prints where no extra is installed, and where warnings are errors."""
    program = f"""
import importlib.util
import runpy
import sys

find = importlib.util.find_spec
importlib.util.find_spec = lambda name, *more: None if name in {BLOCKED!r} else find(name, *more)
sys.modules |= dict.fromkeys({BLOCKED!r})
runpy.run_path({str(script)!r}, run_name="__main__")
"""
    command = [sys.executable, "-W", "error", "-c", program]
    ran = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert not list(folder.iterdir())
    return ran.stdout


def test_the_quickstart_prints_what_the_readme_says(tmp_path: Path) -> None:
    assert program_output(QUICKSTART, tmp_path) == first_block("output")


@pytest.mark.parametrize("script", OTHERS, ids=[script.stem for script in OTHERS])
def test_a_program_prints_what_it_says(script: Path, tmp_path: Path) -> None:
    _, _, said = script.read_text("utf-8").partition("\n# prints:\n")
    assert said
    assert program_output(script, tmp_path) == re.sub(r"^# ", "", said, flags=re.MULTILINE)
