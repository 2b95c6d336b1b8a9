"""Every check of the project. ``.ci/run`` calls them all; ``nox -s NAME`` runs one, ``nox -l`` lists them.

Sessions install with uv where it is found (the ``dev`` extra has it), else with virtualenv and pip.
"""

from __future__ import annotations

import re
from pathlib import Path

import nox

nox.needs_version = ">=2026.10.20"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.download_python = "never"
nox.options.error_on_missing_interpreters = False
nox.options.sessions = ["lint", "types", "tests", "docs"]

PYTHONS = ["3.11", "3.12", "3.13"]
SHORT = "not slow and not faults and not faults_long"
CODE = ("src", "tests", "examples", "benchmarks", "noxfile.py")
EXTERNAL_LOAD = re.compile(r'<(script|img|iframe|link)\b[^>]*\b(src|href)="(https?:)?//')


def existing(*names: str) -> list[str]:
    """Those of the names that are there."""
    return [name for name in names if Path(name).exists()]


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """The default test run on every supported Python that is installed."""
    session.install("-e", ".[dev]")
    session.run("pytest", *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """Rules of style, format and architecture."""
    session.install("-e", ".[dev]")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("lint-imports", "--no-cache", "--no-logo")


@nox.session
def types(session: nox.Session) -> None:
    """Types are complete and right, for ourselves and for users."""
    # With the extra, pyright needs no Node.js on the machine.
    session.install("-e", ".[dev]", "pyright[nodejs]")
    session.run("mypy", *existing(*CODE))
    session.run("pyright", "--verifytypes", "clientmgmt", "--ignoreexternal")


@nox.session
def docs(session: nox.Session) -> None:
    """The documentation builds without a warning and loads nothing from elsewhere."""
    session.install("-e", ".[dev,docs]")
    built = Path("docs/_build/html")
    session.run("sphinx-build", "-n", "-W", "--keep-going", "-E", "-b", "html", "docs", str(built))
    for page in sorted(built.rglob("*.html")):
        if load := EXTERNAL_LOAD.search(page.read_text("utf-8")):
            session.error(f"{page} loads something from elsewhere: {load[0]}")


@nox.session
def coverage(session: nox.Session) -> None:
    """Every branch of the package is run by the tests."""
    session.install("-e", ".[dev]")
    session.run("coverage", "erase")
    # Not `pytest --cov`: that starts after the plugins of pytest, too late for one that imports clientmgmt.
    # Following greenlets makes measuring several times slower, so only the tests that have some are measured so.
    files = [
        str(file) for file in sorted(Path("tests").rglob("test_*.py")) if "mark.greenlets" in file.read_text("utf-8")
    ]
    for concurrency, tests, paths in (("thread", "not greenlets", []), ("greenlet,thread", "greenlets", files)):
        chosen = f"{SHORT} and not again and {tests}"
        measured = "coverage", "run", f"--concurrency={concurrency}", "-m", "pytest", "-m", chosen
        session.run(*measured, *paths, *session.posargs)
    session.run("coverage", "combine", "--quiet")
    session.run("coverage", "report")


@nox.session
def wide(session: nox.Session) -> None:
    """Of the tests that the default run leaves out, those that `coverage` leaves out too."""
    session.install("-e", ".[dev]")
    session.run("pytest", "-m", f"{SHORT} and wide and again", *session.posargs)


@nox.session(python=PYTHONS)
def lowest(session: nox.Session) -> None:
    """The tests pass with the lowest versions that pyproject.toml allows users to have."""
    session.install("uv")
    pins = str(Path(session.create_tmp(), "pins.txt"))
    users = ("asyncpg", "cli", "django", "migrations", "otel", "passwords", "postgres", "testing")
    extras = [f"--extra={name}" for name in users]
    compiled = ["uv", "pip", "compile", "--quiet", "--resolution=lowest-direct", *extras, "pyproject.toml"]
    session.run_install(*compiled, "--output-file", pins)
    # A tool of ours that needs more than a lowest version fails here, instead of raising it in silence.
    session.install("--constraint", pins, "-e", ".[dev]")
    session.run("pytest", *session.posargs)


@nox.session
def races(session: nox.Session) -> None:
    """The long runs: many threads and processes, many random programs."""
    session.install("-e", ".[dev]")
    session.run("pytest", "-m", "slow", *session.posargs)


@nox.session
def faults(session: nox.Session) -> None:
    """Kill -9, crashes of the server and of dispatchers, full disks: short, with a table of figures."""
    session.install("-e", ".[dev]")
    session.run("pytest", "-m", "faults", "--numprocesses=2", "tests/faults", *session.posargs)


@nox.session(name="faults-long")
def faults_long(session: nox.Session) -> None:
    """The same for a night, with what guards and neighbours cost; not part of CI."""
    session.install("-e", ".[dev]")
    session.run("pytest", "-m", "faults_long", "--numprocesses=0", "tests/faults", "tests/races", *session.posargs)


@nox.session
def examples(session: nox.Session) -> None:
    """Every example runs with the package as users install it: built, and without any extra."""
    session.install(".")
    scripts = [path.resolve() for path in sorted(Path("examples").glob("*.py"))]
    with session.chdir(session.create_tmp()):
        for script in scripts:
            session.run("python", "-W", "error", str(script))


@nox.session
def benchmarks(session: nox.Session) -> None:
    """Measure and print ratios; not part of CI, because timings flake."""
    if not existing("benchmarks"):
        session.skip("there is no folder benchmarks/")
    session.install("-e", ".[dev]", "django>=5.2")
    session.run("python", "-m", "benchmarks", *session.posargs)
