"""The asynchronous facade is the synchronous one with ``await``: written from it, and the same in every name."""

from __future__ import annotations

import importlib.util
import inspect
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

import clientmgmt
from clientmgmt import _manager, _manager_async

SCRIPT = Path(__file__).parents[2] / "scripts" / "asyncify.py"
TWINS = {
    "ClientManager": "AsyncClientManager",
    "Entrance": "AsyncEntrance",
    "Feed": "AsyncFeed",
    "Workspace": "AsyncWorkspace",
    "iter_all": "aiter_all",
}
AT_ONCE = {"workspace", "entrance", "feed", "acting_as", "tenant", "actor"}
"""What asks no store, and so is not awaited."""


@pytest.fixture(scope="module")
def asyncify() -> ModuleType:
    spec = importlib.util.spec_from_file_location("asyncify", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_what_was_written_is_up_to_date(asyncify: ModuleType) -> None:
    written = dict(asyncify.written())
    assert {path.name: path.read_text("utf-8") == text for path, text in written.items()} == dict.fromkeys(
        (path.name for path in asyncify.SOURCE.glob("*.py") if path.name not in asyncify.BY_HAND), True
    )
    there = {path.name for path in asyncify.TARGET.glob("*.py")}
    assert there == {path.name for path in written} | asyncify.BY_HAND


def test_the_script_says_what_is_out_of_date(asyncify: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["asyncify.py", "--check"])
    path = asyncify.TARGET / "group.py"
    monkeypatch.setattr(asyncify, "written", lambda: iter([(path, path.read_text("utf-8"))]))
    with pytest.raises(SystemExit) as said:
        asyncify.main()
    assert said.value.code is None
    monkeypatch.setattr(asyncify, "written", lambda: iter([(path, "old")]))
    with pytest.raises(SystemExit) as said:
        asyncify.main()
    assert said.value.code == str(path)


def twins() -> Iterator[tuple[str, type, type]]:
    for name in _manager.__all__:
        if name != "iter_all":
            yield name, getattr(_manager, name), getattr(_manager_async, TWINS.get(name, name))


def members(kind: type) -> dict[str, object]:
    found = {name: value for name, value in vars(kind).items() if not name.startswith("_") or name == "__init__"}
    assert found
    return found


def test_every_name_has_its_twin() -> None:
    assert sorted(_manager_async.__all__) == sorted(TWINS.get(name, name) for name in _manager.__all__)
    for name, twin in TWINS.items():
        assert hasattr(clientmgmt, name)
        assert hasattr(clientmgmt, twin)
        assert twin in clientmgmt.__all__


@pytest.mark.parametrize(("name", "kind", "twin"), list(twins()), ids=[name for name, *_ in twins()])
def test_methods_have_the_same_names_parameters_and_docstrings(name: str, kind: type, twin: type) -> None:
    assert twin.__doc__ == kind.__doc__, name
    assert list(members(twin)) == list(members(kind))
    for method, there in members(kind).items():
        here = members(twin)[method]
        assert inspect.getdoc(here) == inspect.getdoc(there), method
        if isinstance(there, property):
            assert isinstance(here, property)
        elif callable(there):
            assert callable(here)
            assert parameters(here) == parameters(there), method
            assert awaited(here) is (method not in AT_ONCE | {"__init__"}), method


def parameters(method: object) -> list[tuple[str, object, object, str]]:
    assert callable(method)
    return [
        (each.name, each.kind, each.default, re.sub(r"\bAsync(?=[A-Z])", "", str(each.annotation)))
        for each in inspect.signature(method).parameters.values()
    ]


def awaited(method: object) -> bool:
    """Whether it takes time: a coroutine function, or what ``async with`` enters."""
    return inspect.iscoroutinefunction(method) or inspect.isasyncgenfunction(inspect.unwrap(method))  # type: ignore[arg-type]


def test_the_check_would_notice() -> None:
    def method(self: object, *, name: str = "x") -> None:
        """Does it."""

    async def other(self: object, *, name: str) -> None:
        """Does it."""

    assert parameters(method) != parameters(other)
    assert (awaited(method), awaited(other)) == (False, True)


def test_walking_a_list_takes_what_the_list_takes() -> None:
    assert [each[:3] for each in parameters(clientmgmt.aiter_all)] == [
        each[:3] for each in parameters(clientmgmt.iter_all)
    ]
    first = (clientmgmt.iter_all.__doc__ or "").splitlines()[2]
    assert (clientmgmt.aiter_all.__doc__ or "").splitlines()[2] == first


def test_what_a_module_does_not_have_it_does_not_make_up() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'AsyncNothing'"):
        _ = clientmgmt.AsyncNothing
