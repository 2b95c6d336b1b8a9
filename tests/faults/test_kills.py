"""Kill -9 at random moments: what was acknowledged is there, nothing is there by halves.

The same kills with a planted fault, transactions that end before their time, must show halves: else the kills would
show nothing at all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from random import randrange

import attrs
import pytest
import sqlalchemy as sa

from clientmgmt.adapters.sqlalchemy import SQLStorage, connection_of
from clientmgmt.errors import ConnectionLostError
from clientmgmt.ports import UnitOfWork
from clientmgmt.ports.collections import OUTBOX
from tests.box import Box, new_tenant
from tests.faults.figures import Figures, lengths
from tests.faults.processes import Verdict, judge, lives
from tests.faults.server import OwnServer, own_server
from tests.faults.workers import write_until_killed
from tests.races.workers import Place


@attrs.frozen
class Scene:
    """A database that survives; ``wait`` until the dead have left it."""

    storage: SQLStorage
    url: str
    wait: Callable[[str], None] = lambda _: None

    def place(self) -> Place:
        tenant = new_tenant()
        if self.url.startswith("sqlite"):
            return Place(self.url, None, tenant)
        named = sa.make_url(self.url).update_query_dict({"application_name": tenant})
        return Place(named.render_as_string(hide_password=False), None, tenant)

    def judge(self, place: Place, told: list[str]) -> Verdict:
        """Open the database anew, and look."""
        self.wait(place.tenant)
        try:
            return judge(self.storage, place.tenant, told)
        finally:
            self.storage.close()


def opened(url: str) -> SQLStorage:
    storage = SQLStorage(url)
    storage.upgrade()
    storage.close()
    return storage


@pytest.fixture
def sqlite_scene(tmp_path: Path) -> Scene:
    url = f"sqlite:///{tmp_path / 'killed.db'}"
    return Scene(opened(url), url)


@pytest.fixture(scope="module")
def server() -> Iterator[OwnServer]:
    with own_server() as running:
        yield running


@pytest.fixture
def postgresql_scene(server: OwnServer) -> Scene:
    engine = sa.create_engine(server.url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)

    def wait(name: str) -> None:
        """Until the server has noticed that nobody is there any more."""
        with engine.connect() as connection:
            while connection.exec_driver_sql(
                "SELECT 1 FROM pg_stat_activity WHERE application_name = %s", (name,)
            ).first():
                pass

    return Scene(opened(server.url), server.url, wait)


@pytest.fixture(params=["sqlite", "postgresql"])
def scene(request: pytest.FixtureRequest) -> Scene:
    found: Scene = request.getfixturevalue(f"{request.param}_scene")
    return found


@lengths(short=(100, 50), long=(1000, 500))
def test_a_killed_client_leaves_nothing_by_halves(
    scene: Scene, sizes: tuple[int, int], figures: Figures, request: pytest.FixtureRequest
) -> None:
    database = request.node.callspec.params["scene"]
    cycles = sizes[database != "sqlite"]
    verdict = sum((kill_client(scene) for _ in range(cycles)), Verdict())
    control = until_torn(lambda _: kill_client(scene, autocommits=True))
    figures.add(f"kill -9, {database} client", cycles=cycles, **attrs.asdict(verdict), control=control.torn)
    assert verdict.acknowledged >= cycles
    assert (verdict.lost, verdict.torn) == (0, 0)
    assert control.torn, "the kills hit nothing: this run shows nothing"


def kill_client(scene: Scene, *, autocommits: bool = False) -> Verdict:
    place = scene.place()
    with lives(1, write_until_killed, place, autocommits=autocommits) as (life,):
        life.hear(randrange(1, 6))  # noqa: S311 - the random moment is what is tried
        life.kill()
    return scene.judge(place, life.told)


def until_torn(kill: Callable[[int], Verdict]) -> Verdict:
    """Kill until something is torn; a hundred times are enough for chance to be no excuse."""
    verdict = Verdict()
    for number in range(100):
        verdict += kill(number)
        if verdict.torn:
            break
    return verdict


@lengths(short=5, long=50)
def test_a_killed_server_leaves_nothing_by_halves(
    server: OwnServer, postgresql_scene: Scene, sizes: int, figures: Figures
) -> None:
    with postgresql_scene.storage.unit_of_work("t", read_only=True) as uow:
        beside = connection_of(uow)
        names = ("fsync", "full_page_writes", "synchronous_commit")
        assert [beside.exec_driver_sql(f"SHOW {name}").scalar_one() for name in names] == ["on", "on", "on"]
    postgresql_scene.storage.close()
    verdict = sum((kill_server(server, postgresql_scene, number) for number in range(sizes)), Verdict())
    control = until_torn(lambda number: kill_server(server, postgresql_scene, number, autocommits=True))
    figures.add("kill -9, postgresql server", cycles=sizes, **attrs.asdict(verdict), control=control.torn)
    assert verdict.acknowledged >= sizes
    assert (verdict.lost, verdict.torn) == (0, 0)
    assert control.torn, "the kills hit nothing: this run shows nothing"


def kill_server(server: OwnServer, scene: Scene, number: int, *, autocommits: bool = False) -> Verdict:
    """Crash under the load of three writers: every second time without the server's children being told."""
    place = scene.place()
    with lives(3, write_until_killed, place, autocommits=autocommits) as writers:
        for writer in writers:
            writer.hear(randrange(1, 6))  # noqa: S311 - the random moment is what is tried
        if number % 2:
            server.crash_all()
        else:
            server.crash()
        codes = [writer.end() for writer in writers]
    assert codes == [0, 0, 0], "a writer gets an error of the store, and nothing else"
    server.start()
    return scene.judge(place, [line for writer in writers for line in writer.told])


@pytest.mark.faults
def test_a_server_that_is_restarted_is_noticed_where_it_matters(server: OwnServer) -> None:
    """Between commands and inside of one nobody notices; a raw unit is told that it is lost."""
    storage = opened(server.url)
    box = Box(storage)
    acme = box.client()
    server.restart()
    box.contact(acme, invite=True)

    def lose(uow: UnitOfWork) -> None:
        uow.remove(OUTBOX, *(mail.id for mail in uow.find(OUTBOX)))
        server.restart()

    with pytest.raises(ConnectionLostError), storage.unit_of_work(box.tenant) as uow:
        lose(uow)
    assert len(box.dump()["outbox"]) == 1
    storage.close()
