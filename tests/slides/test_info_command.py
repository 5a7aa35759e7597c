"""`wsi-idc info` with a scale that means nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from wsi_idc.cli.app import app


@pytest.mark.parametrize("mpp", ["0", "nan"])
@pytest.mark.parametrize("options", [(), ("--slide-mpp", "1"), ("--json",)])
def test_a_scale_out_of_range_is_wrong_usage(
    mpp: str, options: tuple[str, ...], tmp_path: Path
) -> None:
    Image.new("RGB", (30, 20), "white").save(tmp_path / "plain.png")
    result = CliRunner().invoke(app, ["info", str(tmp_path / "plain.png"), "--mpp", mpp, *options])
    assert result.exit_code == 2
    assert "--mpp must be within 0.05 to 100" in result.stderr
    assert result.stdout == ""


def look(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["info", *arguments])
    assert result.exit_code == 0, result.stderr
    return result.stdout


def test_a_scale_for_each_axis_and_what_the_slide_says_instead(tmp_path: Path) -> None:
    path = str(tmp_path / "plain.png")
    Image.new("RGB", (400, 200), "white").save(path, dpi=(25_400, 25_400))
    told = look(path)
    assert "1 x 1, from the PNG resolution tags (a guess)" in told
    assert "warning       1 µm/px was inferred from the PNG resolution tags" in told
    told = look(path, "--slide-mpp", "0.5,0.25")
    assert "0.5 x 0.25, given by --slide-mpp" in told
    assert "400 x 200 px, 0.20 x 0.05 mm" in told
    # One warning, broken into lines that stand under each other.
    warning = told[told.index("warning") :].splitlines()
    assert "also says 1 (from the PNG" in " ".join(" ".join(warning).split())
    assert all(line.startswith(" " * 14) for line in warning[1:])
    (said,) = json.loads(look(path, "--slide-mpp", "0.5,0.25", "--json"))["warnings"]
    assert "\n" not in said
    assert json.loads(look(path, "--slide-mpp", "0.9", "--json"))["warnings"] == []


def test_a_slide_of_no_scale_is_shown_with_what_was_found(tmp_path: Path) -> None:
    path = str(tmp_path / "plain.png")
    Image.new("RGB", (40, 20), "white").save(path, dpi=(254, 254))
    told = " ".join(look(path).split())
    assert "µm/px not stated" in told
    assert (
        "cannot be read: the slide does not say how many microns a pixel is (100 from the PNG"
        in told
    )
    assert "warning" not in told


def test_a_scale_that_is_none_is_wrong_usage(tmp_path: Path) -> None:
    Image.new("RGB", (40, 20), "white").save(tmp_path / "plain.png")
    for text in ("0.25x0.26", "0.25,0.26,0.27", "300"):
        result = CliRunner().invoke(app, ["info", str(tmp_path / "plain.png"), "--slide-mpp", text])
        assert result.exit_code == 2
        assert "--slide-mpp must be" in result.stderr
