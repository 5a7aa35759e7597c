"""Masks of drawn slides with known tissue: `benchmarks/tissue.py` has all cases and methods."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from wsi_idc.cli.app import app
from wsi_idc.phantom.slide_writer import write_slide_from_array
from wsi_idc.phantom.tissue_cases import MPP, tissue_case
from wsi_idc.tissue import TissueSettings, segment, segment_tissue


def halved(pixels: np.ndarray) -> np.ndarray:
    rows, columns = pixels.shape[0] // 2, pixels.shape[1] // 2
    blocks = pixels[: 2 * rows, : 2 * columns].reshape(rows, 2, columns, 2, 3)
    return np.rint(blocks.mean((1, 3))).astype(np.uint8)


def dice(mask: np.ndarray, truth: np.ndarray) -> float:
    return 2 * np.count_nonzero(mask & truth) / (np.count_nonzero(mask) + np.count_nonzero(truth))


@pytest.mark.parametrize(
    ("name", "least"),
    [
        ("faint stain", 0.95),
        ("tinted glass", 0.97),
        ("fields of fat", 0.97),
        ("pen, blue", 0.93),
        ("pen, green", 0.95),
        ("pen, black", 0.95),
        ("pen, red", 0.95),
        ("inked margin", 0.97),
        ("cover slip", 0.96),
        ("black border", 0.97),
        ("debris out of focus", 0.96),
    ],
)
def test_dice_of_the_default_method(name: str, least: float) -> None:
    case = tissue_case(name)
    mask = segment_tissue(halved(case.pixels), 2 * MPP)
    truth = case.tissue[: 2 * mask.shape[0] : 2, : 2 * mask.shape[1] : 2]
    assert dice(mask, truth) >= least


@pytest.mark.parametrize("name", ["fields of fat", "pen, blue"])
@pytest.mark.parametrize("method", ["hed", "otsu"])
def test_the_scale_of_the_picture_does_not_matter(name: str, method: str) -> None:
    case = tissue_case(name)
    settings = TissueSettings(method=method)  # type: ignore[arg-type]
    fine = segment_tissue(case.pixels, MPP, settings=settings)
    coarse = segment_tissue(halved(case.pixels), 2 * MPP, settings=settings)
    seen = fine[: 2 * coarse.shape[0] : 2, : 2 * coarse.shape[1] : 2]
    # A large hole is glass or not: on fat, saturation is close to that decision.
    assert dice(seen, coarse) > (0.98 if method == "hed" else 0.9)
    assert segment(case.pixels, MPP, settings=settings).pen.mean() == pytest.approx(
        segment(halved(case.pixels), 2 * MPP, settings=settings).pen.mean(), rel=0.1, abs=1e-3
    )


def test_only_a_pen_is_a_pen() -> None:
    for name in ("dark stain", "inked margin", "cover slip", "dust"):
        assert not segment(halved(tissue_case(name).pixels), 2 * MPP).pen.any(), name


def test_the_same_case_is_the_same_picture() -> None:
    np.testing.assert_array_equal(tissue_case("dust").pixels, tissue_case("dust").pixels)


def test_tile_says_aloud_what_is_odd_about_the_tissue(tmp_path: Path) -> None:
    def warnings(name: str, pixels: np.ndarray) -> str:
        write_slide_from_array(
            tmp_path / f"{name}.svs", pixels, mpp=MPP, downsamples=(1,), compression="deflate"
        )
        result = CliRunner().invoke(
            app, ["tile", str(tmp_path / f"{name}.svs"), "-o", str(tmp_path)]
        )
        assert result.exit_code == 0, result.stderr
        return result.stderr

    assert "mm² of pen ink were left out" in warnings("pen", tissue_case("pen, green").pixels)
    plain = tissue_case("plain").pixels
    assert "warning" not in warnings("plain", plain)
    assert "tissue mask covers 100% of the slide" in warnings("full", plain[250:450, 300:600])
    few = plain.copy()
    few[55:] = 243
    assert "only" in warnings("few", few)
