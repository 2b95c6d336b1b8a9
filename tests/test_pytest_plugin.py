"""The plugin for pytest: found by its entry point, light, harmless to coverage, and telling of what is lacking."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from clientmgmt import Links, Settings
from clientmgmt.errors import ConfigurationError
from clientmgmt.testing import (
    NotifierCapability,
    NotifierConformance,
    Sandbox,
    StorageCapability,
    StorageConformance,
)
from clientmgmt_pytest import pytest_terminal_summary
from tests.distributions import install

ROOT = Path(__file__).parents[1]
PLUGIN = "clientmgmt_pytest"
ENTRY_POINTS = tomllib.loads(ROOT.joinpath("pyproject.toml").read_text("utf-8"))["project"]["entry-points"]

IMPORTED_FIRST = ("__init__", "errors/__init__", "domain/settings", "ports/__init__", "testing/clock")


def run(project: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Pytest in ``project``, in a process of its own, with the plugin found by its entry point as users have it."""
    path = os.pathsep.join([str(project / "site"), str(ROOT / "src"), str(project)])
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("COV", "PYTEST"))}
    blocked = (f"-pno:{name}" for name in ("cacheprovider", "randomly", "hypothesispytest", "anyio", "sybil"))
    command = [sys.executable, "-m", "pytest", *blocked, *options]
    return subprocess.run(
        command,
        cwd=project,
        env=inherited | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with nothing in it, beside an installed clientmgmt."""
    install(tmp_path / "site", "clientmgmt-as-installed", entry_points={"pytest11": ENTRY_POINTS["pytest11"]})
    tmp_path.joinpath("pytest.ini").write_text("[pytest]\nfilterwarnings = error\n")
    return tmp_path


def test_the_entry_point_names_the_module_that_is_shipped() -> None:
    assert ENTRY_POINTS["pytest11"] == {PLUGIN: PLUGIN}
    assert (ROOT / "src" / f"{PLUGIN}.py").is_file()
    wheel = tomllib.loads(ROOT.joinpath("pyproject.toml").read_text("utf-8"))["tool"]["hatch"]["build"]["targets"][
        "wheel"
    ]
    assert f"src/{PLUGIN}.py" in wheel["only-include"]


@pytest.mark.slow
def test_the_package_is_loaded_by_the_first_fixture_and_not_before(project: Path) -> None:
    project.joinpath("conftest.py").write_text(
        "import sys\n\ndef pytest_sessionstart():\n"
        f"    assert {PLUGIN!r} in sys.modules\n    assert 'clientmgmt' not in sys.modules\n"
    )
    project.joinpath("test_order.py").write_text(
        "import sys\n\n"
        "def test_before():\n    assert not [name for name in sys.modules if name.startswith('clientmgmt.')]\n\n"
        "def test_with(clientmgmt_sandbox):\n    assert clientmgmt_sandbox.contact().state == 'active'\n"
    )
    done = run(project)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 passed" in done.stdout


def test_coverage_counts_what_runs_on_import(project: Path) -> None:
    pytest.importorskip("pytest_cov")
    project.joinpath("shop.py").write_text(
        "from clientmgmt import System\n\nJOB = System('shop')\n\n\ndef who():\n    return str(JOB)\n"
    )
    project.joinpath("test_shop.py").write_text(
        "import shop\n\ndef test_shop(clientmgmt_sandbox):\n"
        "    assert shop.who() == 'system:shop'\n    assert clientmgmt_sandbox.contact().state == 'active'\n"
    )
    looked_at = ("shop.py", *(f"src/clientmgmt/{name}.py" for name in IMPORTED_FIRST))
    project.joinpath(".coveragerc").write_text(f"[report]\ninclude = {', '.join(f'*/{name}' for name in looked_at)}\n")
    done = run(project, "--cov=shop", "--cov=clientmgmt", "--cov-report=json:cov.json")
    assert done.returncode == 0, done.stdout + done.stderr
    files = json.loads(project.joinpath("cov.json").read_text())["files"]
    measured = {Path(name).as_posix().rpartition("src/")[2]: file for name, file in files.items()}
    assert measured["shop.py"]["missing_lines"] == []
    for name in IMPORTED_FIRST:
        source = ROOT.joinpath("src", "clientmgmt", f"{name}.py").read_text("utf-8").splitlines()
        missing = measured[f"clientmgmt/{name}.py"]["missing_lines"]
        assert [source[line - 1] for line in missing if not source[line - 1].startswith(" ")] == []


@pytest.mark.slow
def test_the_check_would_notice_a_plugin_that_imports_the_package(project: Path) -> None:
    pytest.importorskip("pytest_cov")
    install(
        project / "site",
        "greedy",
        entry_points={"pytest11": {"greedy": "greedy"}},
        modules={"greedy": "import clientmgmt\n"},
    )
    project.joinpath("test_nothing.py").write_text("def test_nothing():\n    pass\n")
    project.joinpath(".coveragerc").write_text("[report]\ninclude = */domain/settings.py\n")
    done = run(project, "--cov=clientmgmt", "--cov-report=json:cov.json", "-W", "ignore")
    assert done.returncode == 0, done.stdout + done.stderr
    files = json.loads(project.joinpath("cov.json").read_text())["files"]
    (settings,) = [file for name, file in files.items() if name.endswith("domain/settings.py")]
    assert settings["executed_lines"] == []


SUITES = """
import pytest
from clientmgmt.adapters.memory import InMemoryStorage
from clientmgmt.testing import StorageCapability, StorageConformance
from clientmgmt.testing.kit import KIT

class TestShop(StorageConformance):
    lacks = {
        StorageCapability.NESTED_UNITS: "it has one lock",
        StorageCapability.SAVEPOINTS: "so we believe",
        StorageCapability.THREADS: "nobody asked for them",
    }

    @pytest.fixture
    def storage(self):
        return InMemoryStorage(collections=KIT)
"""
NESTED = (
    "test_a_unit_within_a_unit_is_independent",
    "test_a_unit_within_a_writing_unit_does_not_see_its_writes",
)
CHOSEN = "within or savepoints_nest or numbers_are_given_once or huge_text"


@pytest.mark.parametrize("processes", [pytest.param("0", marks=pytest.mark.slow), "1"])
def test_the_summary_names_what_is_lacking(project: Path, processes: str) -> None:
    project.joinpath("test_shop.py").write_text(SUITES)
    done = run(project, "-k", CHOSEN, "-n", processes)
    assert done.returncode == 0, done.stdout + done.stderr
    summary = done.stdout.partition("clientmgmt: declared as lacking")[2].partition("\n")[2].split("\n")
    assert [line for line in summary if line][:6] == [
        "TestShop lacks nested_units: it has one lock",
        f"  failed as expected: {', '.join(NESTED)}",
        "TestShop lacks savepoints: so we believe",
        "  works all the same: test_savepoints_nest",
        "TestShop lacks threads: nobody asked for them",
        "  not tried: test_numbers_are_given_once",
    ]


@pytest.mark.slow
def test_without_gaps_nothing_is_said(project: Path) -> None:
    project.joinpath("test_shop.py").write_text(SUITES.replace("lacks =", "unread ="))
    done = run(project, "-k", "huge_text")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "lacking" not in done.stdout


class Reporter:
    """What the summary is written to."""

    def __init__(self, *properties: tuple[str, object]) -> None:
        report = SimpleNamespace(nodeid="test_shop.py::TestShop::test_it", user_properties=properties)
        self.stats = {"skipped": [report], "": [report], "warnings": [object()]}
        self.lines: list[str] = []

    def section(self, title: str) -> None:
        self.lines.append(f"== {title} ==")

    def write_line(self, line: str) -> None:
        self.lines.append(line)


def test_the_summary_reads_no_other_properties() -> None:
    silent: Any = Reporter(("time", 5))
    pytest_terminal_summary(silent)
    assert silent.lines == []
    telling: Any = Reporter(("time", 5), ("clientmgmt_gap", ["TestShop", "threads", "why not"]))
    pytest_terminal_summary(telling)
    assert telling.lines == [
        "== clientmgmt: declared as lacking ==",
        "TestShop lacks threads: why not",
        "  not tried: test_it",
    ]


@pytest.mark.slow
def test_an_unknown_capability_ends_the_run(project: Path) -> None:
    project.joinpath("test_shop.py").write_text(SUITES.replace("StorageCapability.THREADS", "'rollback'"))
    done = run(project, "-k", "huge_text")
    assert done.returncode == pytest.ExitCode.INTERRUPTED
    assert "TestShop.lacks: 'rollback' is none of StorageCapability.SAVEPOINTS" in done.stdout


@pytest.mark.parametrize("planted", ["rollback", "savepoints", NotifierCapability.TIMEOUTS, 5, None])
def test_an_unknown_capability_is_an_error(planted: object) -> None:
    with pytest.raises(ConfigurationError, match=r"TestShop\.lacks: .* is none of StorageCapability\.SAVEPOINTS, "):
        type("TestShop", (StorageConformance,), {"lacks": {planted: "why not"}})
    with pytest.raises(ConfigurationError, match=r"is none of NotifierCapability\.IDEMPOTENCY_KEY, "):
        type("TestShop", (NotifierConformance,), {"lacks": {StorageCapability.THREADS: "why not"}})


@pytest.mark.parametrize("reason", ["", " \n", None, True])
def test_a_gap_needs_a_reason(reason: object) -> None:
    with pytest.raises(ConfigurationError, match=r"TestShop\.lacks: say why nested_units is lacking"):
        type("TestShop", (StorageConformance,), {"lacks": {StorageCapability.NESTED_UNITS: reason}})


def test_a_promise_is_not_taken_away() -> None:
    with pytest.raises(ConfigurationError, match=r"TestShop\.test_savepoints_nest: a promise is not taken away"):
        type("TestShop", (StorageConformance,), {"test_savepoints_nest": None})


def test_what_makes_a_store_unsafe_has_no_name() -> None:
    assert set(StorageCapability) == {"savepoints", "nested_units", "threads", "concurrent_claims"}


def test_the_fixtures_give_a_sandbox(clientmgmt_sandbox: Sandbox, clientmgmt_settings: Settings) -> None:
    assert clientmgmt_sandbox.client().name == "Acme Retail 1"
    assert clientmgmt_settings.links.invite is not None


class TestOwnSettings:
    @pytest.fixture
    def clientmgmt_settings(self) -> Settings:
        return Settings(sender="Shop <hello@shop.example>", links=Links(invite="https://shop.example/in?t={token}"))

    def test_the_settings_can_be_those_of_the_application(self, clientmgmt_sandbox: Sandbox) -> None:
        jane = clientmgmt_sandbox.contact(state="invite_sent")
        assert clientmgmt_sandbox.mails.link(jane.email.address).startswith("https://shop.example/in?t=")
