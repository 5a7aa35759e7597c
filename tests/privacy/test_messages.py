"""Keys that cannot be used are refused with the way out."""

from __future__ import annotations

from pathlib import Path

import pytest
from told_messages import check_told

from wsi_idc.privacy.pseudonyms import own_key_file, read_key


def test_keys(tmp_path: Path) -> None:
    check_told(
        "the key … cannot be read: …; name another one with --anonymise-key",
        lambda: read_key(tmp_path / "absent"),
    )
    (tmp_path / "key").write_text("secret\n")
    check_told(
        "the key … has … bytes, which could be guessed; at least … are needed: remove it, and a "
        "new one is made",
        lambda: read_key(tmp_path / "key"),
    )


def test_a_user_without_a_home(monkeypatch: pytest.MonkeyPatch) -> None:
    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.delenv("APPDATA", raising=False)
    monkeypatch.setattr(Path, "home", homeless)
    check_told(
        "there is no home folder to keep a secret key in; name a file with --anonymise-key",
        own_key_file,
    )
