"""Password hashing: scrypt, argon2id, and both in a chain."""

from __future__ import annotations

import importlib.util
import re
import sys
import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from clientmgmt.adapters import argon2 as argon2_module
from clientmgmt.adapters.argon2 import Argon2Hasher
from clientmgmt.adapters.schemes import HasherChain
from clientmgmt.adapters.scrypt import ScryptHasher
from clientmgmt.errors import ConfigurationError, InvalidInputError, MissingExtraError
from clientmgmt.ports import PasswordHasher

SCRYPT = ScryptHasher(n=2**4, r=1, p=1)
ARGON2 = Argon2Hasher(rounds=1, memory=8, lanes=1)
CHAIN = HasherChain(ARGON2, SCRYPT)
PASSWORD = "correct horse battery staple"

every = pytest.mark.parametrize("hasher", [SCRYPT, ARGON2, CHAIN], ids=["scrypt", "argon2", "chain"])
each_scheme = pytest.mark.parametrize("hasher", [SCRYPT, ARGON2], ids=["scrypt", "argon2"])


@every
@pytest.mark.parametrize("password", ["", PASSWORD, " spaces ", "Zoë", "nul\0nul", "\ud800", "x" * 4096])
def test_a_password_verifies_and_no_other_does(hasher: PasswordHasher, password: str) -> None:
    hashed = hasher.hash(password)
    assert hasher.verify(password, hashed)
    assert not hasher.verify(password + " ", hashed)
    assert not hasher.verify(password.upper() + "X", hashed)
    assert not hasher.outdated(hashed)


@every
def test_composed_and_decomposed_text_are_different_passwords(hasher: PasswordHasher) -> None:
    assert not hasher.verify("Zoe\u0308", hasher.hash("Zo\u00eb"))


@every
def test_hashes_are_salted(hasher: PasswordHasher) -> None:
    assert len({hasher.hash(PASSWORD) for _ in range(5)}) == 5


@every
def test_a_huge_password_is_refused_and_never_verifies(hasher: PasswordHasher) -> None:
    with pytest.raises(InvalidInputError) as caught:
        hasher.hash("x" * 4097)
    assert [(v.code, v.field, v.data) for v in caught.value.violations] == [("too_long", "password", {"limit": 4096})]
    assert not hasher.verify("x" * 10_000_000, hasher.hash("x"))


@every
@pytest.mark.parametrize(
    "hashed",
    [
        "",
        "$",
        "plain",
        "é",
        "$scrypt$",
        "$scrypt$ln=4,r=1,p=1$short$hash",
        "$scrypt$ln=99,r=8,p=1$" + "A" * 22 + "$" + "A" * 43,
        "$scrypt$ln=20,r=16,p=1$" + "A" * 22 + "$" + "A" * 43,
        "$scrypt$ln=4,r=99,p=1$" + "A" * 22 + "$" + "A" * 43,
        "$scrypt$ln=4,r=1,p=99$" + "A" * 22 + "$" + "A" * 43,
        "$scrypt$ln=4,r=1,p=1$" + "A" * 22 + "$" + "A" * 43 + "\n",
        "$argon2id$",
        "$argon2id$v=19$m=8,t=x,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAA",
        "$argon2id$v=19$m=8,t=1,p=1$!!!!$AAAA",
        "$argon2id$v=19$m=8,t=1,p=1$é$AAAA",
        "$argon2id$v=19$m=4194304,t=1,p=1$AAAAAAAAAAAAAAAAAAAAAA$" + "A" * 43,
        "$argon2id$v=19$m=8,t=99999999,p=1$AAAAAAAAAAAAAAAAAAAAAA$" + "A" * 43,
        "$argon2id$v=19$m=8,t=1,p=9999$AAAAAAAAAAAAAAAAAAAAAA$" + "A" * 43,
        "$argon2i$v=19$m=8,t=1,p=1$AAAAAAAAAAAAAAAAAAAAAA$" + "A" * 43,
        "$2b$12$" + "A" * 53,
    ],
)
def test_a_hash_that_is_unknown_or_costs_too_much_never_verifies(hasher: PasswordHasher, hashed: str) -> None:
    assert not hasher.verify(PASSWORD, hashed)
    assert hasher.outdated(hashed) or hashed.endswith("$!!!!$AAAA")


