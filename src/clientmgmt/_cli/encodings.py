"""The encoding of a text file: found out before the first row is read, so that no half of it is imported."""

from __future__ import annotations

import codecs
import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, TextIO

from clientmgmt._cli.exits import CannotRunError

__all__ = ["decoded"]

_MARKS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
_SHOWN = {"utf-8": "UTF-8", "utf-8-sig": "UTF-8", "utf-16": "UTF-16"}
_BLOCK = 1 << 20


@contextmanager
def decoded(file: BinaryIO, encoding: str | None) -> Iterator[tuple[str, TextIO]]:
    """The name of the encoding, and the text from its start; ``CannotRunError`` if it cannot be read so."""
    name = encoding or _marked(file) or _guess(file)
    _check(file, name)
    file.seek(0)
    text = io.TextIOWrapper(file, _without_mark(name), newline="")
    try:
        yield _SHOWN.get(name.lower(), name), text
    finally:
        text.detach()  # the file stays open: it is not ours


def _marked(file: BinaryIO) -> str | None:
    file.seek(0)
    head = file.read(4)
    return next((name for mark, name in _MARKS.items() if head.startswith(mark)), None)


def _guess(file: BinaryIO) -> str:
    """UTF-8, or cp1252 if no line needs UTF-8: in a file with both, either reading would spoil names."""
    file.seek(0)
    first_other = needs_utf8 = 0
    for number, line in enumerate(file, 1):
        if line.isascii():
            continue
        if _fits(line):
            needs_utf8 = needs_utf8 or number
        else:
            first_other = first_other or number
    if first_other and needs_utf8:
        message = f"line {needs_utf8} is UTF-8 and line {first_other} is not: repair the file or pass --encoding"
        raise CannotRunError(message)
    return "cp1252" if first_other else "utf-8"


def _fits(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


def _check(file: BinaryIO, name: str) -> None:
    file.seek(0)
    try:
        decoder = codecs.getincrementaldecoder(_without_mark(name))()
        io.TextIOWrapper(io.BytesIO(), name).detach()
        while block := file.read(_BLOCK):
            decoder.decode(block)
        decoder.decode(b"", final=True)
    except LookupError:
        message = f"there is no encoding of text called {name}"
    except UnicodeError:
        message = f"the file is not {_SHOWN.get(name.lower(), name)}: pass the right --encoding"
    else:
        return
    raise CannotRunError(message)


def _without_mark(name: str) -> str:
    return "utf-8-sig" if name.lower().replace("_", "-") in {"utf-8", "utf8"} else name
