"""An import takes files as they come, adds what is new once, and says of each refused row why."""

from __future__ import annotations

import codecs
import csv
import io
import os
import signal
import sqlite3
import time
import tracemalloc
from contextlib import closing, suppress
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from clientmgmt import iter_all
from clientmgmt._cli import importing
from clientmgmt._cli.columns import ALIASES, canonical
from clientmgmt._cli.csvfile import open_sheet
from clientmgmt._cli.exits import CannotRunError
from clientmgmt._cli.report import neutralised
from clientmgmt.domain import IMPORT_COLUMNS
from tests.cli.conftest import Cli, open_database, start, workspace

HEADER = "client,client_email,first_name,last_name,email,job_title,role,kind"
GOOD = "Acme Retail,ap@acme.example,Jane,Doe,jane@acme.example,Buyer,,"
FINE = "Bolt Bikes,office@bolt.example,Lee,Park,lee@bolt.example,,,"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "people.csv"


def write(file: Path, *lines: str, encoding: str = "utf-8", end: str = "\r\n") -> Path:
    file.write_bytes("".join(f"{line}{end}" for line in lines).encode(encoding))
    return file


def people(url: str) -> set[tuple[str, str]]:
    """Client and e-mail of all contacts."""
    with open_database(url) as manager:
        ws = workspace(manager)
        clients = {client.id: client.name for client in iter_all(ws.clients.list, limit=1000)}
        contacts = iter_all(ws.contacts.list, limit=1000)
        return {(clients[contact.client_id], contact.email.address) for contact in contacts}


def run(cli: Cli, file: Path, url: str, *options: object) -> tuple[int, str, str]:
    ran = cli("import", file, "--database", url, "--tenant", "northwind", *options)
    return ran.code, ran.out, ran.err


def counts(out: str) -> list[int]:
    """Rows read, clients added, contacts added, nothing new, refused."""
    return [int(line.split()[0].replace(",", "")) for line in out.splitlines()[1:6]]


def refusals(report: Path) -> list[tuple[str, ...]]:
    with report.open(encoding="utf-8-sig", newline="") as source:
        return [tuple(row) for row in csv.reader(source)][1:]


def test_a_good_file_is_added_once(cli: Cli, file: Path, url: str) -> None:
    write(file, HEADER, GOOD, FINE)
    first, second = run(cli, file, url), run(cli, file, url)
    assert first[0] == second[0] == 0
    assert counts(first[1]) == [2, 2, 2, 0, 0]
    assert counts(second[1]) == [2, 0, 0, 2, 0]
    assert people(url) == {("Acme Retail", "jane@acme.example"), ("Bolt Bikes", "lee@bolt.example")}


def test_a_row_that_is_there_twice_counts_once(cli: Cli, file: Path, url: str) -> None:
    _, out, _ = run(cli, write(file, HEADER, GOOD, GOOD, GOOD), url)
    assert counts(out) == [3, 1, 1, 2, 0]


def test_the_import_is_the_actor_and_invites_nobody(cli: Cli, file: Path, url: str) -> None:
    run(cli, write(file, HEADER, GOOD), url)
    with open_database(url) as manager:
        ws = workspace(manager)
        assert {entry.actor for entry in ws.audit.list()} == {"system:import"}
        assert [contact.state for contact in ws.contacts.list()] == ["pending_invite"]


def test_a_dry_run_says_the_same_and_writes_nothing(cli: Cli, file: Path, url: str, tmp_path: Path) -> None:
    write(file, HEADER, GOOD, "Acme", FINE, FINE)
    code, out, _ = run(cli, file, url, "--dry-run")
    assert (code, counts(out)) == (1, [4, 2, 2, 1, 1])
    assert "nothing was written" in out
    assert list(tmp_path.iterdir()) == [file]
    assert counts(run(cli, file, url)[1]) == [4, 2, 2, 1, 1]
    assert counts(run(cli, file, url, "--dry-run")[1]) == [4, 0, 0, 3, 1]


def test_quiet_is_quiet(cli: Cli, file: Path, url: str) -> None:
    assert run(cli, write(file, HEADER, GOOD, "Acme"), url, "--quiet") == (1, "", "")


