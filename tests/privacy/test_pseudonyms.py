"""Keyed hashes of names, and the key."""

from __future__ import annotations

import hashlib
import hmac
import os
import stat
from pathlib import Path

import pytest

from wsi_idc.errors import OutputError, SettingsError
from wsi_idc.privacy import Pseudonyms, is_pseudonym
from wsi_idc.privacy.pseudonyms import known_pseudonyms, make_key, own_key_file, read_key

KEY = b"0123456789abcdef"


def test_a_hash_is_what_the_documentation_says() -> None:
    """docs/privacy.md tells how to compute one with other programs."""
    digest = hmac.new(KEY, b"slide\0case 7", hashlib.sha256).hexdigest()
    assert Pseudonyms(KEY).slide("case 7") == f"slide-{digest[:16]}"
    digest = hmac.new(KEY, b"patient\0case 7", hashlib.sha256).hexdigest()
    assert Pseudonyms(KEY).patient("case 7") == f"patient-{digest[:16]}"


def test_names_and_keys_that_differ_give_other_hashes() -> None:
    names = Pseudonyms(KEY)
    told = {names.slide("a"), names.slide("A"), names.patient("a"), Pseudonyms(KEY * 2).slide("a")}
    assert len(told) == 4
    assert all(map(is_pseudonym, told))
    assert not any(map(is_pseudonym, ("slide-7", "case", f"my-{names.slide('a')}", "slide-" * 4)))
    # One letter with an accent, or a letter and an accent.
    assert names.slide("M\u00fcller") == names.slide("Mu\u0308ller")


def test_a_key_is_not_shown() -> None:
    assert "0123" not in repr(Pseudonyms(KEY))


def test_a_key_is_made_once_and_is_the_owners_alone(tmp_path: Path) -> None:
    file = tmp_path / "keys" / "mine.key"
    assert make_key(file)
    names = read_key(file)
    assert not make_key(file)
    assert read_key(file) == names and len(names.key) == 64
    assert list(file.parent.iterdir()) == [file]
    if os.name == "posix":
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_of_two_that_make_a_key_at_once_the_first_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "mine.key"
    monkeypatch.setattr(Path, "exists", lambda _: False)  # neither has seen the other's
    assert make_key(file)
    names = read_key(file)
    assert not make_key(file)
    assert read_key(file) == names


@pytest.mark.parametrize("content", [b"", b"short", b" \n" * 20])
def test_a_key_that_could_be_guessed_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "key"
    file.write_bytes(content)
    with pytest.raises(SettingsError, match="could be guessed"):
        read_key(file)


def test_spaces_around_a_key_do_not_matter(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_bytes(b"\n" + KEY + b"\r\n")
    assert read_key(file) == Pseudonyms(KEY)


def test_a_key_that_cannot_be_read_or_written_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="--anonymise-key"):
        read_key(tmp_path)
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(OutputError):
        make_key(blocked / "key")


def test_ones_own_key_is_known_where_there_is_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("APPDATA", str(tmp_path))
    assert known_pseudonyms(None) is None
    make_key(own_key_file())
    assert own_key_file().is_relative_to(tmp_path)
    assert known_pseudonyms(None) == read_key(own_key_file())
    with pytest.raises(SettingsError):
        known_pseudonyms(tmp_path / "none")
