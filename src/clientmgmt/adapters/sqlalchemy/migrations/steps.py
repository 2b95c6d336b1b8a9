"""The steps in their order, and the model of the schema that they make."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import attrs
import sqlalchemy as sa

from clientmgmt.adapters.sqlalchemy.migrations import (
    step_0001,
    step_0002,
    step_0003,
    step_0004,
    step_0005,
    step_0006,
    step_0007,
)
from clientmgmt.adapters.sqlalchemy.migrations.operations import Operations

__all__ = ["STEPS", "Step", "latest", "model_at", "operations_at"]


@attrs.frozen
class Step:
    """One step: what it does, and how it is taken back."""

    upgrade: Callable[[Operations], None]
    downgrade: Callable[[Operations], None]


STEPS: tuple[Step, ...] = (
    Step(step_0001.upgrade, step_0001.downgrade),
    Step(step_0002.upgrade, step_0002.downgrade),
    Step(step_0003.upgrade, step_0003.downgrade),
    Step(step_0004.upgrade, step_0004.downgrade),
    Step(step_0005.upgrade, step_0005.downgrade),
    Step(step_0006.upgrade, step_0006.downgrade),
    Step(step_0007.upgrade, step_0007.downgrade),
)
"""All steps; the first one leads to version 1."""


def latest() -> int:
    """The version of the schema that this release reads and writes."""
    return len(STEPS)


def operations_at(version: int, *, prefix: str, schema: str | None) -> Operations:
    """Operations on a database that has ``version``; they do nothing to it yet."""
    ops = Operations(prefix=prefix, schema=schema)
    for step in STEPS[:version]:
        step.upgrade(ops)
    return ops


@lru_cache(maxsize=8)
def model_at(version: int | None = None, *, prefix: str = "cm_", schema: str | None = None) -> sa.MetaData:
    """The tables as the steps up to ``version``, or all of them, make them. They are shared: to be read only."""
    return operations_at(latest() if version is None else version, prefix=prefix, schema=schema).model