def test_a_terminal_shows_progress_on_the_side(cli: Cli, file: Path, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    _, out, err = run(cli, write(file, HEADER, GOOD, FINE), url)
    assert "rows read" in out
    assert "100%" in err


# How files are written


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"], ids=["LF", "CRLF", "CR"])
@pytest.mark.parametrize(("delimiter", "name"), [(",", "comma"), (";", "semicolon"), ("\t", "tab"), ("|", "bar")])
def test_the_delimiter_is_found_out(cli: Cli, file: Path, url: str, *, delimiter: str, name: str, end: str) -> None:
    header = delimiter.join(["Company", "Company E-Mail", "kind"])
    row = delimiter.join(['"A, B; C|D"', "a@a.example", ""])
    code, out, _ = run(cli, write(file, header, row, end=end), url)
    assert code == 0
    assert name in out.splitlines()[0]


@pytest.mark.parametrize("given_delimiter", ["tab", "\\t", "\t"])
def test_the_delimiter_can_be_given(cli: Cli, file: Path, url: str, given_delimiter: str) -> None:
    write(file, "client\tclient_email", "Acme\tap@acme.example")
    assert run(cli, file, url, "--delimiter", given_delimiter)[0] == 0


@pytest.mark.parametrize("bad", [";;", '"', "\n"])
def test_a_delimiter_is_one_character(cli: Cli, file: Path, url: str, bad: str) -> None:
    code, _, err = run(cli, write(file, HEADER), url, "--delimiter", bad)
    assert code == 2
    assert "one character" in err


def test_another_delimiter_is_shown(cli: Cli, file: Path, url: str) -> None:
    write(file, "client:client_email", "Acme:ap@acme.example")
    assert "separated by ':'" in run(cli, file, url, "--delimiter", ":")[1]


def test_a_line_for_excel_before_the_header_names_the_delimiter(cli: Cli, file: Path, url: str) -> None:
    code, out, _ = run(cli, write(file, "", "sep=|", "", "client|client_email", "Acme|bad"), url)
    assert (code, counts(out)) == (1, [1, 0, 0, 0, 1])
    assert "   5  " in out


@pytest.mark.parametrize(
    ("encoding", "said"),
    [("utf-8", "UTF-8"), ("utf-8-sig", "UTF-8"), ("cp1252", "cp1252"), ("utf-16", "UTF-16")],
)
def test_the_encoding_is_found_out_and_told(cli: Cli, file: Path, url: str, encoding: str, said: str) -> None:
    write(file, HEADER, "Bücher,info@bücher.example,Zoë,Lind,zoë@bücher.example,,,", encoding=encoding)
    code, out, _ = run(cli, file, url)
    assert code == 0
    assert f"people.csv ({said}, separated by comma)" in out
    assert people(url) == {("Bücher", "zoë@bücher.example")}


@pytest.mark.parametrize("encoding", ["cp1250", "UTF_8"])
def test_the_encoding_can_be_given(cli: Cli, file: Path, url: str, encoding: str) -> None:
    write(file, HEADER, "Łódź,info@lodz.example,Ł,Ł,l@lodz.example,,,", encoding=encoding)
    assert run(cli, file, url, "--encoding", encoding)[0] == 0
    assert people(url) == {("Łódź", "l@lodz.example")}


@pytest.mark.parametrize(
    ("content", "options", "said"),
    [
        (b"client,client_email\nZo\xc3\xab,a@a.example\nZo\xeb,b@a.example\n", (), "line 2 is UTF-8 and line 3 is not"),
        (b"client,client_email\nZo\x81,a@a.example\n", (), "not cp1252"),
        (b"client,client_email\nZo\xeb,a@a.example\n", ("--encoding", "utf-8"), "not UTF-8"),
        (b"client,client_email\nZo,a@a.example\n", ("--encoding", "klingon"), "no encoding of text called klingon"),
        (b"client,client_email\nZo,a@a.example\n", ("--encoding", "hex"), "no encoding of text called hex"),
        (codecs.BOM_UTF16_LE + b"c\x00l", (), "not UTF-16"),
    ],
    ids=["both", "neither", "not as said", "unknown", "no text", "cut short"],
)
def test_text_that_cannot_be_read_is_refused_before_anything_is_written(
    cli: Cli, file: Path, url: str, *, tmp_path: Path, content: bytes, options: tuple[str, ...], said: str
) -> None:
    file.write_bytes(content)
    code, out, err = run(cli, file, url, *options)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert said in err
    assert list(tmp_path.iterdir()) == [file]


# Columns


def test_every_column_has_documented_aliases_and_no_alias_two_meanings() -> None:
    assert ALIASES.keys() == IMPORT_COLUMNS.keys()
    known = [*ALIASES, *(alias for aliases in ALIASES.values() for alias in aliases)]
    assert len(known) == len(set(known))


@pytest.mark.parametrize(
    ("header", "column"),
    [
        ("Company", "client"),
        (" COMPANY  e-mail ", "client_email"),
        ("E‑Mail", "email"),  # noqa: RUF001 - the hyphen that does not break is what some files have
        ("First-Name", "first_name"),
        ("surname", "last_name"),
        ("Title", "job_title"),
        ("External ID", "reference"),
        ("id", "reference"),
        ("shoe size", None),
        ("", None),
    ],
)
def test_a_header_means_a_column(header: str, column: str | None) -> None:
    assert canonical(header) == column


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ("client,client_email,Shoe size,Pet\x1b[31m", ["'Shoe size', 'Pet\\x1b[31m'"]),
        ("client,,client_email", ["number 2 without a name"]),
        ("client,Company,client_email,email,E-Mail", ["'client' and 'Company' mean client", "mean email"]),
        ("first_name,last_name,wat", ["missing columns: client, client_email", "'wat'"]),
        ('"client', ["the header has a quote that is not closed"]),
        ("x" * 200_000, ["the header has a cell of more than"]),
        ("", ["the file is empty"]),
    ],
    ids=["unknown", "nameless", "doubled", "missing", "unclosed", "huge", "empty"],
)
def test_a_header_that_cannot_be_used_is_refused_with_all_that_is_wrong(
    cli: Cli, file: Path, url: str, *, tmp_path: Path, header: str, said: list[str]
) -> None:
    code, out, err = run(cli, write(file, header), url)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert all(part in err for part in said)
    assert list(tmp_path.iterdir()) == [file]


