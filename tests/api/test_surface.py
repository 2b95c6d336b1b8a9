"""What an import costs, and what it offers."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

import clientmgmt

HEAVY = ("sqlalchemy", "asyncio", "cattrs", "email_validator", "rich", "argon2", "psycopg", "smtplib")
MODULES = (
    "clientmgmt",
    "clientmgmt.domain",
    "clientmgmt.errors",
    "clientmgmt.ports",
    "clientmgmt.serialization",
    "clientmgmt.testing",
    "clientmgmt.adapters.links",
    "clientmgmt.adapters.memory",
    "clientmgmt.adapters.sqlalchemy",
)


def loaded(program: str) -> set[str]:
    """Which of the heavy modules a program has loaded in the end."""
    script = f"{program}\nimport sys\nprint(*(name for name in {HEAVY!r} if name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    return set(done.stdout.split())


def test_an_import_loads_nothing_heavy() -> None:
    assert loaded("import clientmgmt") == set()


def test_a_story_in_memory_loads_nothing_heavy_but_the_hasher() -> None:
    program = """
from clientmgmt import ClientManager, Staff
ws = ClientManager("memory:").workspace("northwind", actor=Staff("ada", roles={"administrator"}))
acme = ws.clients.add(name="Acme", email="ap@acme.example")
ws.contacts.add(acme.id, first_name="Jane", last_name="Doe", email="jane@acme.example")
"""
    assert loaded(program) <= {"argon2"}


def test_the_check_would_notice() -> None:
    assert loaded("import clientmgmt, sqlalchemy") >= {"sqlalchemy"}


def rank(name: str) -> tuple[int, str]:
    """Constants, then classes, then functions, each by name."""
    return (0 if name.isupper() else 1 if name[0].isupper() else 2), name


@pytest.mark.parametrize("name", MODULES)
def test_public_names_are_sorted_and_there(name: str) -> None:
    module = importlib.import_module(name)
    assert list(module.__all__) == sorted(module.__all__, key=rank)
    assert len(set(module.__all__)) == len(module.__all__)
    assert all(hasattr(module, public) for public in module.__all__)
    assert all(getattr(module, public) is not None for public in module.__all__)


def test_the_first_screen_of_names_is_documented() -> None:
    undocumented = [name for name in clientmgmt.__all__ if not (getattr(clientmgmt, name).__doc__ or "").strip()]
    assert [name for name in undocumented if name not in {"ClientId", "ContactId", "UserId"}] == []
