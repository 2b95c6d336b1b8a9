"""Sits between a driver and PostgreSQL, and goes away at a chosen moment."""

from __future__ import annotations

import select
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryDirectory

import sqlalchemy as sa

__all__ = ["COMMIT", "Proxy", "When", "proxied"]

COMMIT = b"COMMIT\0"
"""How the request to commit looks like; the name of an isolation level has no end there."""

CHUNK = 1 << 20
PORT = 5432


class When(StrEnum):
    """At which point of a request the connection is cut."""

    UNSENT = "unsent"  # the server never gets the request
    UNANSWERED = "unanswered"  # the server has done it, the driver never hears of it
    ANSWERED = "answered"  # the driver has its answer


class Proxy:
    """Passes requests on, until it is to :meth:`cut` a connection. It cuts once, then it is a good proxy again.

    ``url`` is that of the database, by way of this proxy; ``requests`` counts what drivers have sent.
    """

    def __init__(self, folder: Path, target: sa.URL) -> None:
        self.url = target.set(host=None, port=None).update_query_dict({"host": str(folder), "port": str(PORT)})
        self.requests = 0
        self._target = target
        self._plan: tuple[When, bytes | int] | None = None
        self._pairs: dict[threading.Thread, tuple[socket.socket, socket.socket]] = {}
        self._door = socket.socket(socket.AF_UNIX)
        self._door.bind(str(folder / f".s.PGSQL.{PORT}"))
        self._door.listen(64)
        self._usher = threading.Thread(target=self._let_in)
        self._usher.start()

    def cut(self, when: When, request: bytes | int) -> None:
        """Cut at the next request with these words in it, or at the one with this number, counted from now."""
        self.requests = 0
        self._plan = when, request

    def cut_now(self) -> None:
        """Cut every connection, and return when both sides can know it."""
        for thread, pair in tuple(self._pairs.items()):
            with suppress(OSError):  # it has gone by itself meanwhile
                for side in pair:
                    side.shutdown(socket.SHUT_RDWR)
            thread.join()

    def cut_nothing(self) -> None:
        """Be a good proxy from now on."""
        self._plan = None

    @property
    def has_cut(self) -> bool:
        """Whether what was planned has happened."""
        return self._plan is None

    def close(self) -> None:
        """Close the door and every connection; once is enough."""
        if self._usher.is_alive():
            self._door.shutdown(socket.SHUT_RDWR)
            self._usher.join()
            self._door.close()
        self.cut_now()

    def _let_in(self) -> None:
        while True:
            try:
                client, _ = self._door.accept()
            except OSError:
                return
            pair = client, _connect(self._target)
            thread = threading.Thread(target=self._serve, args=pair)
            self._pairs[thread] = pair
            thread.start()

    def _serve(self, client: socket.socket, server: socket.socket) -> None:
        with client, server, suppress(OSError):
            doom: When | None = None
            while True:
                readable, _, _ = select.select([client, server], [], [])
                if client in readable:
                    doom = self._ask(client, server) or doom
                elif not self._answer(client, server, doom):
                    break
        del self._pairs[threading.current_thread()]

    def _ask(self, client: socket.socket, server: socket.socket) -> When | None:
        """Pass a request on; what is to happen at its answer. ``OSError`` when the connection is over."""
        request = client.recv(CHUNK)
        self.requests += 1
        when = self._cuts(request)
        if when is When.UNSENT or not request:
            raise ConnectionAbortedError
        server.sendall(request)
        return when

    @staticmethod
    def _answer(client: socket.socket, server: socket.socket, doom: When | None) -> bool:
        """Pass an answer on, or not; false when the connection is over."""
        answer = server.recv(CHUNK)
        if doom is not When.UNANSWERED:
            client.sendall(answer)
        return bool(answer) and doom is None

    def _cuts(self, request: bytes) -> When | None:
        if self._plan is None:
            return None
        when, wanted = self._plan
        if self.requests != wanted if isinstance(wanted, int) else wanted not in request:
            return None
        self._plan = None
        return when


def _connect(url: sa.URL) -> socket.socket:
    host = str(url.query.get("host", url.host))
    port = int(str(url.query.get("port", url.port or PORT)))
    if not host.startswith("/"):
        return socket.create_connection((host, port))
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(f"{host}/.s.PGSQL.{port}")
    return connection


@contextmanager
def proxied(url: str) -> Iterator[Proxy]:
    """A proxy in front of the database at ``url``."""
    with TemporaryDirectory(prefix="cm-proxy-") as folder:
        proxy = Proxy(Path(folder), sa.make_url(url))
        try:
            yield proxy
        finally:
            proxy.close()
