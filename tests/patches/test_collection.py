from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from patch_folder import make_collection

from wsi_idc.errors import PatchCollectionError
from wsi_idc.patches import find_patches


def test_the_public_layout_is_read(tmp_path: Path) -> None:
    table = find_patches(make_collection(tmp_path / "c", patients=2, of_each_class=3)).table
    assert len(table) == 12
    first = table.iloc[0]
    assert (first.patient, first.slide, first.x, first.y, first.label) == (
        "10",
        "10_idx5",
        101,
        1,
        0,
    )


def test_the_nested_second_copy_of_the_public_archive_counts_once(tmp_path: Path) -> None:
    folder = make_collection(tmp_path / "c", patients=2, of_each_class=3)
    nested = tmp_path / "copy"
    shutil.copytree(folder, nested)
    shutil.move(nested, folder / "IDC_regular_ps50_idx5")
    table = find_patches(folder).table
    assert len(table) == 12
    files = [row.store.files[row.at] for row in table.itertuples()]
    assert not any("IDC_regular" in str(path) for path in files)


def test_a_class_that_name_and_folder_disagree_on_is_refused(tmp_path: Path) -> None:
    folder = make_collection(tmp_path / "c", patients=1, of_each_class=1)
    patch = next(folder.glob("10/0/*.png"))
    patch.rename(folder / "10" / "1" / patch.name)
    with pytest.raises(PatchCollectionError, match="class 0 in its name but lies in folder 1"):
        find_patches(folder)


@pytest.mark.parametrize("make", [lambda path: None, lambda path: path.mkdir()])
def test_no_patches_is_one_clear_error(tmp_path: Path, make) -> None:
    make(tmp_path / "c")
    with pytest.raises(PatchCollectionError, match=str(tmp_path / "c")):
        find_patches(tmp_path / "c")


def tiled_slide(folder: Path, name: str, mpp: float = 8.0, patch_size: int = 50) -> Path:
    """Side files of a slide as `wsi-idc tile` leaves them; returns its manifest."""
    place = folder / "slides" / name
    place.mkdir(parents=True)
    (place / f"{name}_patches.csv").touch()
    manifest = place / "manifest.json"
    manifest.write_text(json.dumps({"settings": {"mpp": mpp, "patch_size": patch_size}}))
    return manifest


def test_what_tile_noted_is_found_at_any_depth(tmp_path: Path) -> None:
    folder = make_collection(tmp_path / "above" / "c", patients=1, of_each_class=1)
    assert (find_patches(folder).mpp, find_patches(folder).patch_size) == (None, None)
    tiled_slide(folder, "a", mpp=4.0, patch_size=40)
    tiled_slide(folder, "b", mpp=4.0, patch_size=40)
    above = find_patches(tmp_path)
    assert (above.mpp, above.patch_size) == (4.0, 40)


@pytest.mark.parametrize("other", [{"mpp": 4.0}, {"patch_size": 40}])
def test_a_mixture_of_geometries_is_refused(tmp_path: Path, other: dict) -> None:
    folder = make_collection(tmp_path / "c", patients=1, of_each_class=1)
    tiled_slide(folder, "a")
    tiled_slide(folder, "b", **other)
    with pytest.raises(PatchCollectionError, match=r"different geometry: 50 px at 8 µm/px \(a\)"):
        find_patches(folder)


def test_a_slide_that_was_not_tiled_to_its_end_is_refused(tmp_path: Path) -> None:
    folder = make_collection(tmp_path / "c", patients=1, of_each_class=1)
    tiled_slide(folder, "half").unlink()
    with pytest.raises(PatchCollectionError, match=r"slide half .* was not finished"):
        find_patches(folder)


def test_links_in_a_circle_end(tmp_path: Path) -> None:
    folder = make_collection(tmp_path / "c", patients=1, of_each_class=2)
    (folder / "10" / "again").symlink_to(folder, target_is_directory=True)
    assert len(find_patches(folder).table) == 4


def test_the_real_training_patches_are_counted_right(shared_data: Path, tmp_path: Path) -> None:
    import tarfile

    with tarfile.open(shared_data / "idc-patches" / "val.tar") as tar:
        tar.extractall(tmp_path, filter="data")
    table = find_patches(tmp_path).table
    assert table["patient"].nunique() == 29
    assert table["label"].value_counts().to_dict() == {0: 2214, 1: 825}
