"""The four formats of a slide are one collection to whoever trains on it."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import pytest
from PIL import Image
from slide_factory import position_slide

from wsi_idc.errors import PatchCollectionError
from wsi_idc.model.data import Side, load_side
from wsi_idc.model.settings import TrainSettings
from wsi_idc.patches import find_patches, read_pixels
from wsi_idc.privacy import Pseudonyms
from wsi_idc.slides import SlideSource
from wsi_idc.tiling.formats import FORMATS
from wsi_idc.tiling.settings import TileSettings
from wsi_idc.tiling.tile import tile_slide

# Neither µm/px nor stride divide each other, and the last column and row hang over the edge.
SETTINGS = TileSettings(mpp=8.0, stride=33, min_tissue=0, exclude_border=True)


@pytest.fixture(scope="module")
def slides(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("slides")
    for name, mpp in (("a", (3.7, 4.1)), ("b", (4.3, 4.3))):
        position_slide(folder, 720, 560, mpp, (1, 2), name=name, period=np.inf)
    truth = np.zeros((56, 72), np.uint8)
    truth[:30, 20:60] = 255
    for name in "ab":
        Image.fromarray(truth).save(folder / f"{name}_truth.png")
    return folder


def tile(slides: Path, name: str, output: Path, format: str, **options: Any) -> None:
    tile_slide(
        SlideSource(slides / f"{name}.tif"),
        output,
        replace(SETTINGS, format=format),
        patient=f"P-{name}",
        truth=slides / f"{name}_truth.png",
        **options,
    )


@pytest.fixture(scope="module")
def collections(slides: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Both slides in each format, and in two formats mixed."""
    folder = tmp_path_factory.mktemp("collections")
    formats = {format: (format, format) for format in FORMATS} | {"mixed": ("tfrecord", "png")}
    for collection, of_slides in formats.items():
        for name, format in zip("ab", of_slides, strict=True):
            tile(slides, name, folder / collection, format)
    return {collection: folder / collection for collection in formats}


def as_trained(collection: Path, slides: Path, cache: Path) -> tuple[Side, pd.DataFrame]:
    table = find_patches(collection, slides).table
    return load_side(table, TrainSettings(), cache), table


@pytest.mark.parametrize("other", ["h5", "tfrecord", "coords", "mixed"])
def test_every_format_gives_the_trainer_the_same(
    collections: dict[str, Path], slides: Path, tmp_path: Path, other: str
) -> None:
    png, png_table = as_trained(collections["png"], slides, tmp_path / "png.npy")
    side, table = as_trained(collections[other], slides, tmp_path / "other.npy")
    assert len(png.label) > 40
    assert 0 < png.label.sum() < len(png.label)
    np.testing.assert_array_equal(side.pixels, png.pixels)
    np.testing.assert_array_equal(side.label, png.label)
    assert side.patient.tolist() == png.patient.tolist()
    assert set(side.patient) == {"P-a", "P-b"}
    plain = ["patient", "slide", "x", "y", "label", "name"]
    pd.testing.assert_frame_equal(table[plain], png_table[plain])


@pytest.mark.parametrize("format", FORMATS)
def test_a_part_in_any_order_gives_the_right_pixels(
    collections: dict[str, Path], slides: Path, format: str
) -> None:
    whole, _ = read_pixels(find_patches(collections["png"]).table, 50)
    table = find_patches(collections[format], slides).table
    order = np.random.default_rng(0).permutation(len(table))[:17]
    np.testing.assert_array_equal(read_pixels(table.iloc[order], 50)[0], whole[order])


def test_a_slide_in_two_formats_counts_once(collections: dict[str, Path], slides: Path) -> None:
    above = find_patches(collections["png"].parent, slides).table
    assert len(above) == len(find_patches(collections["png"]).table)


@pytest.mark.parametrize("format", ["h5", "tfrecord", "coords"])
def test_another_patch_size_is_refused(
    collections: dict[str, Path], slides: Path, format: str
) -> None:
    table = find_patches(collections[format], slides).table
    with pytest.raises(PatchCollectionError, match=r"is 50x50 px, .* the patch size 48"):
        read_pixels(table, 48)


def test_positions_need_their_slides(
    collections: dict[str, Path], slides: Path, tmp_path: Path
) -> None:
    with pytest.raises(PatchCollectionError, match=r"holds positions only.*a\.tif with --slides"):
        find_patches(collections["coords"])
    with pytest.raises(PatchCollectionError, match=r"does not hold [ab]\.tif"):
        find_patches(collections["coords"], tmp_path)
    for name in "ab":
        shutil.copy(slides / f"{'ba'['ab'.index(name)]}.tif", tmp_path / f"{name}.tif")
    with pytest.raises(PatchCollectionError, match="is another file than the one"):
        find_patches(collections["coords"], tmp_path)


