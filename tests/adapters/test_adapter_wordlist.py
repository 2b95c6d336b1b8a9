"""The commonest passwords."""

from __future__ import annotations

import subprocess
import sys
from importlib.resources import files

import pytest

from clientmgmt.adapters.wordlist import is_common_password

WORDS = files("clientmgmt.adapters").joinpath("common_passwords.txt").read_text("utf-8").splitlines()


@pytest.mark.parametrize("password", ["123456", "password", "PassWord", "QWERTY", "leavemealone", "sonyericsson"])
def test_common_passwords_are_known_in_any_case(password: str) -> None:
    assert is_common_password(password)


@pytest.mark.parametrize(
    "password", ["", " ", "\n", "correct horse battery staple", "password ", "x" * 10**6, "\ud800"]
)
def test_others_are_not(password: str) -> None:
    assert not is_common_password(password)


def test_the_list_holds_ten_thousand_clean_words() -> None:
    assert len(WORDS) == len(set(WORDS)) == 10_000
    assert all(word == word.casefold().strip() and word.isprintable() and word for word in WORDS)


def test_the_list_comes_with_its_licence() -> None:
    licence = files("clientmgmt.adapters").joinpath("common_passwords.LICENSE.txt").read_text("utf-8")
    assert "MIT License" in licence
    assert "Copyright (c) 2016 Daniel Wolf" in licence


def test_the_list_is_read_only_when_it_is_asked() -> None:
    program = "import clientmgmt.adapters.wordlist as w; print(w._words.cache_info().currsize)"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, text=True)
    assert run.stdout.strip() == "0"
