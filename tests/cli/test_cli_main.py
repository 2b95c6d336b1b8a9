"""What all commands have in common."""

from __future__ import annotations

import io
import os
import re
import sys
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clientmgmt import generate_key
from clientmgmt._cli import main, parser
from clientmgmt._cli.stores import masked
from clientmgmt.adapters.sqlalchemy import upgrade_sql
from clientmgmt.domain import IMPORT_COLUMNS
from tests.cli.conftest import Cli, start

pytestmark = pytest.mark.greenlets


def test_without_a_command_it_prints_help(cli: Cli) -> None:
    ran = cli()
    assert ran.code == 2
    assert {"demo", "import", "columns", "upgrade", "deliver", "doctor", "key"} <= set(ran.out.split())


@pytest.mark.parametrize("command", ["demo", "import", "columns", "upgrade", "deliver", "doctor", "key"])
def test_every_command_has_help_of_80_columns(cli: Cli, command: str) -> None:
    ran = cli(command, "--help")
    assert ran.code == 0
    assert max(map(len, ran.out.splitlines())) <= 80


def test_an_unknown_command_is_refused(cli: Cli) -> None:
    ran = cli("dance")
    assert (ran.code, ran.out) == (2, "")
    assert "dance" in ran.err


def test_the_version_is_that_of_the_package(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parser, "version", lambda _: "1.2.3")
    assert cli("--version").out == "clientmgmt 1.2.3\n"