def test_a_column_can_be_ignored(cli: Cli, file: Path, url: str) -> None:
    write(file, "client,client_email,Shoe size,Phone;,status", "Acme,ap@acme.example,44,x,nonsense")
    assert run(cli, file, url, "--ignore", "shoe_size", "--ignore", "status", "--ignore", "phone")[0] == 0


def test_a_header_alone_is_no_error(cli: Cli, file: Path, url: str) -> None:
    code, out, _ = run(cli, write(file, f"{HEADER},,"), url)
    assert (code, counts(out)) == (0, [0, 0, 0, 0, 0])


# Rows


BAD_ROWS = {
    "too few cells": ("Acme,ap@acme.example", "", "malformed_row"),
    "too many cells": (f"{GOOD},x", "", "malformed_row"),
    "quote not closed": (GOOD.replace("Jane,", '"Jane,'), "", "malformed_row"),
    "quote not doubled": (GOOD.replace("Jane", '"Ja"ne"'), "", "malformed_row"),
    "huge": (GOOD.replace("Jane", "x" * 1_000_000), "", "malformed_row"),
    "long": (GOOD.replace("Jane", "x" * 101), "first_name", "too_long"),
    "NUL": (GOOD.replace("Jane", "Ja\0ne"), "first_name", "forbidden_character"),
    "line break": (GOOD.replace("Jane", '"Ja\r\nne"'), "first_name", "forbidden_character"),
    "line separator": (GOOD.replace("Jane", "Ja\u2028ne"), "first_name", "forbidden_character"),
    "bidi": (GOOD.replace("Jane", "Ja\u202ene"), "first_name", "forbidden_character"),
    "escape": (GOOD.replace("Jane", "\x1b[31mJane"), "first_name", "forbidden_character"),
    "nothing visible": (GOOD.replace("Jane", "\u200c\u200d"), "first_name", "required"),
    "only spaces": (GOOD.replace("Jane", " \u00a0 "), "first_name", "required"),
    "no e-mail": (GOOD.replace("jane@acme.example", "jane"), "email", "invalid_email"),
    "two e-mails": (GOOD.replace("jane@acme.example", "a@a.example b@a.example"), "email", "invalid_email"),
    "unknown role": (GOOD.replace("Buyer,,", "Buyer,king,"), "role", "unknown_name"),
    "staff role": (GOOD.replace("Buyer,,", "Buyer,administrator,"), "role", "unknown_name"),
    "role in the wrong case": (GOOD.replace("Buyer,,", "Buyer,CLIENT_BASIC,"), "role", "unknown_name"),
    "unknown kind": (GOOD.replace("Buyer,,", "Buyer,,Company"), "kind", "unknown_name"),
}


