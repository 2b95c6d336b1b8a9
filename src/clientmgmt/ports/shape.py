"""Whether an object has what a port asks for: told when it is handed in, not when it is first used."""

from __future__ import annotations

from inspect import iscoroutinefunction
from typing import TypeVar

from clientmgmt.errors import ConfigurationError

__all__ = ["missing_from", "require_port"]

P = TypeVar("P")


def missing_from(thing: object, port: type) -> tuple[str, ...]:
    """What ``port`` declares and ``thing`` does not have, or has as something that cannot be called."""
    declared = {name: part for name, part in vars(port).items() if not name.startswith("_")}
    return tuple(
        name
        for name, part in declared.items()
        if not hasattr(thing, name) or (not isinstance(part, property) and not callable(getattr(thing, name)))
    )


def require_port(thing: P, port: type, *, name: str) -> P:
    """``thing``, if it is what ``port`` asks for.

    Args:
        thing: what a program handed in.
        port: the protocol.
        name: how the program knows ``thing``, for the message.

    Raises:
        ConfigurationError: it is a class, an asynchronous thing where none is asked for, or lacks something.
    """
    wanted = port.__name__
    article = "an" if wanted[0] in "AEIOU" else "a"
    if isinstance(thing, type):
        message = f"{name} is the class {thing.__name__} itself: pass an object of it"
        raise ConfigurationError(message)
    if missing := missing_from(thing, port):
        kind, lacking = type(thing).__name__, ", ".join(missing)
        message = f"{name} must be {article} {wanted}, which {kind} is not: it has no {lacking} (see clientmgmt.ports)"
        raise ConfigurationError(message)
    declared = (part for part in vars(port) if not part.startswith("_"))
    if any(iscoroutinefunction(getattr(thing, part)) != iscoroutinefunction(vars(port)[part]) for part in declared):
        message = f"{name} must be {article} {wanted}: {type(thing).__name__} is one of the other kind (async or not)"
        raise ConfigurationError(message)
    return thing