def test_a_package_that_is_not_installed_has_no_version(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(parser, "version", missing)
    assert cli("--version").out == "clientmgmt (not installed)\n"


@pytest.mark.parametrize("command", [("demo",), ("columns",)])
def test_without_rich_one_line_names_the_extra(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    for name in [name for name in sys.modules if name.startswith(("rich", "clientmgmt._cli."))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "rich", None)
    ran = cli(*command)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.count("\n") == 1
    assert "pip install 'clientmgmt[cli]'" in ran.err


def test_another_missing_module_is_a_bug_and_shows_itself(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "clientmgmt._cli.key", None)
    with pytest.raises(ModuleNotFoundError):
        cli("key")


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [(KeyboardInterrupt(), 130, "what was done stays done"), (OSError("the disk is full"), 2, "disk is full")],
    ids=["interrupted", "disk full"],
)
def test_what_stops_a_command_is_told_in_one_line(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int, said: str
) -> None:
    def stop(_arguments: object) -> int:
        raise error

    monkeypatch.setattr("clientmgmt._cli.key.run", stop)
    ran = cli("key")
    assert (ran.code, ran.err.count("\n")) == (code, 1)
    assert said in ran.err


def test_a_reader_who_goes_away_is_no_error() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    process = start("key", stdout=writing)
    os.close(writing)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (1, "")


def test_a_terminal_that_lacks_characters_shows_escapes() -> None:
    process = start("demo", "Zoë/x.db", env={**os.environ, **_ascii()})
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (2, "")
    assert "Zo\\xeb" in err


def _ascii() -> dict[str, str]:
    return {"PYTHONIOENCODING": "ascii", "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "PYTHONUTF8": "0"}


def test_output_may_go_into_any_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stdout", stream)
    assert main(["key"]) == 0
    assert stream.getvalue().startswith("cmk1_")


def test_a_key_is_one_line_and_new_each_time(cli: Cli) -> None:
    first, second = cli("key").out, cli("key").out
    assert re.fullmatch(r"cmk1_\S+\n", first)
    assert first != second
    assert len(first) == len(generate_key()) + 1


def test_the_columns_are_all_documented(cli: Cli) -> None:
    ran = cli("columns")
    assert ran.code == 0
    assert set(IMPORT_COLUMNS) <= set(ran.out.split())
    assert max(map(len, ran.out.splitlines())) <= 80


def test_an_upgrade_creates_the_tables_once(cli: Cli, url: str) -> None:
    first, second = cli("upgrade", "--database", url), cli("upgrade", "--database", url)
    assert first.code == second.code == 0
    assert "created table" in first.out
    assert second.out == f"{url}: nothing to do\n"


def test_an_upgrade_can_stop_and_can_use_other_names(cli: Cli, url: str) -> None:
    ran = cli("upgrade", "--database", url, "--to", 0, "--prefix", "crm_")
    assert ran.out == f"{url}: nothing to do\n"
    assert "created table crm_clients" in cli("upgrade", "--database", url, "--prefix", "crm_").out
    assert "not ok" not in cli("doctor", "--database", url, "--prefix", "crm_").out
    ran = cli("doctor", "--database", url)
    assert (ran.code, "schema        none" in ran.out) == (1, True)
    ran = cli("upgrade", "--database", url, "--to", 99)
    assert (ran.code, ran.out) == (2, "")
    assert "no version 99" in ran.err


def test_the_script_of_an_upgrade_is_printed_and_nothing_is_done(cli: Cli, url: str, tmp_path: Path) -> None:
    whole = cli("upgrade", "--database", url, "--sql")
    assert whole.code == 0
    assert whole.out == upgrade_sql("sqlite")
    assert list(tmp_path.iterdir()) == []
    cli("upgrade", "--database", url)
    assert cli("upgrade", "--database", url, "--sql").out == ""
    assert cli("upgrade", "--database", url, "--sql", "--since", 0).out == whole.out


def test_the_script_of_an_unreachable_database_needs_its_version(cli: Cli) -> None:
    server = "postgresql://ada:s3cr3t@127.0.0.1:1/x"
    ran = cli("upgrade", "--database", server, "--sql")
    assert (ran.code, ran.out) == (2, "")
    assert "--since" in ran.err
    assert "s3cr3t" not in ran.err
    ran = cli("upgrade", "--database", server, "--sql", "--since", 0, "--schema", "crm", "--prefix", "")
    assert ran.out == upgrade_sql("postgresql", schema="crm", prefix="")


def test_a_version_to_begin_at_is_for_scripts(cli: Cli, url: str) -> None:
    ran = cli("upgrade", "--database", url, "--since", 0)
    assert (ran.code, ran.out) == (2, "")
    assert "--since goes with --sql" in ran.err


PASSWORDS = st.text(st.characters(exclude_categories=["Cs"]), min_size=4).filter(lambda text: not text[0].isdigit())
SHOWN = "postgresql://ada:***@db.example:5432/clients?sslpassword=***&x=1"


@given(PASSWORDS)
def test_no_password_of_a_url_is_shown(password: str) -> None:
    secret = f"s3cr3t{password}"
    for spelling in (
        f"postgresql://ada:{secret}@db.example:5432/clients",
        f"postgresql://ada:{secret}",
        f"postgresql://:{secret}@db.example/clients",
    ):
        assert "s3cr3t" not in masked(spelling)


@pytest.mark.parametrize(
    ("given_url", "shown"),
    [
        ("postgresql://ada:a@b:c/@db.example:5432/clients?sslpassword=x&x=1", SHOWN),
        ("postgresql://ada@db.example/clients", "postgresql://ada@db.example/clients"),
        ("postgresql://db.example:5432/clients", "postgresql://db.example:5432/clients"),
        ("postgresql:///clients?password=x", "postgresql:///clients?password=***"),
        ("sqlite:///C:/a@b.db", "sqlite:///C:/a@b.db"),
        ("clients.db", "clients.db"),
    ],
)
def test_what_is_no_password_is_shown(given_url: str, shown: str) -> None:
    assert masked(given_url) == shown


@pytest.mark.parametrize(
    ("bad_url", "said"),
    [
        ("clients.db", "cannot be read"),
        ("memory:", "cannot be read"),
        ("postgresql://ada:s3cr3t", "cannot be read"),
        ("mysql://ada:s3cr3t@db.example/x", "no store for mysql"),
        ("postgresql+asyncpg://ada:s3cr3t@db.example/x", "no store for postgresql+asyncpg"),
        ("sqlite://", "in memory"),
        ("sqlite:////nowhere/at/all/x.db", "cannot be opened"),
        ("postgresql://ada:s3cr3t@127.0.0.1:1/x", "postgresql://ada:***@127.0.0.1:1/x"),
    ],
)
def test_a_database_that_cannot_be_used_is_told_in_one_line(cli: Cli, bad_url: str, said: str) -> None:
    ran = cli("upgrade", "--database", bad_url)
    assert (ran.code, ran.out, ran.err.count("\n")) == (2, "", 1)
    assert said in ran.err
    assert "s3cr3t" not in ran.err
