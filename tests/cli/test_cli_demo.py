"""The demo tells the whole story, readable at 80 columns and in a pipe."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from clientmgmt import ContactState, LinkState, iter_all
from tests.cli.conftest import Cli, Ran, open_database, start, workspace


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> tuple[Ran, Path]:
    """The demo, run once in a pipe."""
    file = tmp_path_factory.mktemp("demo") / "demo.db"
    process = start("demo", file)
    out, err = process.communicate(timeout=120)
    return Ran(process.returncode, out, err), file


def test_it_ends_well_and_says_nothing_on_the_side(told: tuple[Ran, Path]) -> None:
    ran, _ = told
    assert (ran.code, ran.err) == (0, "")


def test_it_fits_into_80_columns_but_for_the_link(told: tuple[Ran, Path]) -> None:
    ran, file = told
    wide = [line for line in ran.out.splitlines() if len(line.rstrip()) > 80]
    assert all("https://" in line or str(file) in line for line in wide)


def test_a_pipe_gets_no_colour_codes(told: tuple[Ran, Path]) -> None:
    ran, _ = told
    assert "\x1b" not in ran.out


@pytest.mark.parametrize(
    "line",
    [
        "Ada Byron joins the staff as administrator",
        "Acme Retail  active    C-1001 in the crm",
        "Jane Doe  Acme Retail  jane@acme.example  Invite Sent",
        "Sam Cole  Acme Retail  sam@acme.example   Pending Invite",
        "first_name  must not be empty",
        "email       belongs to a contact of this client already",
        "2 invitations for Acme Retail; the same call again: 0, nobody gets two.",
        "second link  works",
        "first link   dead: superseded",
        "she reads    this link is not valid or no longer valid",
        "password 'letmein'  password must have at least 12 characters",
        "Jane                Active",
        "bad password  e-mail and password do not match an account that may sign in",
        "unknown user  e-mail and password do not match an account that may sign in",
        "Sam's link   works",
        "Sam's link  dead: expired",
        "Sam         Invite Sent",
        "Zoë       Inactive",
        "signs in  works",
        "Lee's link   dead: removed",
        "new contact  Pending Invite",
        "At Acme Retail: Zoë Lind, 2 hours ago.",
        "Jane Doe <jane@acme.example>  Northwind: your account for Acme Retail",
        "https://portal.northwind.example/accept?t=",
    ],
)
def test_it_tells(told: tuple[Ran, Path], line: str) -> None:
    ran, _ = told
    assert line in ran.out


def test_the_audit_trail_names_actors_and_times(told: tuple[Ran, Path]) -> None:
    ran, _ = told
    trail = ran.out.partition("Audit trail")[2]
    assert re.search(r"5 Jan 09:00 +system:setup +staff added +Ada Byron", trail)
    assert re.search(r"5 Jan 09:40 +user:Jane Doe +invitation accepted +Jane Doe", trail)
    assert re.search(r"5 Jan 09:45 +user:Jane Doe +denied +clients.create", trail)
    assert re.search(r"12 Jan 11:10 +staff:ada +contact removed +Lee Park", trail)


def test_the_last_two_lines_say_where_to_go(told: tuple[Ran, Path]) -> None:
    ran, file = told
    database, docs = ran.out.splitlines()[-2:]
    assert str(file) in database
    assert "docs/index.md" in docs


def test_the_file_holds_what_was_told(told: tuple[Ran, Path]) -> None:
    _, file = told
    with open_database(f"sqlite:///{file}") as manager:
        contacts = {contact.name: contact for contact in iter_all(workspace(manager).contacts.list)}
    states = {name: contact.state for name, contact in contacts.items()}
    assert states == {
        "Jane Doe": ContactState.ACTIVE,
        "Sam Cole": ContactState.INVITE_SENT,
        "Zoë Lind": ContactState.ACTIVE,
        "Lee Park": ContactState.PENDING_INVITE,
    }
    assert contacts["Jane Doe"].link.state is LinkState.USED


def test_without_a_file_nothing_stays(cli: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    ran = cli("demo")
    assert ran.code == 0
    assert "The database is gone" in ran.out
    assert list(tmp_path.iterdir()) == []


def test_an_empty_file_is_used_and_a_terminal_gets_colours(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    file = tmp_path / "what? 100%.db"
    file.touch()
    ran = cli("demo", file)
    assert ran.code == 0
    assert "\x1b[" in ran.out
    assert file.stat().st_size > 0


def test_a_file_that_holds_something_stays_as_it_is(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "thesis.txt"
    file.write_text("years of work", "utf-8")
    ran = cli("demo", file)
    assert (ran.code, ran.out, ran.err.count("\n")) == (2, "", 1)
    assert "stays as it is" in ran.err
    assert file.read_text("utf-8") == "years of work"


@pytest.mark.parametrize(("name", "said"), [("", "is there already"), ("no/such/demo.db", "there is no folder")])
def test_a_place_that_is_no_file_is_refused(cli: Cli, tmp_path: Path, name: str, said: str) -> None:
    ran = cli("demo", tmp_path / name)
    assert (ran.code, ran.out) == (2, "")
    assert said in ran.err
