"""The doctor says what is wrong, in words, and never a password."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from clientmgmt import ClientManager, Links, Settings, generate_key
from clientmgmt._cli import doctor
from clientmgmt.adapters.sqlalchemy.migrations.steps import latest
from clientmgmt.errors import StorageError
from tests.cli.conftest import Cli, workspace

SETTINGS = Settings(
    sender="Northwind <hello@northwind.example>",
    links=Links(invite="https://portal.northwind.example/accept?t={token}"),
)
KEY = generate_key()


@pytest.fixture
def database(url: str) -> str:
    """A database with an open invitation that KEY has signed."""
    with ClientManager(url, secret_keys=[KEY], settings=SETTINGS) as manager:
        ws = workspace(manager)
        acme = ws.clients.add(name="Acme Retail", email="ap@acme.example")
        ws.contacts.add(acme.id, first_name="Jane", last_name="Doe", email="jane@acme.example", invite=True)
    return url


@pytest.mark.parametrize("options", [(), ("--key", KEY), ("--key", generate_key(), "--key", KEY)])
def test_a_sound_installation_is_ok(cli: Cli, database: str, options: tuple[str, ...]) -> None:
    ran = cli("doctor", "--database", database, *options)
    assert (ran.code, ran.err) == (0, "")
    assert "not ok" not in ran.out
    assert ("links were not checked" in ran.out) is (not options)
    facts = dict(line.split(maxsplit=1) for line in ran.out.partition("\n\n")[0].splitlines())
    assert facts.keys() == {*("clientmgmt", "Python", "SQLAlchemy", "extras", "database", "driver", "server", "schema")}
    assert facts["schema"] == f"version {latest()}"
    assert facts["server"] == f"sqlite {sqlite3.sqlite_version}"


def test_keys_come_from_a_file_too(cli: Cli, database: str, tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text(f"{generate_key()}\n{KEY}\n", "utf-8")
    ran = cli("doctor", "--database", database, "--key-file", file)
    assert ran.code == 0
    assert "ok      database, schema and links" in ran.out


def test_links_whose_key_is_gone_are_counted(cli: Cli, database: str) -> None:
    ran = cli("doctor", "--database", database, "--key", generate_key())
    assert ran.code == 1
    assert "not ok  1 open invitations of northwind were signed by a key that is gone" in ran.out


@pytest.mark.parametrize(
    ("content", "said"), [(None, "cannot be read"), (b"\xff", "cannot be read"), (b" \n", "there is no key")]
)
def test_a_key_file_without_a_key_is_refused(
    cli: Cli, database: str, tmp_path: Path, content: bytes | None, said: str
) -> None:
    file = tmp_path / "keys"
    if content is not None:
        file.write_bytes(content)
    ran = cli("doctor", "--database", database, "--key-file", file)
    assert (ran.code, ran.out) == (2, "")
    assert said in ran.err


def test_a_malformed_key_is_refused_and_not_shown(cli: Cli, database: str) -> None:
    ran = cli("doctor", "--database", database, "--key", "cmk1_s3cr3t")
    assert (ran.code, ran.out) == (2, "")
    assert "s3cr3t" not in ran.err


def test_a_database_that_is_not_there_is_not_made(cli: Cli, url: str, tmp_path: Path) -> None:
    ran = cli("doctor", "--database", url)
    assert (ran.code, ran.out) == (2, "")
    assert "there is no database" in ran.err
    assert list(tmp_path.iterdir()) == []


def test_a_database_without_tables_needs_an_upgrade(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "other.db"
    other = sqlite3.connect(file)
    other.execute("CREATE TABLE theirs (id)")
    other.close()
    ran = cli("doctor", "--database", f"sqlite:///{file}")
    assert ran.code == 1
    assert "schema        none" in ran.out
    assert "not ok" in ran.out
    assert "run 'clientmgmt upgrade'" in ran.out


def test_tables_without_a_version_are_told(cli: Cli, database: str) -> None:
    file = sqlite3.connect(database.removeprefix("sqlite:///"))
    file.execute("DROP TABLE cm_schema")
    file.close()
    ran = cli("doctor", "--database", database)
    assert ran.code == 1
    assert "schema        not recorded" in ran.out
    assert "record it with stamp()" in ran.out


def test_an_index_that_is_missing_is_told(cli: Cli, database: str) -> None:
    file = sqlite3.connect(database.removeprefix("sqlite:///"))
    file.execute("DROP INDEX cm_audit_by_at")
    file.close()
    ran = cli("doctor", "--database", database)
    assert ran.code == 1
    assert "not ok  the index cm_audit_by_at of cm_audit is missing" in ran.out
    assert "'clientmgmt upgrade --sql --since 0' shows it" in ran.out


def test_row_level_security_is_looked_at(cli: Cli, database: str, postgres_url: str) -> None:
    ran = cli("doctor", "--database", postgres_url, "--prefix", "secured_", "--row-level-security")
    assert ran.code == 1
    assert "not ok  the role is a superuser or has BYPASSRLS" in ran.out
    ran = cli("doctor", "--database", database, "--row-level-security")
    assert (ran.code, ran.out) == (2, "")
    assert "row-level security is for PostgreSQL only" in ran.err


def test_a_file_that_is_no_database_is_told(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "thesis.txt"
    file.write_text("years of work\n" * 1000, "utf-8")
    ran = cli("doctor", "--database", f"sqlite:///{file}")
    assert ran.code == 1
    assert "NOTADB" in ran.out
    assert "server" not in ran.out


def test_a_server_that_does_not_answer_is_told_without_the_password(cli: Cli) -> None:
    ran = cli("doctor", "--database", "postgresql://ada:s3cr3t@127.0.0.1:1/x?sslpassword=s3cr3t")
    assert ran.code == 1
    assert "not ok" in ran.out
    assert "database      postgresql://ada:***@127.0.0.1:1/x?sslpassword=***" in ran.out
    assert "s3cr3t" not in ran.out + ran.err


def test_a_check_that_fails_is_a_finding(cli: Cli, database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_manager: ClientManager) -> None:
        message = "the disk is on fire"
        raise StorageError(message)

    monkeypatch.setattr(ClientManager, "check", fail)
    ran = cli("doctor", "--database", database)
    assert ran.code == 1
    assert "not ok  the disk is on fire" in ran.out


@pytest.mark.parametrize(
    ("missing", "said"),
    [
        (("argon2", "psycopg"), "cli, testing; for the others: pip install 'clientmgmt[passwords,postgres]'"),
        (("argon2", "psycopg", "rich", "hypothesis"), "none; for the others: pip install"),
    ],
)
def test_missing_extras_are_named(
    cli: Cli, database: str, monkeypatch: pytest.MonkeyPatch, missing: tuple[str, ...], said: str
) -> None:
    monkeypatch.setattr(doctor, "find_spec", lambda name: None if name in missing else object())
    assert said in cli("doctor", "--database", database).out
