"""Stores and notifiers that are handed in, or found by the scheme of a URL: what is taken, and what is refused."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from clientmgmt import ClientManager, System, generate_key
from clientmgmt._cli import main
from clientmgmt.adapters.console import ConsoleNotifier
from clientmgmt.adapters.memory import InMemoryStorage, InMemoryUnitOfWork
from clientmgmt.adapters.plugins import NOTIFIERS, STORAGES, plugin_schemes, scheme_of
from clientmgmt.adapters.smtp import SmtpNotifier
from clientmgmt.errors import ConfigurationError, StorageError
from clientmgmt.ports import AsyncStorage, Clock, IdSource, Notifier, PasswordHasher, Storage, UnitOfWork
from clientmgmt.ports.shape import missing_from, require_port
from clientmgmt.testing import FastHasher, ManualClock, RecordingNotifier, SequentialIds
from tests.distributions import install

SHELF = """
from clientmgmt.adapters.memory import InMemoryStorage
from clientmgmt.errors import SchemaError
from clientmgmt.testing import RecordingNotifier

opened = []

class Shelf(InMemoryStorage):
    def __init__(self, url):
        opened.append(url)
        super().__init__()

def sulk(url):
    raise OSError(url)

def too_old(url):
    raise SchemaError("run the upgrade of the shelf")

def pigeon(url):
    opened.append(url)
    return RecordingNotifier()

number = 5
"""


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with the distribution ``shelf``, which Python looks into during the test."""
    points = {
        "shelf": "cm_shelf:Shelf",
        "sulky": "cm_shelf:sulk",
        "old": "cm_shelf:too_old",
        "number": "cm_shelf:number",
        "pigeon": "cm_shelf:pigeon",
        "broken": "cm_shelf_gone:Shelf",
        "absent": "cm_shelf:Absent",
        "sqlite": "cm_shelf:sulk",
    }
    install(
        tmp_path,
        "shelf-storage",
        entry_points={STORAGES: points, NOTIFIERS: {"pigeon": "cm_shelf:pigeon", "shelf": "cm_shelf:Shelf"}},
        modules={"cm_shelf": SHELF},
    )
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    sys.modules.pop("cm_shelf", None)


def refused(*args: Any, **options: Any) -> str:  # noqa: ANN401 - whatever a program may pass
    with pytest.raises(ConfigurationError) as error:
        ClientManager(*args, **options)
    return str(error.value)


def test_a_scheme_opens_the_store_of_its_plugin(site: Path) -> None:
    with ClientManager("shelf://left/3?depth=2", secret_keys=[generate_key()]) as manager:
        ws = manager.workspace("northwind", actor=System("test"))
        assert ws.clients.add(name="Acme Retail", email="ap@acme.example").name == "Acme Retail"
    assert sys.modules["cm_shelf"].opened == ["shelf://left/3?depth=2"]
    assert site.joinpath("cm_shelf.py").exists()


@pytest.mark.usefixtures("site")
def test_a_scheme_opens_the_notifier_of_its_plugin() -> None:
    ClientManager("memory:", notifier="Pigeon:loft").deliver()
    assert sys.modules["cm_shelf"].opened == ["Pigeon:loft"]


@pytest.mark.usefixtures("site")
@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("sulky://ada:s3cret@left", "the plug-in shelf-storage for sulky: cannot open this URL (OSError)"),
        ("number:", "the plug-in shelf-storage for number: registers cm_shelf:number, which cannot be called"),
        (
            "pigeon:",
            "what the plug-in shelf-storage for pigeon: makes must be a Storage, which RecordingNotifier is not",
        ),
        (
            "broken:",
            "the plug-in shelf-storage for broken: cannot be loaded: ModuleNotFoundError: No module named",
        ),
        ("absent:", "the plug-in shelf-storage for absent: cannot be loaded: AttributeError: module"),
    ],
)
def test_a_plugin_that_fails_is_named(url: str, said: str) -> None:
    message = refused(url, secret_keys=[generate_key()])
    assert message.startswith(said)
    assert "s3cret" not in message


@pytest.mark.usefixtures("site")
def test_an_error_of_ours_comes_through_as_it_is() -> None:
    with pytest.raises(StorageError, match="run the upgrade of the shelf"):
        ClientManager("old:", secret_keys=[generate_key()])


@pytest.mark.usefixtures("site")
def test_a_notifier_of_a_plugin_is_looked_at_too() -> None:
    message = refused("memory:", notifier="shelf:")
    assert message.startswith("what the plug-in shelf-storage for shelf: makes must be a Notifier, which Shelf is not")


