"""The command line, run in this process as in a pipe of 80 columns, or as a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import attrs
import pytest

from clientmgmt import ClientManager, System, Workspace, generate_key
from clientmgmt._cli import main

PROGRAM = "import sys; from clientmgmt._cli import main; sys.exit(main())"


@attrs.frozen
class Ran:
    """What a run answered and printed."""

    code: int
    out: str
    err: str


Cli = Callable[..., Ran]


@pytest.fixture(autouse=True)
def plain_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("FORCE_COLOR", "NO_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "80")


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Cli:
    def run(*arguments: object) -> Ran:
        capsys.readouterr()
        try:
            code = main([str(argument) for argument in arguments])
        except SystemExit as end:  # argparse ends the program
            code = end.code if isinstance(end.code, int) else 1
        return Ran(code, *capsys.readouterr())

    return run


def start(*arguments: object, **options: object) -> subprocess.Popen[str]:
    """The command line as a process of its own."""
    command = [sys.executable, "-c", PROGRAM, *map(str, arguments)]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "PYTHONUTF8": "1"}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "encoding": "utf-8", "env": env}
    process: subprocess.Popen[str] = subprocess.Popen(command, **(pipes | options))  # type: ignore[call-overload]
    return process


@pytest.fixture
def url(tmp_path: Path) -> str:
    """An SQLite file that is not there yet."""
    return f"sqlite:///{tmp_path / 'clients.db'}"


def workspace(manager: ClientManager) -> Workspace:
    return manager.workspace("northwind", actor=System("test"))


def open_database(url: str) -> ClientManager:
    return ClientManager(url, secret_keys=[generate_key()])
