"""What the long runs have counted, as a table at the end of the run."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import attrs
import pytest

__all__ = ["Figures", "lengths", "table"]

PROPERTY = "figures"


@attrs.frozen
class Figures:
    """Where a test leaves its figures."""

    record: Callable[[str, object], None]

    def add(self, name: str, **counts: float) -> None:
        """A line of the table."""
        self.record(PROPERTY, [name, counts])


def lengths(short: object, long: object) -> pytest.MarkDecorator:
    """``sizes`` of a run: one for every check, one to let run over night."""
    return pytest.mark.parametrize(
        "sizes",
        [
            pytest.param(short, marks=pytest.mark.faults, id="short"),
            pytest.param(long, marks=pytest.mark.faults_long, id="long"),
        ],
    )


def table(lines: list[tuple[str, Mapping[str, float]]]) -> list[str]:
    """The lines, one below the other."""
    return [
        f"{name:<44} " + "  ".join(f"{key} {_number(count)}" for key, count in counts.items()) for name, counts in lines
    ]


def _number(count: float) -> str:
    return f"{count:,}".replace(",", " ") if isinstance(count, int) else f"{count:.2f}"
