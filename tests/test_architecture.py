"""The import contracts of pyproject.toml hold, and each of them can fail: planted violations are refused."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PYPROJECT = ROOT / "pyproject.toml"
SETTINGS = tomllib.loads(PYPROJECT.read_text("utf-8"))["tool"]["importlinter"]
CONTRACTS = frozenset(contract["name"] for contract in SETTINGS["contracts"])

LAYERS = "Imports run downwards only"
NO_IO = "No I/O below the adapters"
INDEPENDENT = "No adapter knows another"
ACYCLIC = "Siblings form no cycle"
CATTRS = "Only serialization knows cattrs"

# What is planted: module -> the line added to it. A module that does not exist is made.
Plant = dict[str, str]
PLANTS: dict[str, tuple[str, Plant]] = {
    "errors import the domain": (LAYERS, {"errors": "import clientmgmt.domain"}),
    "the lifecycle imports the domain": (LAYERS, {"_lifecycle": "import clientmgmt.domain"}),
    "the domain imports a port": (LAYERS, {"domain.planted": "import clientmgmt.ports"}),
    "a port imports serialization": (LAYERS, {"ports.planted": "import clientmgmt.serialization"}),
    "serialization imports a port": (
        LAYERS,
        {"ports.planted": "", "serialization": "import clientmgmt.ports.planted"},
    ),
    "a use case imports an adapter": (
        LAYERS,
        {"adapters.planted": "", "_usecases.planted": "import clientmgmt.adapters.planted"},
    ),
    "an adapter imports a use case": (
        LAYERS,
        {"_usecases.planted": "", "adapters.planted": "import clientmgmt._usecases.planted"},
    ),
    "an adapter imports the facade": (LAYERS, {"adapters.planted": "import clientmgmt._manager"}),
    "the facade imports the test doubles": (LAYERS, {"_manager": "import clientmgmt.testing"}),
    "the test doubles import the command line": (LAYERS, {"testing.planted": "import clientmgmt._cli"}),
    "a module stands outside the layers": (LAYERS, {"planted": ""}),
    "the domain imports sqlalchemy": (NO_IO, {"domain.planted": "import sqlalchemy"}),
    "a port imports asyncio": (NO_IO, {"ports.planted": "import asyncio"}),
    "a use case imports smtplib": (NO_IO, {"_usecases.planted": "import smtplib"}),
    "serialization imports sqlite3": (NO_IO, {"serialization": "import sqlite3"}),
    "errors import psycopg": (NO_IO, {"errors": "import psycopg"}),
    "the lifecycle imports sqlalchemy late": (NO_IO, {"_lifecycle": "def late():\n    import sqlalchemy"}),
    "an adapter imports another": (
        INDEPENDENT,
        {"adapters.planted_a": "", "adapters.planted_b": "import clientmgmt.adapters.planted_a"},
    ),
    "two modules of the domain import each other": (
        ACYCLIC,
        {
            "domain.planted_a": "import clientmgmt.domain.planted_b",
            "domain.planted_b": "import clientmgmt.domain.planted_a",
        },
    ),
    "the domain imports cattrs": (CATTRS, {"domain.planted": "import cattrs"}),
    "an adapter imports cattrs": (CATTRS, {"adapters.planted": "from cattrs.preconf import json"}),
}


def broken_contracts(folder: Path) -> set[str]:
    """The names of the contracts that the package in ``folder`` breaks; fails if any was not checked."""
    program = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    command = [sys.executable, "-c", program, "--no-cache", "--no-logo", "--config", str(PYPROJECT)]
    # A process of its own: importlinter would find the copy of the package that is already imported here.
    run = subprocess.run(
        command,
        cwd=folder,
        env={"COLUMNS": "300", "PYTHONUTF8": "1"},
        capture_output=True,
        check=False,
        text=True,
        encoding="utf-8",
    )
    verdicts = dict(re.findall(r"^(.+?) (KEPT|BROKEN)\b", run.stdout, flags=re.MULTILINE))
    assert verdicts.keys() == CONTRACTS, run.stdout + run.stderr
    broken = {name for name, verdict in verdicts.items() if verdict == "BROKEN"}
    assert bool(broken) == bool(run.returncode), run.stdout + run.stderr
    return broken


def plant(package: Path, module: str, line: str) -> None:
    path = package.joinpath(*module.split("."))
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    with file.open("a", encoding="utf-8") as source:
        source.write(f"\n{line}\n")


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the package to plant violations in."""
    ignore = shutil.ignore_patterns("__pycache__")
    return shutil.copytree(ROOT / "src" / "clientmgmt", tmp_path / "clientmgmt", ignore=ignore)


def test_the_package_keeps_its_contracts() -> None:
    assert broken_contracts(ROOT / "src") == set()


def test_an_unplanted_copy_keeps_the_contracts(copy: Path) -> None:
    assert broken_contracts(copy.parent) == set()


@pytest.mark.parametrize(("contract", "planted"), PLANTS.values(), ids=PLANTS.keys())
def test_a_planted_violation_breaks_its_contract(copy: Path, contract: str, planted: Plant) -> None:
    for module, line in planted.items():
        plant(copy, module, line)
    assert contract in broken_contracts(copy.parent)


def test_every_contract_has_a_planted_violation() -> None:
    assert {contract for contract, _ in PLANTS.values()} == CONTRACTS


def test_importing_the_package_loads_neither_sqlalchemy_nor_an_extra() -> None:
    program = "import sys, clientmgmt; print(*{name.partition('.')[0] for name in sys.modules})"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, text=True)
    heavy = {"alembic", "argon2", "asyncpg", "hypothesis", "psycopg", "pytest", "rich", "sqlalchemy"}
    assert set(run.stdout.split()) & heavy == set()


@pytest.mark.parametrize(
    ("path", "banned"),
    [("domain/planted.py", True), ("adapters/planted.py", True), ("adapters/system.py", False)],
)
@pytest.mark.parametrize(
    "source",
    [
        "from datetime import UTC, datetime\n\nNOW = datetime.now(UTC)\n",
        "import datetime\n\nNOW = datetime.datetime.utcnow()\n",
        "import time\n\nNOW = time.time()\n",
        "import uuid\n\nNEW = uuid.uuid4()\n",
        "from uuid import uuid1\n\nNEW = uuid1()\n",
    ],
    ids=["now", "utcnow", "time", "uuid4", "uuid1"],
)
def test_only_the_system_adapter_reads_the_clock_or_makes_ids(path: str, source: str, banned: bool) -> None:
    filename = f"--stdin-filename=src/clientmgmt/{path}"
    command = [sys.executable, "-m", "ruff", "check", "--no-cache", "--select=TID251", filename, "-"]
    run = subprocess.run(command, cwd=ROOT, input=source, capture_output=True, check=False, text=True)
    assert ("TID251" in run.stdout) is banned, run.stdout + run.stderr
