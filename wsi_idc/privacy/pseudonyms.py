"""Keyed hashes that stand for the names of slides and patients.

A plain hash of a name can be undone by whoever has a list of names: all of them are hashed in a
moment. So a secret key goes into each hash (HMAC-SHA-256), and without the key a hash tells
nothing. The same name and key give the same hash, in every run and on every machine.

The key is a file. Where none is named it is one of the user's own, outside of all results, which
is made when it is first needed.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets
import sys
import unicodedata
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from wsi_idc.errors import OutputError, SettingsError
from wsi_idc.files import cannot_write, make_folder

# 64 bits: two of a million slides share a hash once in 37 million archives.
_DIGITS = 16
_SHORTEST_KEY = 16
_PSEUDONYM = re.compile(rf"(slide|patient)-[0-9a-f]{{{_DIGITS}}}")


@dataclass(frozen=True)
class Pseudonyms:
    """Names by a secret key.

    Examples
    --------
    >>> names = Pseudonyms(b"a key that nobody knows")
    >>> names.slide("Doe Jane 7")
    'slide-39118648c25d9574'
    >>> names.patient("Doe Jane 7") == names.slide("Doe Jane 7")
    False
    """

    key: bytes = field(repr=False)

    def slide(self, name: str) -> str:
        """What a slide is called that has a name of its own."""
        return self._of("slide", name)

    def patient(self, name: str) -> str:
        """What a patient is called."""
        return self._of("patient", name)

    def _of(self, kind: str, name: str) -> str:
        # Systems differ in how they spell letters with accents in the names of files.
        told = f"{kind}\0{unicodedata.normalize('NFC', name)}".encode(errors="surrogateescape")
        return f"{kind}-{hmac.new(self.key, told, hashlib.sha256).hexdigest()[:_DIGITS]}"


def is_pseudonym(name: str) -> bool:
    """Whether a name has the form of a hash."""
    return _PSEUDONYM.fullmatch(name) is not None


def own_key_file() -> Path:
    """The key of this user, which need not be there yet.

    Raises
    ------
    SettingsError
        If the user has no folder for settings.
    """
    given = os.environ.get("APPDATA" if sys.platform == "win32" else "XDG_CONFIG_HOME")
    try:
        folder = Path(given) if given else Path.home() / ".config"
    except RuntimeError as error:
        raise SettingsError(
            "there is no home folder to keep a secret key in; name a file with --anonymise-key"
        ) from error
    return folder / "wsi-idc" / "anonymise.key"


def read_key(file: Path) -> Pseudonyms:
    """Read a key: all bytes of a file, spaces and line ends around them aside.

    Raises
    ------
    SettingsError
        If it cannot be read, or is too short to be secret.
    """
    try:
        key = file.read_bytes().strip()
    except OSError as error:
        raise SettingsError(
            f"the key {file} cannot be read: {error.strerror or error}; name another one with "
            "--anonymise-key"
        ) from error
    if len(key) < _SHORTEST_KEY:
        raise SettingsError(
            f"the key {file} has {len(key)} bytes, which could be guessed; at least "
            f"{_SHORTEST_KEY} are needed: remove it, and a new one is made"
        )
    return Pseudonyms(key)


def known_pseudonyms(file: Path | None) -> Pseudonyms | None:
    """Names by a key that was given, or else by the user's own, if there is one.

    Raises
    ------
    SettingsError
        If the key cannot be used.
    """
    key = own_key_file() if file is None else file
    return None if file is None and not key.exists() else read_key(key)


def make_key(file: Path) -> bool:
    """Write a new key that only its owner can read, unless there is one; whether it is new.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    if file.exists():
        return False
    make_folder(file.parent)
    aside = file.with_name(f".{file.name}.{secrets.token_hex(8)}")
    try:
        with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as new:
            new.write(secrets.token_hex(32) + "\n")
            new.flush()
            os.fsync(new.fileno())
        return _put_first(aside, file)
    except OSError as error:
        raise OutputError(
            cannot_write(file, error).replace("--output", "--anonymise-key")
        ) from error
    finally:
        with suppress(OSError):
            aside.unlink()


def _put_first(aside: Path, file: Path) -> bool:
    """Jobs that start together must not each keep a key of their own: the first one's counts."""
    try:
        os.link(aside, file)
    except FileExistsError:
        return False
    except OSError:  # not every file system has links
        os.replace(aside, file)
    return True