def test_the_format_of_scrypt_hashes() -> None:
    hashed = SCRYPT.hash(PASSWORD)
    assert re.fullmatch(r"\$scrypt\$ln=4,r=1,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}", hashed)


def test_hashes_of_earlier_releases_still_verify() -> None:
    stored = "$scrypt$ln=4,r=1,p=1$AAAAAAAAAAAAAAAAAAAAAA$O99B2an4zxwR4EP96jrAWhq4Tka6FMqgpWGbZk9TEGc"
    assert ScryptHasher().verify(PASSWORD, stored)


def test_the_default_costs_are_those_of_owasp_or_better() -> None:
    assert ScryptHasher().outdated(SCRYPT.hash(PASSWORD))
    assert ScryptHasher().hash(PASSWORD).startswith("$scrypt$ln=15,r=8,p=3$")
    assert Argon2Hasher().hash(PASSWORD).startswith("$argon2id$v=19$m=65536,t=3,p=4$")


@each_scheme
def test_other_costs_still_verify_and_are_outdated(hasher: PasswordHasher) -> None:
    stronger = ScryptHasher(n=2**5, r=1, p=1) if hasher is SCRYPT else Argon2Hasher(rounds=2, memory=8, lanes=1)
    hashed = hasher.hash(PASSWORD)
    assert stronger.verify(PASSWORD, hashed)
    assert stronger.outdated(hashed)


@pytest.mark.parametrize(
    "make",
    [
        lambda: ScryptHasher(n=0),
        lambda: ScryptHasher(n=1),
        lambda: ScryptHasher(n=1000),
        lambda: ScryptHasher(n=2**30),
        lambda: ScryptHasher(r=0),
        lambda: ScryptHasher(r=17),
        lambda: ScryptHasher(p=0),
        lambda: ScryptHasher(p=17),
        lambda: ScryptHasher(parallel=0),
        lambda: Argon2Hasher(rounds=0),
        lambda: Argon2Hasher(rounds=17),
        lambda: Argon2Hasher(memory=8, lanes=2),
        lambda: Argon2Hasher(memory=2**30),
        lambda: Argon2Hasher(lanes=17),
        lambda: Argon2Hasher(parallel=0),
    ],
)
def test_impossible_costs_are_refused(make: Callable[[], PasswordHasher]) -> None:
    with pytest.raises(ConfigurationError):
        make()


class Meter:
    """Counts how many are inside at once; each stays for a millisecond."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.inside = self.most = 0

    def __call__(self, *_: object, **__: object) -> bytes:
        with self.lock:
            self.inside += 1
            self.most = max(self.most, self.inside)
        threading.Event().wait(0.001)
        with self.lock:
            self.inside -= 1
        return b"x" * 32


def hash_at_once(hasher: PasswordHasher, threads: int) -> None:
    running = [threading.Thread(target=hasher.hash, args=(PASSWORD,)) for _ in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()


def test_scrypt_caps_the_hashes_that_are_made_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    meter = Meter()
    monkeypatch.setattr("hashlib.scrypt", meter)
    hash_at_once(ScryptHasher(n=2**4, parallel=2), 12)
    assert 1 <= meter.most <= 2


def test_argon2_caps_the_hashes_that_are_made_at_once() -> None:
    meter, hasher = Meter(), Argon2Hasher(parallel=2)
    fake: Any = SimpleNamespace(hash=meter)
    hasher._hasher = fake  # noqa: SLF001 - stands in for the slow part
    hash_at_once(hasher, 12)
    assert 1 <= meter.most <= 2


def test_a_chain_hashes_with_the_first_and_verifies_with_all() -> None:
    assert CHAIN.hash(PASSWORD).startswith("$argon2id$")
    old = SCRYPT.hash(PASSWORD)
    assert CHAIN.verify(PASSWORD, old)
    assert not CHAIN.verify("other", old)
    assert CHAIN.outdated(old)


def test_without_the_extra_the_error_names_the_install_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "argon2", None)
    spec = importlib.util.spec_from_file_location("argon2_without_its_extra", argon2_module.__file__)
    assert spec is not None
    assert spec.loader is not None
    with pytest.raises(MissingExtraError, match=r"clientmgmt\[passwords\]"):
        spec.loader.exec_module(importlib.util.module_from_spec(spec))
