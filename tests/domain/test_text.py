"""Text that people type: what is kept, what is refused, and what two spellings share."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clientmgmt.domain.text import clean_text, name_key

REFUSED = {
    "NUL": "a\x00b",
    "line feed": "a\nb",
    "carriage return": "a\r\nb",
    "line feed at the end": "ab\n",
    "tab inside": "a\tb",
    "escape": "a\x1bb",
    "delete": "a\x7fb",
    "C1": "a\x85b",
    "line separator": "a\u2028b",
    "paragraph separator": "a\u2029b",
    "right-to-left override": "a\u202eb",
    "left-to-right embedding": "a\u202ab",
    "isolate": "a\u2066b\u2069",
    "arabic letter mark": "a\u061cb",
    "byte order mark": "\ufeffab",
    "zero width space": "a\u200bb",
    "word joiner": "a\u2060b",
    "soft hyphen": "a\u00adb",
    "tag": "a\U000e0041b",
    "lone high surrogate": "a\ud800b",
    "lone low surrogate": "\udc00",
}
EMPTY = {
    "nothing": "",
    "spaces": "   ",
    "tabs": "\t\t",
    "no-break spaces": "\u00a0\u3000",
    "wide spaces": "\u2003",
    "joiners": "\u200d\u200c",
    "marks": "\u0301\u0301",
}
KEPT = {
    "markup": "<script>alert(1)</script>",
    "an encoded word": "=?utf-8?q?Bcc:_eve=40evil.example?=",
    "a formula": '=HYPERLINK("http://evil.example")',
    "braces": "{token} %s ${x}",
    "SQL": "'; DROP TABLE cm_clients; --",
    "emoji with a joiner": "👩\u200d👩\u200d👧",
    "Persian with a non-joiner": "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
    "Hebrew": "שלום",
    "private use": "\ue000",
    "beyond the first plane": "𝒳𠜎",
}


def codes(value: object, *, required: bool = True, limit: int = 100) -> list[str]:
    text, violations = clean_text(value, field="name", limit=limit, required=required)
    assert not (text and violations)
    assert all(violation.field == "name" for violation in violations)
    return [violation.code for violation in violations]


@pytest.mark.parametrize("name", REFUSED)
def test_characters_that_do_harm_are_refused(name: str) -> None:
    assert codes(REFUSED[name]) == ["forbidden_character"]
    assert codes(REFUSED[name], required=False) == ["forbidden_character"]


@pytest.mark.parametrize("name", EMPTY)
def test_what_nobody_can_see_is_missing(name: str) -> None:
    assert codes(EMPTY[name]) == ["required"]


@pytest.mark.parametrize("name", KEPT)
def test_everything_else_is_text(name: str) -> None:
    assert clean_text(KEPT[name], field="name", limit=100) == (unicodedata.normalize("NFC", KEPT[name]), ())


@pytest.mark.parametrize("value", [5, b"Jane", ["Jane"], {"a": 1}, True, 1.5, object()])
def test_only_text_is_text(value: object) -> None:
    assert codes(value) == ["not_text"]
    assert codes(value, required=False) == ["not_text"]


def test_length_is_counted_in_characters_and_both_are_said() -> None:
    assert codes("é" * 100) == []
    assert codes("é" * 101) == ["too_long"]
    assert clean_text("x" * 10**6, field="name", limit=100)[1][0].data == {"limit": 100, "count": 10**6}


def test_outer_spaces_go_and_forms_are_unified() -> None:
    assert clean_text(" \u00a0 Zoe\u0308 \u3000", field="name", limit=100) == ("Zoë", ())


@given(st.text(max_size=40))
def test_what_was_cleaned_stays_as_it_is(text: str) -> None:
    cleaned, violations = clean_text(text, field="name", limit=200)
    if not violations:
        assert clean_text(cleaned, field="name", limit=400) == (cleaned, ())
        assert unicodedata.is_normalized("NFC", cleaned)
        assert not cleaned or cleaned.strip() == cleaned or cleaned.strip(" \t\u00a0\u3000") == cleaned


@given(st.text(max_size=40))
def test_the_key_of_a_name_is_stable_and_knows_no_spelling(text: str) -> None:
    key = name_key(text)
    assert name_key(key) == key
    assert name_key(f"  {text}\u00a0") == key
    assert name_key(unicodedata.normalize("NFD", text)) == name_key(unicodedata.normalize("NFC", text)) == key


def test_names_that_people_read_alike_have_one_key() -> None:
    for one, other in (
        ("ACME   Retail", "Acme retail"),
        ("Straße", "STRASSE"),
        ("ﬁsh", "Fish"),
        ("\uff21\uff22\uff23", "abc"),
    ):
        assert name_key(one) == name_key(other)
    assert name_key("Acme") != name_key("Ácme")
