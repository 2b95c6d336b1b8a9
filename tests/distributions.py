"""Distributions as pip leaves them behind: modules and metadata in a folder that Python looks into."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

__all__ = ["install"]


def install(
    folder: Path, name: str, *, entry_points: Mapping[str, Mapping[str, str]], modules: Mapping[str, str] | None = None
) -> Path:
    """Put a distribution into ``folder`` and answer the folder; its entry points are by group and name."""
    metadata = folder / f"{name}-1.0.dist-info"
    metadata.mkdir(parents=True)
    metadata.joinpath("METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    groups = (
        f"[{group}]\n" + "".join(f"{key} = {value}\n" for key, value in points.items())
        for group, points in entry_points.items()
    )
    metadata.joinpath("entry_points.txt").write_text("\n".join(groups))
    for module, source in (modules or {}).items():
        folder.joinpath(f"{module}.py").write_text(source)
    return folder
