"""The ten thousand commonest passwords."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

__all__ = ["is_common_password"]


def is_common_password(text: str) -> bool:
    """Whether ``text`` is one of the 10 000 commonest passwords, in whatever case.

    The list comes with the package (see ``common_passwords.LICENSE.txt`` for its source) and is read at the
    first call.

    >>> is_common_password("Password1"), is_common_password("correct horse battery staple")
    (True, False)
    """
    return text.casefold() in _words()


@cache
def _words() -> frozenset[str]:
    return frozenset(files(__package__).joinpath("common_passwords.txt").read_text("utf-8").splitlines())
