"""Signed links: what is signed, what is taken, and what is refused."""

from __future__ import annotations

import base64
import copy
import pickle
import string
from uuid import UUID

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from clientmgmt.adapters.links import HmacLinkSigner
from clientmgmt.errors import ConfigurationError
from clientmgmt.ports import LinkClaims, LinkSigner

OLD = "cmk1_0000000a_" + "A" * 43
NEW = "cmk1_0000000b_" + "B" * 42 + "A"
SIGNER = HmacLinkSigner([NEW, OLD])
CLAIMS = LinkClaims(purpose="invite", tenant="acme", subject=UUID(int=5), serial=7)
TOKEN = SIGNER.sign(CLAIMS, key_id=SIGNER.key_id).reveal()
ALPHABET = string.ascii_letters + string.digits + "-_"

texts = st.text(max_size=20)
claims = st.builds(LinkClaims, purpose=texts, tenant=texts, subject=st.uuids(), serial=st.integers(0, 2**32 - 1))


def verified(token: str, signer: LinkSigner = SIGNER) -> LinkClaims | None:
    return signer.verify(token, purpose="invite", tenant="acme")


@given(claims, st.sampled_from(sorted(SIGNER.key_ids)))
def test_what_was_signed_is_read_again(signed: LinkClaims, key_id: str) -> None:
    token = SIGNER.sign(signed, key_id=key_id)
    assert SIGNER.verify(token.reveal(), purpose=signed.purpose, tenant=signed.tenant) == signed
    assert SIGNER.sign(signed, key_id=key_id) == token


@given(claims, texts, texts)
def test_another_purpose_or_tenant_is_refused(signed: LinkClaims, purpose: str, tenant: str) -> None:
    assume((purpose, tenant) != (signed.purpose, signed.tenant))
    token = SIGNER.sign(signed, key_id=SIGNER.key_id).reveal()
    assert SIGNER.verify(token, purpose=purpose, tenant=tenant) is None


def test_characters_cannot_move_from_purpose_to_tenant() -> None:
    token = SIGNER.sign(CLAIMS, key_id=SIGNER.key_id).reveal()
    assert SIGNER.verify(token, purpose="invitea", tenant="cme") is None


def test_a_token_is_safe_in_a_url_and_has_no_padding() -> None:
    assert len(TOKEN) == 60
    assert set(TOKEN) <= set(ALPHABET)


@given(st.integers(0, 59), st.sampled_from(ALPHABET))
def test_no_other_character_is_taken_anywhere(index: int, character: str) -> None:
    changed = TOKEN[:index] + character + TOKEN[index + 1 :]
    assert (verified(changed) is not None) == (changed == TOKEN)


@pytest.mark.parametrize(
    "token",
    [
        "",
        TOKEN[:-1],
        TOKEN + "A",
        TOKEN + "=",
        TOKEN + "\n",
        " " + TOKEN,
        TOKEN.swapcase(),
        TOKEN[:-1] + "\n",
        TOKEN[:-1] + "é",
        TOKEN[:-1] + "\ud800",
        TOKEN[:30] + "\n" + TOKEN[30:],
        TOKEN[:-4] + "====",
        TOKEN[:-1] + "\N{FULLWIDTH DIGIT ONE}",
        "A" * 60,
        "A" * 10_000_000,
    ],
)
def test_anything_else_is_refused(token: str) -> None:
    assert verified(token) is None


@pytest.mark.parametrize("token", [None, 5, TOKEN.encode(), [TOKEN]])
def test_what_is_no_text_is_refused(token: object) -> None:
    assert SIGNER.verify(token, purpose="invite", tenant="acme") is None  # type: ignore[arg-type]


def test_the_standard_alphabet_is_no_second_spelling() -> None:
    tokens = (
        SIGNER.sign(LinkClaims(purpose="p", tenant="t", subject=UUID(int=n)), key_id=SIGNER.key_id).reveal()
        for n in range(1000)
    )
    token = next(token for token in tokens if "-" in token)
    assert SIGNER.verify(token.replace("-", "+"), purpose="p", tenant="t") is None


def test_a_token_of_another_version_is_refused() -> None:
    raw = base64.urlsafe_b64decode(TOKEN)
    assert verified(base64.urlsafe_b64encode(b"\x02" + raw[1:]).decode()) is None


def test_keys_rotate() -> None:
    before, between, after = HmacLinkSigner([OLD]), HmacLinkSigner([NEW, OLD]), HmacLinkSigner([NEW])
    token = before.sign(CLAIMS, key_id=before.key_id).reveal()
    assert (before.key_id, between.key_id) == ("0000000a", "0000000b")
    assert between.key_ids == {"0000000a", "0000000b"}
    assert verified(token, between) == CLAIMS
    assert verified(token, after) is None
    assert between.sign(CLAIMS, key_id="0000000a").reveal() == token
    with pytest.raises(LookupError):
        after.sign(CLAIMS, key_id="0000000a")


def test_the_same_id_with_another_key_is_refused() -> None:
    other = HmacLinkSigner([NEW[:-3] + "CAA"])
    assert other.key_id == SIGNER.key_id
    assert verified(TOKEN, other) is None


@pytest.mark.parametrize("serial", [-1, 2**32])
def test_a_serial_has_32_bits(serial: int) -> None:
    with pytest.raises(ValueError, match="32 bits"):
        SIGNER.sign(LinkClaims(purpose="p", tenant="t", subject=UUID(int=1), serial=serial), key_id=SIGNER.key_id)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ([], "at least one"),
        ("", "at least one"),
        (OLD, "must be a list"),
        ([""], r"secret_keys\[0\] is not"),
        ([OLD, "canary"], r"secret_keys\[1\] is not"),
        ([OLD[:-1] + "B"], r"secret_keys\[0\] is not"),  # a second spelling of the same bytes
        ([OLD + "\n"], r"secret_keys\[0\] is not"),
        ([OLD.upper()], r"secret_keys\[0\] is not"),
        ([OLD[:-1]], r"secret_keys\[0\] is not"),
        ([None], r"secret_keys\[0\] is not"),
        ([OLD, OLD], r"secret_keys\[1\] has the id 0000000a"),
        ([OLD, OLD[:-2] + "BA"], r"secret_keys\[1\] has the id 0000000a"),
    ],
)
def test_bad_keys_are_refused_without_repeating_them(keys: list[str], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message) as caught:
        HmacLinkSigner(keys)
    assert "canary" not in str(caught.value)
    assert "AAAA" not in str(caught.value)


def test_keys_are_neither_printed_nor_pickled() -> None:
    assert repr(SIGNER) == "HmacLinkSigner(key_ids=['0000000b', '0000000a'])"
    for attempt in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="not pickled"):
            attempt(SIGNER)


def test_tokens_stay_the_same_from_release_to_release() -> None:
    assert HmacLinkSigner([OLD]).sign(CLAIMS, key_id="0000000a").reveal() == (
        "AQAAAAoAAAAAAAAAAAAAAAAAAAAFAAAAB5FbQ3iRTRbXJEy2BPDK4Ogw1kSB"
    )