@pytest.mark.parametrize(("row", "field", "code"), BAD_ROWS.values(), ids=BAD_ROWS.keys())
def test_a_bad_row_is_refused_by_its_line_and_stops_no_other(
    cli: Cli, file: Path, url: str, *, tmp_path: Path, row: str, field: str, code: str
) -> None:
    report = tmp_path / "report.csv"
    write(file, HEADER, "", FINE, row, FINE.replace("lee", "kim"))
    exit_code, out, _ = run(cli, file, url, "--report", report)
    assert (exit_code, counts(out)) == (1, [3, 1, 2, 0, 1])
    assert [found[:3] for found in refusals(report)] == [("4", field, code)]
    assert people(url) == {("Bolt Bikes", "lee@bolt.example"), ("Bolt Bikes", "kim@bolt.example")}
    assert max(map(len, out.splitlines())) <= 80 or str(report) in out


def test_all_that_is_wrong_with_a_row_is_told_in_the_words_of_the_file(cli: Cli, file: Path, url: str) -> None:
    write(file, "Company;Company email;Surname;E-Mail;Type", "Acme;ap@acme.example;;jane;Firm")
    _, out, _ = run(cli, file, url)
    for field, why in {
        "Surname": "must not be empty",
        "E-Mail": "is not an e-mail address",
        "Type": "must be one of company, person",
        "first_name": "must not be empty",
    }.items():
        assert any(line.split()[:2] == ["2", field] and why in line for line in out.splitlines())


def test_lines_are_those_of_the_file(cli: Cli, file: Path, url: str, tmp_path: Path) -> None:
    broken = '"A\r\nB",ap@acme.example,,,,,,'
    write(file, HEADER, "", broken, "x", ",,,,,,,", " , ,,,,,,,,,", GOOD, '"', "y", broken, "z")
    report = tmp_path / "report.csv"
    _, out, _ = run(cli, file, url, "--report", report)
    assert [found[0] for found in refusals(report)] == ["3", "5", "9", "10", "11", "13"]
    assert counts(out) == [7, 1, 1, 0, 6]


def test_one_quote_too_many_costs_one_row_of_a_long_file(cli: Cli, file: Path, url: str) -> None:
    rows = [GOOD.replace("jane", f"jane{number}") for number in range(300)]
    rows[150] = f'"{rows[150]}'
    _, out, _ = run(cli, write(file, HEADER, *rows), url)
    assert counts(out) == [300, 1, 299, 0, 1]


def test_empty_cells_beyond_the_header_shift_nothing(cli: Cli, file: Path, url: str) -> None:
    assert run(cli, write(file, f"{HEADER}, ,", f"{GOOD},,,,", FINE), url)[0] == 0


def test_twenty_reasons_are_shown_and_all_are_reported(cli: Cli, file: Path, url: str, tmp_path: Path) -> None:
    report = tmp_path / "report.csv"
    write(file, HEADER, *(["Acme"] * 25))
    _, out, _ = run(cli, file, url, "--report", report)
    assert out.count("has 1 of 8 cells") == 20
    assert "... and 5 more reasons" in out
    assert len(refusals(report)) == 25


@pytest.mark.parametrize(
    ("cell", "is_formula"),
    [
        ("=1+1", True),
        ("+1", True),
        ("-1", True),
        ("@SUM(A1)", True),
        ("\tx", True),
        ("\rx", True),
        (" \u200b\ufeff=1", True),
        ("\x00\x1f=1", True),
        ("\u00a0@x", True),
        ("a=1", False),
        ("", False),
        (" ", False),
    ],
)
def test_no_cell_of_a_report_is_a_formula(cell: str, is_formula: bool) -> None:
    assert neutralised(cell) == (f"'{cell}" if is_formula else cell)


def test_a_header_that_is_a_formula_is_none_in_the_report(cli: Cli, file: Path, url: str, tmp_path: Path) -> None:
    report = tmp_path / "report.csv"
    write(file, "client,client_email,=kind", "Acme,ap@acme.example,firm")
    run(cli, file, url, "--report", report)
    assert refusals(report)[0][1] == "'=kind"


# What cannot run


def test_a_file_that_is_not_there_is_told(cli: Cli, file: Path, url: str) -> None:
    code, out, err = run(cli, file, url)
    assert (code, out) == (2, "")
    assert "cannot be read: No such file" in err


def test_a_pipe_is_no_file(cli: Cli, tmp_path: Path, url: str) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    end = os.open(pipe, os.O_RDWR)
    code, _, err = run(cli, pipe, url)
    os.close(end)
    assert code == 2
    assert "is no regular file" in err


@pytest.mark.parametrize("name", ["people.csv", "no/such/report.csv"])
def test_a_report_that_cannot_be_written_is_refused_before_anything_is(
    cli: Cli, file: Path, url: str, tmp_path: Path, name: str
) -> None:
    write(file, HEADER, GOOD)
    content = file.read_bytes()
    code, _, err = run(cli, file, url, "--report", tmp_path / name)
    assert code == 2
    assert "the report" in err
    assert file.read_bytes() == content
    assert list(tmp_path.iterdir()) == [file]


