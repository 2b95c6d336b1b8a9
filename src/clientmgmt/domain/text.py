"""Text that people type: what is taken, what is refused, and the key that two spellings share."""

from __future__ import annotations

import re
import unicodedata

from clientmgmt.errors import Violation

__all__ = ["PADDING", "clean_text", "name_key"]

_JOINERS = "\u200c\u200d"
PADDING = " \t\u00a0\u3000"
"""What may stand around a text and is not part of it; line ends are not among it."""

_REFUSED = frozenset({"Cc", "Cs", "Zl", "Zp"})
_INVISIBLE = frozenset({"Cf", "Zs", "Mn", "Me"})
_SPACES = re.compile(r"\s+")


def clean_text(value: object, *, field: str, limit: int, required: bool = True) -> tuple[str, tuple[Violation, ...]]:
    r"""The text as it is stored (NFC, outer spaces gone), and why it is refused.

    Refused: anything but ``str``; control characters (line ends and NUL among them), lone surrogates, line and
    paragraph separators, bidirectional and other format controls but the two joiners that scripts need; text in
    which nothing is visible; more than ``limit`` characters. Markup is text like any other: whoever prints it
    into a page or a mail escapes it.

    >>> clean_text("  Zoë  ", field="name", limit=100)
    ('Zoë', ())
    >>> clean_text("a\u202eb", field="name", limit=100)[1][0].code
    'forbidden_character'
    """
    if not isinstance(value, str):
        code, message = ("required", "must not be empty") if value is None else ("not_text", "must be text")
        return "", (Violation(code, message, field),)
    if len(value) > limit:
        message = f"must not be longer than {limit} characters"
        return "", (Violation("too_long", message, field, {"limit": limit, "count": len(value)}),)
    text = value.strip(PADDING)
    if text.isascii() and text.isprintable():
        visible = bool(text)
    else:
        text = unicodedata.normalize("NFC", text)
        if bad := next((character for character in text if _is_refused(character)), None):
            message = f"contains the character U+{ord(bad):04X}, which is not allowed"
            return "", (Violation("forbidden_character", message, field),)
        visible = any(unicodedata.category(character) not in _INVISIBLE for character in text)
    if visible or (not text and not required):
        return text, ()
    return "", (Violation("required", "must not be empty", field),)


def name_key(text: str) -> str:
    """What two spellings of one name share: case-folded, compatibility forms unified, single spaces.

    Names are ordered by it and clients without an external reference are recognised by it.

    >>> name_key("ACME   Retail") == name_key("Acme Retail")
    True
    """
    if text.isascii():
        return _SPACES.sub(" ", text).strip().lower()
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return _SPACES.sub(" ", folded).strip()


def _is_refused(character: str) -> bool:
    category = unicodedata.category(character)
    return category in _REFUSED or (category == "Cf" and character not in _JOINERS)
