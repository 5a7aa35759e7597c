"""What is wrong with a collection of patches, or with a split of it, is said in words that help."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
from patch_folder import make_collection
from PIL import Image
from told_messages import check_told

from wsi_idc.patches import find_patches
from wsi_idc.patches.pixels import read_pixels
from wsi_idc.patches.stores import H5File, ImageFiles
from wsi_idc.split_file import read_split
from wsi_idc.splits import Split, split_by_patient

INDEX = "x,y,label,tissue_fraction,file\n1,1,1,1.0,\n"
MANIFEST: dict[str, Any] = {
    "patient": "P1",
    "counts": {"patches": 1},
    "slide": {"mpp_x": 8.0, "mpp_y": 8.0, "fingerprint": "0" * 64, "icc_applied": False},
    "read": {"file": "a.svs", "reader": "openslide"},
    "settings": {"mpp": 8.0, "patch_size": 50, "stride": 50, "format": "h5"},
}


def tile(folder: Path, manifest: object = None, index: str = INDEX, name: str = "a") -> None:
    """Side files of a slide as `wsi-idc tile` leaves them; no manifest where it is `""`."""
    place = folder / "slides" / name
    place.mkdir(parents=True)
    (place / f"{name}_patches.csv").write_text(index)
    if manifest != "":
        text = json.dumps(MANIFEST if manifest is None else manifest)
        (place / "manifest.json").write_text(text)


def settings(**changes: object) -> dict[str, Any]:
    return MANIFEST | {"settings": MANIFEST["settings"] | changes}


def two_kinds(folder: Path) -> None:
    tile(folder)
    tile(folder, settings(mpp=4.0), name="b")


def misplaced(folder: Path) -> None:
    make_collection(folder, patients=1, of_each_class=1)
    patch = next(folder.glob("10/0/*.png"))
    patch.rename(folder / "10" / "1" / patch.name)


@pytest.mark.parametrize(
    ("message", "make", "slides"),
    [
        ("… is not a folder; give one with labelled patches", lambda folder: None, None),
        (
            "… holds no labelled patches; expected "
            "<patient>/<0|1>/<slide>_x<X>_y<Y>_class<0|1>.png below it, or slides that "
            "`wsi-idc tile` labelled",
            Path.mkdir,
            None,
        ),
        (
            "… says class … in its name but lies in folder …; correct one of them",
            misplaced,
            None,
        ),
        (
            "… mixes patches of different geometry: …; keep each in a folder of its own",
            two_kinds,
            None,
        ),
        (
            "tiling of slide … in … was not finished; run `wsi-idc tile` on it again",
            lambda folder: tile(folder, ""),
            None,
        ),
        (
            "… cannot be read (…); tile the slide again",
            lambda folder: tile(folder, {"settings": {}}),
            None,
        ),
        (
            "… cannot be read (…); tile the slide again with --overwrite",
            lambda folder: tile(folder, index="x,y\n"),
            None,
        ),
        (
            "… names … patches, but … were written; tile the slide again with --overwrite",
            lambda folder: tile(folder, MANIFEST | {"counts": {"patches": 9}}),
            None,
        ),
        (
            "… is missing; copy it to its place, or tile the slide again with --overwrite",
            tile,
            None,
        ),
        (
            "… is in the format …, which this version does not know; tile the slide again",
            lambda folder: tile(folder, settings(format="zarr")),
            None,
        ),
        (
            "… holds positions only; give the folder of … with --slides, or tile the slide with "
            "--format h5",
            lambda folder: tile(folder, settings(format="coords")),
            None,
        ),
        (
            "… does not hold …, whose positions are in …; give its folder with --slides",
            lambda folder: tile(folder, settings(format="coords")),
            "empty",
        ),
        (
            "… is another file than the one whose positions are in …; give the right folder with "
            "--slides, or tile the slide again",
            lambda folder: tile(folder, settings(format="coords")),
            "slides",
        ),
        (
            "… lacks …; tile the slide again with --overwrite",
            lambda folder: tile(folder, settings(format="coords") | {"read": {}}),
            "slides",
        ),
    ],
)
def test_collections(
    message: str, make: Callable[[Path], object], slides: str | None, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "slides").mkdir()
    (tmp_path / "slides" / "a.svs").write_bytes(b"another slide")
    make(tmp_path / "patches")
    folder = None if slides is None else tmp_path / slides
    check_told(message, lambda: find_patches(tmp_path / "patches", folder))


@pytest.mark.parametrize(
    ("message", "store"),
    [
        (
            "… is …x… px, … the patch size … of the model; leave it out, or tile the slides for "
            "the model",
            lambda folder: ImageFiles((folder / "large.png",)),
        ),
        (
            "… cannot be read as an image (…); remove or replace it",
            lambda folder: ImageFiles((folder / "text.png",)),
        ),
        (
            "… cannot be read (…); tile the slide again with --overwrite",
            lambda folder: H5File(folder / "text.png"),
        ),
    ],
)
def test_pixels(message: str, store: Callable[[Path], Any], tmp_path: Path) -> None:
    Image.new("RGB", (99, 50)).save(tmp_path / "large.png")
    (tmp_path / "text.png").write_text("a patch")
    rows = pd.DataFrame({"store": [store(tmp_path)], "at": [0]})
    check_told(message, lambda: read_pixels(rows, 50))


def test_a_disk_without_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=1))
    rows = pd.DataFrame({"store": [None], "at": [0]})
    check_told(
        "… has … GB free, but the decoded patches need … GB; make room or choose another --output",
        lambda: read_pixels(rows, 50, cache=tmp_path / "cache.npy"),
    )


def table(**classes: str) -> pd.DataFrame:
    """Patches of patients, such as `P1="011"`: a patch for each class."""
    rows = [(patient, int(label)) for patient, labels in classes.items() for label in labels]
    return pd.DataFrame(rows, columns=["patient", "label"])


@pytest.mark.parametrize(
    ("message", "act"),
    [
        (
            "patient … stands in both … and …; a patient belongs to one side of the split",
            lambda: Split(train=("P1",), val=("P1",)),
        ),
        (
            "… patient(s) cannot be split into … sides; add patients, or leave out the test side "
            "with --test-fraction 0",
            lambda: split_by_patient(table(P1="01")),
        ),
        (
            "… patient(s) cannot be split into … sides; add patients",
            lambda: split_by_patient(table(P1="01"), test_fraction=0.0),
        ),
        (
            "all … patches are of class …; training needs both classes, 0 and 1",
            lambda: split_by_patient(table(P1="0", P2="0", P3="0")),
        ),
        (
            "fractions of … and … leave none of … patients to train on; lower --val-fraction or "
            "--test-fraction",
            lambda: split_by_patient(
                table(P1="01", P2="01", P3="01"), val_fraction=0.5, test_fraction=0.5
            ),
        ),
        (
            "the patients cannot be divided so that training, validation and test all have patches "
            "of both classes; give a split of your own with --split",
            lambda: split_by_patient(table(P1="01", P2="0", P3="0")),
        ),
    ],
)
def test_splits(message: str, act: Callable[[], object]) -> None:
    check_told(message, act)


@pytest.mark.parametrize(
    ("message", "text"),
    [
        (
            "… cannot be read as a split file (…); give a CSV with the columns patient and split",
            None,
        ),
        ("… lacks a column 'patient' or 'split'; name them in its first line", "patient\nP1\n"),
        ("…: patient … has the split …; allowed are …", "patient,split\nP1,tran\n"),
        (
            "… does not say where these patients belong: …; add them",
            "patient,split\nP1,train\nP2,val\n",
        ),
        (
            "… leaves no patients for the side …; name some that have patches",
            "patient,split\nP1,train\nP2,train\nP3,train\n",
        ),
        (
            "… leaves only one class on the side …; it needs both, 0 and 1",
            "patient,split\nP1,train\nP2,train\nP3,val\n",
        ),
    ],
)
def test_split_files(message: str, text: str | None, tmp_path: Path) -> None:
    file = tmp_path / "split.csv"
    if text is not None:
        file.write_text(text)
    check_told(message, lambda: read_split(file, table(P1="01", P2="01", P3="0")))


def test_a_split_file_that_is_not_there_may_be_meant_otherwise(tmp_path: Path) -> None:
    (tmp_path / "split.csv").touch()
    with pytest.raises(ValueError, match=r"did you mean 'split\.csv'\?"):
        read_split(tmp_path / "splits.csv", table(P1="01"))
    with pytest.raises(ValueError, match=r"did you mean 'official'\?"):
        read_split(Path("oficial"), table(P1="01"))
