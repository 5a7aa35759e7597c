"""The lock file: every package that is asked for, each file by its hash, and no place named."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
# TensorFlow with CUDA has no place on a machine without a GPU; CI has none.
NOT_LOCKED = {"gpu"}
WANTED = [
    *PROJECT["dependencies"],
    *(
        requirement
        for extra, requirements in PROJECT["optional-dependencies"].items()
        if extra not in NOT_LOCKED
        for requirement in requirements
    ),
]


def pins(file: str) -> dict[str, tuple[str, int]]:
    """Version and number of hashes by name; whatever else stands in the file is an error."""
    found: dict[str, tuple[str, int]] = {}
    text = (ROOT / "requirements" / file).read_text(encoding="utf-8")
    for entry in re.sub(r"\\\n\s+", "", text).splitlines():
        if entry.startswith("#"):
            continue
        pin = re.fullmatch(
            r"([\w.-]+)==(\S+)( ; [^#]+?)?((?: ?--hash=sha256:[0-9a-f]{64})+)", entry
        )
        assert pin, f"{file}: {entry[:200]!r} is no version with its hashes"
        found[canonicalize_name(pin[1])] = pin[2], pin[4].count("--hash")
    return found


@pytest.mark.parametrize("wanted", WANTED)
def test_what_is_asked_for_is_locked(wanted: str) -> None:
    requirement = Requirement(wanted)
    version, _ = pins("ci.txt")[canonicalize_name(requirement.name)]
    assert requirement.specifier.contains(version), f"run `make lock`: {version} is not {wanted}"


def test_only_names_versions_and_hashes_stand_in_it() -> None:
    assert len(pins("ci.txt")) > 150
    for file in ("ci.txt", "uv.txt"):
        assert "://" not in (ROOT / "requirements" / file).read_text(encoding="utf-8")


def test_what_installs_is_what_is_installed() -> None:
    assert list(pins("uv.txt")) == ["uv"]
    assert pins("uv.txt")["uv"] == pins("ci.txt")["uv"]