def test_the_slides_may_lie_deeper(
    collections: dict[str, Path], slides: Path, tmp_path: Path
) -> None:
    shutil.copytree(slides, tmp_path / "2026" / "march")
    table = find_patches(collections["coords"], tmp_path).table
    expected, _ = read_pixels(find_patches(collections["png"]).table, 50)
    np.testing.assert_array_equal(read_pixels(table, 50)[0], expected)


def test_slides_under_hashed_names_are_told_by_what_is_in_them(
    collections: dict[str, Path], slides: Path, tmp_path: Path
) -> None:
    source = SlideSource(slides / "a.tif").anonymised(Pseudonyms(b"k"))
    truth = slides / "a_truth.png"
    settings = replace(SETTINGS, format="coords")
    tile_slide(source, tmp_path, settings, patient="P-a", truth=truth)
    whole = find_patches(collections["png"]).table
    expected, _ = read_pixels(whole[whole["slide"] == "a"], 50)
    found = find_patches(tmp_path, slides).table
    assert set(found["slide"]) == {source.name}
    np.testing.assert_array_equal(read_pixels(found, 50)[0], expected)
    with pytest.raises(PatchCollectionError, match=f"b.tif does not hold {source.file}"):
        find_patches(tmp_path, slides / "b.tif")


@pytest.mark.parametrize("format", ["h5", "tfrecord"])
@pytest.mark.parametrize("damage", ["gone", "cut", "turned"])
def test_a_damaged_file_is_named(
    collections: dict[str, Path], tmp_path: Path, format: str, damage: str
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(collections[format], copy)
    (file,) = copy.glob(f"slides/a/a_patches.{format}")
    content = file.read_bytes()
    if damage == "gone":
        file.unlink()
    elif damage == "cut":
        file.write_bytes(content[: len(content) // 2])
    elif format == "tfrecord":
        turned = bytearray(content)
        turned[len(turned) // 2] ^= 1
        file.write_bytes(turned)
    else:
        file.write_bytes(b"no HDF5 at all")
    with pytest.raises(PatchCollectionError, match=rf"a_patches\.{format} .*(missing|cannot be)"):
        read_pixels(find_patches(copy).table, 50)


def test_slides_without_labels_are_no_collection(slides: Path, tmp_path: Path) -> None:
    for format in FORMATS:
        tile_slide(
            SlideSource(slides / "a.tif"), tmp_path / format, replace(SETTINGS, format=format)
        )
        with pytest.raises(PatchCollectionError, match="no labelled patches"):
            find_patches(tmp_path / format)


def test_h5_holds_what_the_index_says(collections: dict[str, Path]) -> None:
    folder = collections["h5"] / "slides" / "a"
    index = pd.read_csv(folder / "a_patches.csv")
    with h5py.File(folder / "a_patches.h5") as file:
        exact = file["coords_exact"][:]
        np.testing.assert_array_equal(exact, index[["x_level0", "y_level0"]])
        np.testing.assert_array_equal(file["coords"], np.rint(exact))
        assert file["coords"].dtype == np.int64
        np.testing.assert_array_equal(file["xy"], index[["x", "y"]])
        np.testing.assert_array_equal(file["label"], index["label"])
        assert file["images"].shape == (len(index), 50, 50, 3)
        assert dict(file.attrs) == {
            "format": "wsi-idc patches 1",
            "slide": "a",
            "patient": "P-a",
            "mpp": 8.0,
            "patch_size": 50,
            "stride": 33,
        }
        attributes = dict(file["coords"].attrs)
    assert attributes["patch_size"] == 50
    assert attributes["patch_size_level0"] == round(50 * (8 / 3.7 + 8 / 4.1) / 2)
    assert attributes["overlap"] == 17
    assert attributes["target_magnification"] == 1.25
    assert attributes["name"] == "a"
    assert (attributes["level0_width"], attributes["level0_height"]) == (720, 560)
    # No level of this slide is at 8 µm/px, and CLAM must not be told of one.
    assert "patch_level" not in attributes


def test_clam_is_told_the_level_that_its_patches_are_of(tmp_path: Path) -> None:
    path, _ = position_slide(tmp_path, 700, 600, 4.0, (1, 2), period=np.inf)
    settings = TileSettings(min_tissue=0, format="coords")
    tile_slide(SlideSource(path), tmp_path / "out", settings)
    with h5py.File(tmp_path / "out/slides/position/position_patches.h5") as file:
        attributes = dict(file["coords"].attrs)
        assert "images" not in file
    assert attributes["patch_level"] == 1
    assert attributes["downsample"].tolist() == [2.0, 2.0]
    assert attributes["patch_size_level0"] == 100
    assert attributes["level_dim"].tolist() == [350, 300]