@pytest.mark.usefixtures("site")
def test_an_unknown_scheme_names_the_known_ones() -> None:
    message = refused("mysql://ada:s3cret@db.example/clients")
    assert message == (
        "nothing is known of mysql: in clientmgmt.storage: built in are memory:, sqlite:///…, postgresql://…; of"
        " installed plug-ins there are absent:, broken:, number:, old:, pigeon:, shelf:, sqlite:, sulky:; install the"
        " distribution that registers it"
    )
    message = refused("memory:", notifier="sendgrid://s3cret@")
    assert message.startswith("nothing is known of sendgrid: in clientmgmt.notifier: built in are console:, smtp://…")
    assert "pigeon:, shelf:;" in message
    assert "s3cret" not in message


def test_without_plugins_there_are_none() -> None:
    assert "installed plug-ins there are none" in refused("shelf://left")
    assert refused("memory:", notifier="nonsense").startswith("nothing is known of a URL without a scheme")
    assert refused("clients.db") == "the storage URL cannot be read"
    assert refused("C:\\clients.db") == "the storage URL cannot be read"
    assert refused("memory://x").startswith("nothing is known of memory: in clientmgmt.storage: built in are memory:,")


@pytest.mark.usefixtures("site")
def test_what_is_built_in_is_not_looked_up(tmp_path: Path) -> None:
    with ClientManager(f"sqlite:///{tmp_path}/clients.db", secret_keys=[generate_key()]) as manager:
        assert manager.upgrade()
    assert "cm_shelf" not in sys.modules


