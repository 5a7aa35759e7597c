"""Tissue masks that a user gives, and how `tile` and its manifest take them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from wsi_idc.cli.app import app
from wsi_idc.cli.options import TissueMethod
from wsi_idc.errors import SettingsError
from wsi_idc.phantom.slide_writer import write_slide_from_array
from wsi_idc.slides import SlideSource
from wsi_idc.tiling.settings import TileSettings
from wsi_idc.tiling.tile import TileResult, tile_slide
from wsi_idc.tissue import METHODS, TissueSettings, find_tissue, given_for

# 803 x 607 px of 4.1 and 3.9 µm: no side is a whole number of mask pixels.
WIDTH, HEIGHT, MPP = 803, 607, (4.1, 3.9)


@pytest.fixture(scope="module")
def slide(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A blob of tissue with ragged edges on glass."""
    random = np.random.default_rng(4)
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    edge = 200 + 40 * np.sin(5 * np.arctan2(y - 310, x - 420))
    pixels = np.full((HEIGHT, WIDTH, 3), 243.0)
    pixels[np.hypot(x - 420, y - 310) < edge] = (215, 150, 190)
    pixels += random.normal(0, 3, pixels.shape)
    path = tmp_path_factory.mktemp("slides") / "case.tif"
    write_slide_from_array(
        path,
        np.clip(pixels, 0, 255).astype(np.uint8),
        mpp=MPP,
        downsamples=(1, 4),
        compression="deflate",
        vendor="generic",
    )
    return path


def tile(slide: Path, output: Path, method: str = "hed", mask: Path | None = None) -> TileResult:
    # 80 µm patches: many of them, and a mask of 10 µm pixels.
    settings = TileSettings(
        patch_size=10,
        min_tissue=0.5,
        tissue=TissueSettings(method=method),  # type: ignore[arg-type]
    )
    return tile_slide(SlideSource(slide), output, settings, tissue=mask)


def index(result: TileResult) -> pd.DataFrame:
    return pd.read_csv(result.index)


@pytest.mark.parametrize("written", ["case_mask.png", "case_tissue.geojson"])
def test_the_written_mask_reads_back_to_the_same_patches(
    written: str, slide: Path, tmp_path: Path
) -> None:
    found = tile(slide, tmp_path / "found")
    mask = found.folder / written
    given = tile(slide, tmp_path / "given", mask=mask)
    assert found.patches > 50
    pd.testing.assert_frame_equal(index(given), index(found), check_exact=True)
    for name in ("case_mask.png", "case_tissue.geojson"):
        assert (given.folder / name).read_bytes() == (found.folder / name).read_bytes()


def test_an_edited_mask_is_followed_to_the_patch(slide: Path, tmp_path: Path) -> None:
    """Left half erased, at another size of the same shape."""
    everything = index(tile(slide, tmp_path / "all", "none"))
    grey = np.zeros((40, 53), np.uint8)
    grey[:, 26:] = 255
    Image.fromarray(grey).save(tmp_path / "mask.png")
    kept = index(tile(slide, tmp_path / "half", mask=tmp_path / "mask.png"))
    middle = everything["x_level0"] + everything["width_level0"] / 2
    beyond = everything[middle >= WIDTH * 26 / 53]
    inside = beyond[
        (beyond["x_level0"] + beyond["width_level0"] <= WIDTH)
        & (beyond["y_level0"] + beyond["height_level0"] <= HEIGHT)
    ]
    assert set(inside["file"]) <= set(kept["file"])
    assert kept["x_level0"].min() + kept["width_level0"].iloc[0] / 2 >= WIDTH * 26 / 53 - 1e-6


def test_without_a_mask_every_patch_of_the_slide_is_tissue(slide: Path, tmp_path: Path) -> None:
    result = tile(slide, tmp_path, "none")
    across = np.ceil(WIDTH * MPP[0] / 80), np.ceil(HEIGHT * MPP[1] / 80)
    table = index(result)
    inside = (table["x_level0"] + table["width_level0"] <= WIDTH) & (
        table["y_level0"] + table["height_level0"] <= HEIGHT
    )
    assert (table["tissue_fraction"][inside] > 1 - 1e-6).all()
    assert inside.sum() == (across[0] - 1) * (across[1] - 1)
    assert result.tissue_mm2 == pytest.approx(WIDTH * HEIGHT * MPP[0] * MPP[1] / 1e6, rel=1e-6)
    assert not any("tissue" in warning for warning in result.warnings)