def test_a_malformed_tenant_is_refused(cli: Cli, file: Path, url: str) -> None:
    write(file, HEADER, GOOD)
    ran = cli("import", file, "--database", url, "--tenant", "north wind")
    assert (ran.code, ran.err.count("\n")) == (2, 1)
    assert "tenant must be" in ran.err


def test_a_database_without_tables_needs_an_upgrade(cli: Cli, file: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.db"
    with closing(sqlite3.connect(other)) as theirs:
        theirs.execute("CREATE TABLE theirs (id)")
    write(file, HEADER, GOOD)
    code, _, err = run(cli, file, f"sqlite:///{other}")
    assert (code, err.count("\n")) == (2, 1)
    assert "run 'clientmgmt upgrade'" in err
    assert cli("upgrade", "--database", f"sqlite:///{other}").code == 0
    assert run(cli, file, f"sqlite:///{other}")[0] == 0


# A process that is killed


def test_a_killed_import_is_completed_by_running_it_again(cli: Cli, file: Path, url: str) -> None:
    rows = [
        f"Client {number // 4},ap@c{number // 4}.example,F,L,u{number}@c{number // 4}.example,,,"
        for number in range(2000)
    ]
    write(file, HEADER, *rows)
    cli("upgrade", "--database", url)
    process = start("import", file, "--database", url, "--tenant", "northwind")
    with open_database(url) as manager:
        while process.poll() is None and not len(workspace(manager).clients.list(limit=1)):
            time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=60)
    assert 0 < len(people(url)) < 2000
    code, out, _ = run(cli, file, url)
    again = counts(out)
    assert (code, again[0], again[2] + again[3], again[4]) == (0, 2000, 2000, 0)
    assert people(url) == {(f"Client {number // 4}", f"u{number}@c{number // 4}.example") for number in range(2000)}
    assert counts(run(cli, file, url)[1]) == [2000, 0, 0, 2000, 0]


# Any file


CELLS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)


@given(
    rows=st.lists(st.lists(CELLS, min_size=3, max_size=3), max_size=8),
    delimiter=st.sampled_from(",;\t|"),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
)
@example(rows=[["a\r", '"', "\n\n"], [" ", "", "\t"], ["x", "y", "z"]], delimiter=",", end="\n", encoding="utf-8")
def test_what_a_spreadsheet_writes_is_what_is_read(
    rows: list[list[str]], delimiter: str, end: str, encoding: str
) -> None:
    written = io.StringIO(newline="")
    writer = csv.writer(written, delimiter=delimiter, lineterminator=end, quoting=csv.QUOTE_ALL)
    expected = []
    for row in [["client", "client_email", "phone"], *rows]:
        line = 1 + sum(1 for _ in io.StringIO(written.getvalue(), newline=""))
        writer.writerow(row)
        if any(cell.strip() for cell in row):
            expected.append((line, [cell.strip(" \t\u00a0") for cell in row]))
    content = written.getvalue().encode(encoding)
    with open_sheet(io.BytesIO(content), encoding="utf-8" if encoding == "utf-8" else None) as sheet:
        assert [(record.line, list((record.cells or {}).values())) for record in sheet.rows] == expected[1:]


@given(st.binary(max_size=200), st.booleans())
def test_no_file_is_a_surprise(content: bytes, has_header: bool) -> None:
    header = b"client,client_email\n" if has_header else b""
    with suppress(CannotRunError), open_sheet(io.BytesIO(header + content)) as sheet:
        assert all(record.cells or record.problem for record in sheet.rows)


def test_reading_takes_the_same_memory_however_long_the_file(tmp_path: Path) -> None:
    peaks = []
    for count in (2_000, 6_000):
        file = write(tmp_path / f"{count}.csv", HEADER, *([GOOD] * count))
        tracemalloc.start()
        with file.open("rb") as source, open_sheet(source) as sheet:
            rows = sum(1 for _ in sheet.rows)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert rows == count
    assert peaks[1] < 2 * peaks[0]


def test_rows_are_handed_over_some_at_a_time(cli: Cli, file: Path, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importing, "_TOGETHER", 2)
    write(file, HEADER, GOOD, "x", FINE, "y", GOOD, "z", "z")
    _, out, _ = run(cli, file, url)
    assert counts(out) == [7, 2, 2, 1, 4]
    assert [line.split()[0] for line in out.splitlines() if "cells" in line] == ["3", "5", "7", "8"]
