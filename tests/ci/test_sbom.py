"""The list of what an installation consists of."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import requires, version
from pathlib import Path
from types import ModuleType

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from scripts import script

pytest.importorskip("cyclonedx_py", reason="needs the extra audit")

SBOM = Path(__file__).parents[2] / ".ci" / "sbom.py"


@pytest.fixture(scope="module")
def sbom() -> Iterator[ModuleType]:
    with script(".ci/sbom.py") as module:
        yield module


def test_it_names_what_is_needed_and_none_of_the_tools(sbom: ModuleType) -> None:
    bom = sbom.narrowed(sbom.described(), sbom.needs("wsi-idc", frozenset()))
    root = bom["metadata"]["component"]
    assert (root["name"], root["version"]) == ("wsi-idc", version("wsi-idc"))
    assert "file:" not in str(root)
    versions = {canonicalize_name(part["name"]): part["version"] for part in bom["components"]}
    core = {
        canonicalize_name(requirement.name)
        for requirement in map(Requirement, requires("wsi-idc") or ())
        if requirement.marker is None
    }
    assert core <= set(versions)
    assert versions["pillow"] == version("pillow")
    assert "pandas" in versions and "typing-extensions" in versions  # the latter by others only
    # pandas names pytest among its extras, this package mypy.
    assert not {"pytest", "mypy", "mutmut", "cyclonedx-bom", "wsi-idc"} & set(versions)
    ends = {part["bom-ref"] for part in [root, *bom["components"]]}
    assert {edge["ref"] for edge in bom["dependencies"]} == ends
    assert {end for edge in bom["dependencies"] for end in edge["dependsOn"]} == ends - {
        root["bom-ref"]
    }


def test_an_extra_adds_its_packages(sbom: ModuleType) -> None:
    plain = sbom.needs("wsi-idc", frozenset())
    viewer = sbom.needs("wsi-idc", frozenset({"viewer"}))
    assert {"starlette", "uvicorn"} <= set(viewer) - set(plain)


@pytest.mark.long
def test_the_file_is_valid_cyclonedx(sbom: ModuleType, tmp_path: Path) -> None:
    out = tmp_path / "sbom.json"
    done = subprocess.run([sys.executable, SBOM, out], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr  # it is checked against the schema there
    assert f"{out}: wsi-idc and the " in done.stdout
    assert json.loads(out.read_text())["bomFormat"] == "CycloneDX"
