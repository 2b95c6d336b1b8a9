"""A hundred at once beside one by one."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count as numbers

from benchmarks.commands import Stage
from benchmarks.harness import Result, Step, compare, count

SIZE = 100
GOALS = {"sqlite": 0.5, "postgresql": 0.2}


def measure(stage: Stage) -> Iterator[Result]:
    """Per row, so the ratio of the whole; what is saved is waiting for the disk and the server."""
    dialect = stage.engine.dialect.name
    batches = numbers()
    ws = stage.ws

    def contacts() -> None:
        """Contacts of one client."""
        people = [{"first_name": "Jane", "last_name": "Doe", "email": stage.email()} for _ in range(SIZE)]
        assert len(ws.contacts.add_many(stage.ours, people).ok) == SIZE

    def imported() -> None:
        """Clients from a table."""
        assert len(ws.clients.import_rows(_clients(next(batches))).ok) == SIZE

    def together() -> None:
        """Clients by as many calls in one unit of work: the same statements, one commit."""
        with ws.transaction() as tx:
            for row in _clients(next(batches)):
                tx.clients.add(name=row["client"], email=row["client_email"])

    def contacts_singly() -> None:
        for _ in range(SIZE):
            stage.contact()

    def clients_singly() -> None:
        for row in _clients(next(batches)):
            ws.clients.add(name=row["client"], email=row["client_email"])

    goal = GOALS[dialect]
    sides: tuple[tuple[str, Step, Step, float], ...] = (
        ("contacts, add_many", contacts, contacts_singly, goal),
        ("clients, import_rows", imported, clients_singly, goal),
        ("clients, transaction", together, clients_singly, 1.0),
    )
    for name, ours, theirs, wanted in sides:
        yield compare(
            f"{SIZE} {name}, {dialect}",
            ours,
            theirs,
            baseline="one by one",
            goal=wanted,
            rounds=9,
            repeat=1,
            statements=(count(stage.engine, ours), count(stage.engine, theirs)),
            by="wall",
        )


def _clients(batch: int) -> list[dict[str, str]]:
    return [
        {"client": f"Batch {batch} {number}", "client_email": f"b{batch}.{number}@client.example"}
        for number in range(SIZE)
    ]