def test_a_built_in_scheme_reads_no_entry_points() -> None:
    program = (
        "import sys; from clientmgmt import ClientManager; ClientManager('memory:', notifier='console:');"
        "sys.exit('importlib.metadata' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_two_distributions_with_one_scheme_are_both_named(site: Path) -> None:
    install(site, "other-shelf", entry_points={STORAGES: {"shelf": "cm_other:Shelf"}})
    message = refused("shelf://left")
    assert message == (
        "shelf: is registered in clientmgmt.storage by more than one distribution: other-shelf, shelf-storage"
    )


@pytest.mark.usefixtures("site")
def test_the_command_line_opens_the_stores_of_plugins(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["upgrade", "--database", "shelf://left/3"]) == 0
    assert capsys.readouterr().out == "shelf://left/3: nothing to do\n"
    assert main(["doctor", "--database", "shelf://left/3"]) == 0
    assert "ok      database, schema" in capsys.readouterr().out
    assert main(["upgrade", "--database", "mysql://ada:s3cret@left/3"]) == 2
    said = capsys.readouterr().err
    assert "no store for mysql: there are sqlite, postgresql (with psycopg), absent, broken, number, old" in said
    assert "s3cret" not in said


@pytest.mark.usefixtures("site")
def test_schemes_are_told_apart() -> None:
    assert plugin_schemes(NOTIFIERS) == ("pigeon", "shelf")
    assert [scheme_of(url) for url in ("a", "", "a:b", "s3+x.y-z:b", "S3:", "1a:", "://", "x y:z")] == [
        "", "", "", "s3+x.y-z", "s3", "", "", "",
    ]  # fmt: skip


# What is handed in as an object.


class Nothing:
    pass


class Silent(RecordingNotifier):
    send = None  # type: ignore[assignment]


@pytest.mark.parametrize(
    ("thing", "said"),
    [
        (
            Path("clients.db"),
            "storage must be a Storage, which PosixPath is not: it has no ephemeral, exclusive, in_host_transaction,",
        ),
        (None, "storage must be a Storage, which NoneType is not: it has no ephemeral,"),
        (InMemoryStorage, "storage is the class InMemoryStorage itself: pass an object of it"),
        (RecordingNotifier(), "storage must be a Storage, which RecordingNotifier is not"),
    ],
)
def test_what_is_no_storage_is_refused(thing: object, said: str) -> None:
    assert refused(thing, secret_keys=[generate_key()]).startswith(said)


def test_a_storage_that_lacks_one_method_is_refused_by_its_name() -> None:
    class Half(InMemoryStorage):
        tenants = None  # type: ignore[assignment]

    message = refused(Half())
    assert message == "storage must be a Storage, which Half is not: it has no tenants (see clientmgmt.ports)"


def test_an_asynchronous_store_is_refused_where_none_is_asked_for() -> None:
    class Awaited(InMemoryStorage):
        async def upgrade(self) -> tuple[str, ...]:  # type: ignore[override]
            return ()

    assert refused(Awaited()) == "storage must be a Storage: Awaited is one of the other kind (async or not)"
    with pytest.raises(ConfigurationError, match="storage must be an AsyncStorage, which InMemoryStorage is not"):
        require_port(InMemoryStorage(), AsyncStorage, name="storage")


@pytest.mark.parametrize(
    ("option", "thing", "said"),
    [
        ("notifier", Nothing(), "notifier must be a Notifier, which Nothing is not: it has no send"),
        ("notifier", Silent(), "notifier must be a Notifier, which Silent is not: it has no send"),
        ("notifier", RecordingNotifier, "notifier is the class RecordingNotifier itself"),
        ("notifier", print, "notifier must be a Notifier, which builtin_function_or_method is not"),
        ("clock", Nothing(), "clock must be a Clock, which Nothing is not: it has no now"),
        ("ids", Nothing(), "ids must be an IdSource, which Nothing is not: it has no new"),
        ("passwords", Nothing(), "passwords must be a PasswordHasher, which Nothing is not: it has no hash, verify"),
    ],
)
def test_what_is_no_adapter_is_refused(option: str, thing: object, said: str) -> None:
    assert refused("memory:", **{option: thing}).startswith(said)


def test_the_doubles_have_what_the_ports_ask_for() -> None:
    doubles: dict[type, object] = {
        Clock: ManualClock(),
        IdSource: SequentialIds(),
        Notifier: RecordingNotifier(),
        PasswordHasher: FastHasher(),
        Storage: InMemoryStorage(),
    }
    for port, double in doubles.items():
        assert missing_from(double, port) == ()
        assert require_port(double, port, name="it") is double


def test_a_store_whose_units_lack_a_verb_is_found_by_check() -> None:
    class Short(InMemoryUnitOfWork):
        next_number = None  # type: ignore[assignment]
        savepoint = None  # type: ignore[assignment]

    storage = InMemoryStorage()
    assert ClientManager(storage).check() == ()
    storage.unit_type = Short
    (note,) = ClientManager(storage).check()
    assert note.code == "verbs_missing"
    assert note.message == "the units of work of this store have no next_number, savepoint"
    assert len([name for name in vars(UnitOfWork) if not name.startswith("_")]) == 11


# Notifiers by URL.


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("smtp://mail.example", "SmtpNotifier('mail.example', 587, security='starttls')"),
        ("smtps://mail.example", "SmtpNotifier('mail.example', 465, security='tls')"),
        ("smtp://ada:p%40ss@mail.example:2525?timeout=5", "SmtpNotifier('mail.example', 2525, security='starttls')"),
        ("smtp://localhost?security=none", "SmtpNotifier('localhost', 25, security='none')"),
        ("smtp://[::1]:2525/?security=tls", "SmtpNotifier('::1', 2525, security='tls')"),
    ],
)
def test_a_mail_server_is_given_by_url(url: str, shown: str) -> None:
    assert repr(SmtpNotifier.from_url(url)) == shown
    ClientManager("memory:", notifier=url).close()


@pytest.mark.parametrize(
    "url",
    [
        "smtp://",
        "smtp://:s3cret@mail.example",
        "smtp://ada@mail.example",
        "smtp://ada:s3cret@mail.example:port",
        "smtp://ada:s3cret@mail.example:70000",
        "smtp://ada:s3cret@mail.example?security=none",
        "smtp://ada:s3cret@mail.example?security=ssl",
        "smtp://ada:s3cret@mail.example?colour=red",
        "smtp://ada:s3cret@mail.example?timeout",
        "smtp://ada:s3cret@mail.example?timeout=0",
        "smtp://ada:s3cret@mail.example?timeout=soon",
        "smtp://ada:s3cret@mail.example/folder",
        "smtps://ada:s3cret@mail.example?security=none",
        "smtp://ada:s3cret@[::1",
    ],
)
def test_a_malformed_url_of_a_mail_server_is_refused_and_not_repeated(url: str) -> None:
    message = refused("memory:", notifier=url)
    assert "s3cret" not in message


def test_the_console_is_given_by_url(capsys: pytest.CaptureFixture[str]) -> None:
    assert isinstance(ClientManager("memory:", notifier="console:")._wiring.notifier, ConsoleNotifier)  # noqa: SLF001 - there is no other way to see it
    assert capsys.readouterr().out == ""
