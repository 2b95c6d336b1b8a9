"""The key of an e-mail address: its laws, and that the short way agrees with the library's."""

from __future__ import annotations

import random
import unicodedata
from collections.abc import Callable, Iterator

import pytest
from email_validator import EmailNotValidError, validate_email
from hypothesis import example, given, settings
from hypothesis import strategies as st

from clientmgmt.domain import email as module
from clientmgmt.domain.email import local_key, parse_email
from clientmgmt.domain.text import PADDING

EVERYTHING = range(0x110000)
HANGUL = range(0xAC00, 0xAC00 + 11172)
SURROGATES = range(0xD800, 0xE000)


def characters() -> Iterator[str]:
    return (chr(code) for code in EVERYTHING if code not in SURROGATES)


def test_the_key_of_a_key_is_the_key_proven_over_all_characters() -> None:
    """``f(x) = NFKC(casefold(NFKC(x)))`` is idempotent.

    Write ``D``/``C`` for NFD/NFC, ``K`` for NFKC and ``c`` for casefold. ``y = f(x)`` is NFKC, so ``K(y) = y`` and
    ``f(y) = K(c(y))``. What has to be shown is ``K(c(y)) = y``.

    1. Casefold works character by character and so does the compatibility decomposition, before marks are
       reordered and characters composed. Whatever stands in ``y`` therefore is a full decomposition part of some
       folded character of a normalised string, or a primary composite of nothing but such parts. Call the set of
       these characters ``Q``; the test builds it from what every character there is normalises to, folded and
       decomposed, and closes it under composition.
    2. For each ``q`` in ``Q`` the test finds ``D(c(q)) = D(q)``, character by character. Canonical decomposition
       and casefold both act on single characters, and canonical reordering of equal sequences is equal, so
       ``D(c(y)) = D(y)`` for every string ``y`` over ``Q``.
    3. So ``c(y)`` and ``y`` are canonically equivalent, and NFKC of equivalent strings is equal:
       ``K(c(y)) = K(y) = y``.
    """
    parts: set[str] = set()
    for character in characters():
        parts.update(unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", character).casefold()))
    composites = {
        character
        for character in characters()
        if (unfolded := unicodedata.normalize("NFD", character)) != character
        and parts.issuperset(unfolded)
        and unicodedata.normalize("NFC", unfolded) == character
    }
    assert len(parts) > 100_000
    assert len(composites) > len(HANGUL)
    bad = [
        f"U+{ord(q):04X}"
        for q in parts | composites
        if unicodedata.normalize("NFD", q.casefold()) != unicodedata.normalize("NFD", q)
    ]
    assert bad == []


def test_the_proof_would_notice_a_simpler_key() -> None:
    """Without the inner or the outer step, idempotence fails for strings that people can type."""
    weaker: tuple[Callable[[str], str], ...] = (
        lambda text: unicodedata.normalize("NFKC", text).casefold(),
        lambda text: unicodedata.normalize("NFKC", text.casefold()),
    )
    for key in weaker:
        texts = ("ß\u0301", "\u037a", "\u03d2\u0301")
        assert any(key(key(text)) != key(text) for text in texts)
        assert all(local_key(local_key(text)) == local_key(text) for text in texts)


hard = st.sampled_from("\u0130\u0131\u017fßΣς\u03c3ᾳᾼΐΰﬁﬃŉǰẖK\u0345\u0301\u0308\u0323\u0307ᾀ\u1e9e①Ⅷ㎏ꟳ")


@settings(max_examples=300)
@given(st.one_of(st.text(max_size=20), st.lists(st.one_of(hard, st.characters()), max_size=12).map("".join)))
@example("\u0345\u0301")
@example("ᾳ\u0301")
def test_the_key_of_a_key_is_the_key_over_strings(text: str) -> None:
    key = local_key(text)
    assert local_key(key) == key
    assert local_key(unicodedata.normalize("NFC", text)) == local_key(unicodedata.normalize("NFD", text)) == key


@settings(max_examples=100)
@given(st.emails())
def test_the_address_that_is_stored_has_the_same_key(text: str) -> None:
    email, violations = parse_email(text, field="email")
    if not violations:
        assert parse_email(email.address, field="email") == (email, ())
        assert parse_email(text.upper(), field="email")[0].key == email.key or not text.upper().isascii()


def by_library(text: str) -> tuple[str, str] | None:
    """What the library makes of it, by the rules of this package."""
    try:
        found = validate_email(text.strip(PADDING), check_deliverability=False)
    except EmailNotValidError:
        return None
    if len(found.local_part.encode()) > 64:
        return None
    return found.normalized, f"{local_key(found.local_part)}@{found.ascii_domain}"


LOCALS = (
    *("jane", "Jane.Doe", "j", "a..b", ".a", "a.", "", "a b", "o'brien", "a+b", "!#$%&'*+-/=?^_`{|}~", '"a b"'),
    *("a\\b", "a(b)", "a,b", "a;b", "<a>", "info", "Info", "POSTMASTER", "webmaster", "info2", "info.x", "www"),
    *("x" * 64, "x" * 65, "jané", "日本", "a\u0301", "ﬁ", "a\x00", "a\u202eb", "a\u200bb", "-", "_", "a@b", "1"),
)
LABELS = (
    *("a", "A", "acme", "Acme", "a-b", "-a", "a-", "ab--cd", "xn--bcher-kva", "xn--", "x" * 63, "x" * 64, "1"),
    *("a_b", "", "bücher", "BÜCHER", "ß", "日本", "a b", "*", "ex--ample", "0x7f", "127", "a\u0301", "\uff41"),
)
ENDS = (
    *("example", "com", "EXAMPLE", "co.uk", "test", "local", "localhost", "invalid", "onion", "arpa", "in-addr.arpa"),
    *("c", "c0m", "123", "com.", "c-m", "xn--p1ai", "рф", "home", "lan", "internal", "alt", "example.com", "co"),
)
DICE = random.Random(5)  # noqa: S311 - a corpus that is the same in every run


def address() -> str:
    if DICE.random() < 0.3:
        local = "".join(DICE.choices("abcXYZ019.+_'-", k=DICE.randint(1, 9)))
        return f"{local}@{''.join(DICE.choices('abXY01-', k=DICE.randint(1, 6)))}.{DICE.choice(ENDS)}"
    local = DICE.choice(LOCALS) if DICE.random() < 0.8 else "".join(DICE.choices("aZ09.-+_'@é ", k=DICE.randint(1, 8)))
    labels = [DICE.choice(LABELS) for _ in range(DICE.randint(0, 2))]
    if DICE.random() < 0.2:
        labels.append("".join(DICE.choices("abXY019-.", k=DICE.randint(1, 8))))
    text = f"{local}@{'.'.join([*labels, DICE.choice(ENDS)])}"
    if DICE.random() < 0.1:
        text = DICE.choice((" {}", "{} ", "<{}>", "Jane <{}>", "{}\n", "{}\x00", "mailto:{}", "{}.")).format(text)
    return text


def test_the_short_way_says_what_the_library_says_over_a_large_corpus() -> None:
    """Whatever the short way does not take goes to the library; what it takes is compared with it here."""
    corpus = {address() for _ in range(34_000)}
    assert len(corpus) >= 20_000
    quick = {text: found for text in corpus if (found := module._plain(text.strip(PADDING))) is not None}  # noqa: SLF001
    assert len(quick) > 1_500
    for text, found in quick.items():
        assert (found.address, found.key) == by_library(text), text


def test_the_whole_way_says_what_the_library_says() -> None:
    for text in (address() for _ in range(2_000)):
        email, violations = parse_email(text, field="email")
        if len(text.strip()) <= 254:
            assert (None if violations else (email.address, email.key)) == by_library(text), text


def test_the_short_way_is_taken_where_it_should_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_by_library", lambda _: None)
    for text in ("jane@acme.example", "Jane.Doe+x@ACME.co.uk", "o'brien@a-b.example", "1@2.example"):
        assert parse_email(text, field="email")[1] == ()
    for text in ("info@acme.example", "jané@acme.example", "a@xn--bcher-kva.example"):
        assert parse_email(text, field="email")[1] != ()


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (None, "required"),
        ("", "required"),
        ("   ", "required"),
        (b"jane@acme.example", "not_text"),
        (5, "not_text"),
        (["jane@acme.example"], "not_text"),
        ("x" * 255, "too_long"),
        ("a" * 1_000_000 + "@acme.example", "too_long"),
        ("x" * 65 + "@acme.example", "invalid_email"),
        ("é" * 33 + "@acme.example", "invalid_email"),
        ("jane", "invalid_email"),
        ("jane@localhost", "invalid_email"),
        ("jane@acme.test", "invalid_email"),
        ("jane@[127.0.0.1]", "invalid_email"),
        ("Jane <jane@acme.example>", "invalid_email"),
        ("a@acme.example,b@acme.example", "invalid_email"),
        ("jane@acme.example\r\nBcc: eve@evil.example", "invalid_email"),
        ("jane\x00@acme.example", "invalid_email"),
        ("jane\u2028@acme.example", "invalid_email"),
        ("jane\u202e@acme.example", "invalid_email"),
        ("jane\u200b@acme.example", "invalid_email"),
        ("jane\ud800@acme.example", "invalid_email"),
        ("jane@ac\ud800me.example", "invalid_email"),
        ("=?utf-8?q?jane?=@acme.example\n", None),
    ],
)
def test_what_is_no_address_is_refused_without_repeating_it(value: object, code: str | None) -> None:
    _, violations = parse_email(value, field="login")
    if code is None:
        return
    assert [(violation.code, violation.field) for violation in violations] == [(code, "login")]
    assert "jane" not in violations[0].message


def test_an_encoded_word_in_an_address_is_just_its_characters() -> None:
    email, violations = parse_email("=?utf-8?q?jane?=@acme.example", field="email")
    assert (violations, email.address) == ((), "=?utf-8?q?jane?=@acme.example")