def test_a_rerun_with_another_mask_or_method_is_refused(slide: Path, tmp_path: Path) -> None:
    found = tile(slide, tmp_path / "out")
    mask = shutil.copy(found.folder / "case_mask.png", tmp_path / "mask.png")
    with pytest.raises(SettingsError, match=r"settings\.tissue\.method was 'hed' and is 'otsu'"):
        tile(slide, tmp_path / "out", "otsu")
    with pytest.raises(SettingsError, match="tissue_mask_sha256"):
        tile(slide, tmp_path / "out", mask=Path(mask))
    given = tile(slide, tmp_path / "given", mask=Path(mask))
    assert tile(slide, tmp_path / "given", mask=Path(mask)).skipped
    text = (given.folder / "manifest.json").read_text()
    assert str(tmp_path) not in text and "mask.png" not in text
    assert len(json.loads(text)["tissue_mask_sha256"]) == 64


def test_masks_that_cannot_be_the_slide_s_are_refused(slide: Path, tmp_path: Path) -> None:
    def refused(grey: np.ndarray, message: str) -> None:
        Image.fromarray(grey.astype(np.uint8)).save(tmp_path / "bad.png")
        with (
            SlideSource(slide).open() as opened,
            pytest.raises(SettingsError, match=rf"bad\.png.*{message}"),
        ):
            find_tissue(opened, 80.0, given=tmp_path / "bad.png")

    refused(np.full((60, 60), 255), "covers the whole slide")
    refused(np.ones((607, 803)), "tissue is 128 and more")
    refused(np.zeros((607, 803)), "no tissue")


def test_masks_of_several_slides_lie_in_a_folder(tmp_path: Path) -> None:
    for name in ("a_mask.png", "b.png"):
        (tmp_path / name).touch()
    assert given_for(Path("x/a.svs"), tmp_path) == tmp_path / "a_mask.png"
    assert given_for(Path("x/b.svs"), tmp_path) == tmp_path / "b.png"
    assert given_for(Path("x/b.svs"), tmp_path / "b.png") == tmp_path / "b.png"
    with pytest.raises(SettingsError, match=r"c\.svs \(c_mask\.png"):
        given_for(Path("x/c.svs"), tmp_path)
    # A slide that is a PNG is not its own mask.
    with pytest.raises(SettingsError, match="no tissue mask"):
        given_for(tmp_path / "b.png", tmp_path)


class TestCommandLine:
    def run(self, *arguments: object) -> Result:
        return CliRunner().invoke(app, [str(argument) for argument in arguments])

    def test_tile_takes_method_and_mask(self, slide: Path, tmp_path: Path) -> None:
        everything = self.run("tile", slide, "-o", tmp_path / "all", "--tissue", "none")
        assert everything.exit_code == 0
        found = self.run("tile", slide, "-o", tmp_path / "found")
        mask = tmp_path / "found" / "slides" / "case" / "case_mask.png"
        given = self.run("tile", slide, "-o", tmp_path / "given", "--tissue-mask", mask.parent)
        assert given.exit_code == 0

        def counted(result: Result) -> str:
            return result.stderr.split("->")[0]

        assert counted(given) == counted(found) != counted(everything)

    @pytest.mark.parametrize("command", ["tile", "heatmap"])
    def test_one_mask_is_not_the_tissue_of_several_slides(
        self, command: str, slide: Path, tmp_path: Path
    ) -> None:
        other = tmp_path / "other.tif"
        shutil.copy(slide, other)
        (tmp_path / "mask.png").touch()
        result = self.run(
            command, slide, other, "-o", tmp_path / "out", "--tissue-mask", tmp_path / "mask.png"
        )
        assert result.exit_code == 2
        assert "is not a folder, but there are 2 slides" in result.stderr
        missing = self.run(command, slide, "-o", tmp_path / "out", "--tissue-mask", "nowhere.png")
        assert missing.exit_code == 2
        assert "nowhere.png; check the path" in missing.stderr

    def test_a_planned_heatmap_follows_the_mask(self, slide: Path) -> None:
        planned = self.run("heatmap", slide, "-o", "unused", "--dry-run", "--tissue", "none")
        assert planned.exit_code == 0
        assert "7.8 mm² of tissue" in planned.stdout

    def test_the_methods_are_those_of_the_settings(self) -> None:
        assert tuple(TissueMethod) == METHODS
        assert TissueSettings().method == TissueMethod.HED
