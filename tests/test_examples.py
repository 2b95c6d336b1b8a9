"""The README's first program is the file in examples/, and prints what the README says."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
QUICKSTART = ROOT / "examples" / "quickstart.py"
BLOCK = re.compile(r"^```(?P<language>\w+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)


def first_block(language: str) -> str:
    """The first fenced block of the README in this language."""
    blocks = BLOCK.finditer((ROOT / "README.md").read_text("utf-8"))
    return next(block["text"] for block in blocks if block["language"] == language)


def test_the_readme_shows_the_quickstart() -> None:
    assert first_block("python") == QUICKSTART.read_text("utf-8")


def test_the_quickstart_prints_what_the_readme_says(tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-W", "error", str(QUICKSTART)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout == first_block("output")
    assert not list(tmp_path.iterdir())


def test_the_quickstart_needs_no_extra(tmp_path: Path) -> None:
    program = f"""
import importlib.util
import runpy
import sys

find = importlib.util.find_spec
importlib.util.find_spec = lambda name, *more: None if name == "argon2" else find(name, *more)
sys.modules |= dict.fromkeys(["argon2", "hypothesis", "psycopg", "pytest", "rich"])
runpy.run_path({str(QUICKSTART)!r})
"""
    ran = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
