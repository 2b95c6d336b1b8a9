"""Functions between rows and entities, written once per collection as Python source and compiled.

They construct directly, without loops over fields: a row costs little more than its entity's constructor.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Generic, TypeVar

import attrs

from clientmgmt.adapters.sqlalchemy.layout import Leaf, Part, leaves_of, parts_of
from clientmgmt.ports.storage import Collection, Entity

__all__ = ["LANE_BINDS", "Mapper", "mapper_of", "pair_of"]

E = TypeVar("E", bound=Entity)

LANE_BINDS = ("p_tenant", "p_lane")
"""Parameters of the subquery that numbers a lane on SQLite, which has no identity columns besides the key."""


@attrs.frozen(eq=False)
class Mapper(Generic[E]):
    """How one collection's entities and rows become each other.

    ``columns`` are the columns of a row in their order, without the tenant; ``entity(*row)`` makes the entity.
    ``reads`` has for every parameter of an ``INSERT`` the expression that reads it from ``tenant`` and ``entity``; of
    a queue also for what :data:`LANE_BINDS` names. ``changes`` has them for an ``UPDATE`` where there is a version,
    and ``saved(entity)`` is the entity with the next one. Of a queue, ``claimed(entity, until)`` is the entity that a
    worker holds.
    """

    columns: tuple[str, ...]
    reads: Mapping[str, str]
    changes: Mapping[str, str]
    entity: Callable[..., E]
    saved: Callable[[E], E]
    claimed: Callable[[E, object], E]


def mapper_of(collection: Collection[E], *, lane_binds: bool = False) -> Mapper[E]:
    """The mapper of ``collection``; with ``lane_binds`` its rows also name tenant and lane for a subquery."""
    parts = parts_of(collection.entity)
    leaves = tuple(leaves_of(parts))
    stored = {"tenant_id": "tenant"} | {leaf.column: _read(parts, leaf) for leaf in leaves}
    binds = dict(zip(LANE_BINDS, ("tenant", "entity.lane"), strict=True)) if lane_binds else {}
    version = {"version": "entity.version + 1"} if collection.versioned else {}
    keys = {"p_tenant": "tenant", "p_id": "entity.id", "p_version": "entity.version"} if version else {}
    changed = {name: read for name, read in stored.items() if name not in {"tenant_id", "id"}} | version | keys
    claim = version | {"due_at": "until", "attempts": "entity.attempts + 1"}
    kept = {part.name: f"entity.{part.name}" for part in parts}
    return Mapper(
        columns=tuple(leaf.column for leaf in leaves),
        reads=stored | binds,
        changes=changed,
        entity=_positional([(collection.entity, parts)], "{}"),
        saved=_compiled("entity", _call("made", parts, kept | version), collection.entity),
        claimed=_compiled("entity, until", _call("made", parts, kept | claim), collection.entity),
    )


def pair_of(left: Collection[Any], right: Collection[Any]) -> Callable[..., tuple[Any, Any]]:
    """What makes the two entities of a joined row: the columns of the left, then those of the right."""
    sides = [(side.entity, parts_of(side.entity)) for side in (left, right)]
    made: Callable[..., tuple[Any, Any]] = _positional(sides, "({}, {})")
    return made


def _compiled(parameters: str, body: str, made: object = None) -> Any:  # noqa: ANN401 - source has no type
    return eval(f"lambda {parameters}: {body}", {"made": made})  # noqa: S307 - attribute names of our own classes


def _positional(entities: list[tuple[type, tuple[Part, ...]]], pattern: str) -> Any:  # noqa: ANN401 - the same
    scope: dict[str, object] = {}
    arguments = (f"v{number}" for number in range(10**6))
    used: list[str] = []
    made = [_construct(entity, parts, scope, arguments, used) for entity, parts in entities]
    return eval(f"lambda {', '.join(used)}: {pattern.format(*made)}", scope)  # noqa: S307 - names made here


def _construct(
    entity: type, parts: tuple[Part, ...], scope: dict[str, object], arguments: Iterator[str], used: list[str]
) -> str:
    """The call that makes ``entity`` from the next arguments; classes get names in ``scope``."""
    name = f"c{len(scope)}"
    scope[name] = entity
    values: dict[str, str] = {}
    for part in parts:
        first = len(used)
        if part.parts:
            values[part.name] = _construct(part.type, part.parts, scope, arguments, used)
        else:
            used.append(next(arguments))
            values[part.name] = used[first]
        if part.parts and part.optional:
            values[part.name] = f"None if {used[first]} is None else {values[part.name]}"
    return _call(name, parts, values)


def _call(name: str, parts: tuple[Part, ...], values: dict[str, str]) -> str:
    return f"{name}({', '.join(f'{part.alias}={values[part.name]}' for part in parts)})"


def _read(parts: tuple[Part, ...], leaf: Leaf) -> str:
    """The expression that reads ``leaf`` from ``entity``, ``None`` if something above is missing."""
    owner, missing = "entity", []
    for name in leaf.path:
        part = next(part for part in parts if part.name == name)
        owner, parts = f"{owner}.{name}", part.parts
        if part.parts and part.optional:
            missing.append(f"{owner} is None")
    return f"None if {' or '.join(missing)} else {owner}" if missing else owner
