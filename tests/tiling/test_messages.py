"""What tiling refuses, and where it finds nothing, is said in words that help."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import shapely
from slide_factory import position_slide
from tiling.plans import mask_over, slide_info
from told_messages import check_told

from wsi_idc.annotations.areas import AnnotatedArea
from wsi_idc.slides import SlideSource
from wsi_idc.slides.raster import SlideMask
from wsi_idc.tiling.blocks import _checked, check_batch_size, read_patches
from wsi_idc.tiling.formats import h5
from wsi_idc.tiling.grid import make_grid
from wsi_idc.tiling.labels import check_min_overlap, label_patches
from wsi_idc.tiling.layout import check_folder_name, check_text_name
from wsi_idc.tiling.manifest import earlier_run, refuse_other
from wsi_idc.tiling.patients import patients_of
from wsi_idc.tiling.plan import check_min_tissue, plan_patches
from wsi_idc.tiling.settings import TileSettings
from wsi_idc.tiling.writer import _indexed_files
from wsi_idc.tissue import TissueSettings, check_given, given_for
from wsi_idc.tissue.given import read_given

INFO = slide_info(1600, 1600, 1.0)
TISSUE, GLASS = mask_over(INFO, np.ones((4, 4))), mask_over(INFO, np.zeros((4, 4)))
REGION = AnnotatedArea([shapely.box(0, 0, 1600, 1600)])
LEFT_HALF = mask_over(INFO, np.arange(4) < np.full((4, 1), 2))


def planned(mask: SlideMask | None, **changes: object) -> object:
    settings = {"mpp": 8.0, "patch_size": 50, "stride": 50, "min_tissue": 0.5} | changes
    return plan_patches(INFO, mask, **settings)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("message", "act"),
    [
        (
            "patch size and stride must be at least 1 pixel, not … and …",
            lambda: make_grid(INFO, 8.0, 0, 50),
        ),
        (
            "the smallest tissue fraction must be within 0 to 1, not …; set it with --min-tissue",
            lambda: check_min_tissue(2.0),
        ),
        (
            "the format must be one of …, not …; set it with --format",
            lambda: TileSettings(format="hdf5"),  # type: ignore[arg-type]
        ),
        (
            "the smallest overlap must be above 0 and at most 1, not …; set it with --min-overlap",
            lambda: check_min_overlap(0.0),
        ),
        ("a block must be at least 1 pixel wide, not …", lambda: _checked(None, 0)),
        ("at least 1 thread must read, not …", lambda: _checked(0, 512)),
        (
            "a batch must have at least 1 patch, not …",
            lambda: check_batch_size(0),
        ),
        (
            "… … holds control characters or bytes that are no UTF-8, which files of results "
            "cannot hold; rename it",
            lambda: check_text_name("caf\udce9", "slide name"),
        ),
        (
            "… … cannot name a folder of patches on every system; it must not be empty, start with "
            "a "
            "dot, end with a dot or a space, hold control characters, bytes that are no UTF-8 or "
            'any of < > : " | ? * / \\, '
            "be … or a device such as 'con' or 'com1'; rename it, or name another patient with "
            "--patients",
            lambda: check_folder_name("con", "patient"),
        ),
        (
            "… has no patch with at least … tissue; lower --min-tissue (0 takes every patch), or "
            "look at the slide with `wsi-idc info`",
            lambda: planned(GLASS),
        ),
        (
            "… has no patch with at least … tissue whose centre lies in the region; check --roi, "
            "or lower --min-tissue",
            lambda: planned(GLASS, region=REGION),
        ),
        (
            "every patch touches an ignored area, so that none is left; check --ignore-class",
            lambda: label_patches(planned(TISSUE), TISSUE, ignored=TISSUE),  # type: ignore[arg-type]
        ),
        (
            "every patch lies at the border of the annotation, so that none is left; do not "
            "exclude the border, or lower --min-overlap",
            lambda: label_patches(
                planned(TISSUE, patch_size=200, stride=200),  # type: ignore[arg-type]
                LEFT_HALF,
                exclude_border=True,
            ),
        ),
    ],
)
def test_settings_and_plans(message: str, act: Callable[[], object]) -> None:
    check_told(message, act)


@pytest.mark.parametrize(
    ("message", "content"),
    [
        ("… cannot be read (…); replace the slide's patches with --overwrite", "{"),
        ("… is no manifest; replace it with --overwrite", "[]"),
        ("… is no manifest; replace it with --overwrite", '{"counts": {"patches": 3}}'),
    ],
)
def test_manifests(message: str, content: str, tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text(content)
    check_told(message, lambda: earlier_run(tmp_path / "manifest.json"))


def test_a_slide_that_was_tiled_otherwise(tmp_path: Path) -> None:
    check_told(
        "… holds this slide tiled otherwise: …; replace it with --overwrite, or choose another "
        "place with --output",
        lambda: refuse_other(tmp_path / "manifest.json", {"mpp": 8.0}, {"mpp": 4.0}),
    )


@pytest.mark.parametrize(
    ("message", "content"),
    [
        (
            "… cannot be read (…), so the slide's old patches cannot be found; tile into another "
            "folder with --output",
            "a,b\n1,2,3\n4\n",
        ),
        (
            "… names …, which is no patch of this folder; tile into another folder with --output",
            "file\n../../etc/passwd\n",
        ),
    ],
)
def test_indices(message: str, content: str, tmp_path: Path) -> None:
    (tmp_path / "index.csv").write_text(content)
    check_told(message, lambda: _indexed_files(tmp_path / "index.csv"))


@pytest.mark.parametrize(
    ("message", "content"),
    [
        ("… lacks a column 'slide' or 'patient'; name them in its first line", b"slide\na\n"),
        ("…, line …: slide or patient is empty; fill it in", b"slide,patient\na,\n"),
        (
            "…, line …: slide … belongs to both … and …; keep one of the lines",
            b"slide,patient\na,P\na,Q\n",
        ),
        (
            "… cannot be read as a table of patients (…); give a CSV in UTF-8",
            b"slide,patient\n\xe4",
        ),
        (
            "… names no patient for …; add a line with the slide's name to it, or leave the slide "
            "out",
            b"slide,patient\nb,P\n",
        ),
    ],
)
def test_patients(message: str, content: bytes, tmp_path: Path) -> None:
    (tmp_path / "patients.csv").write_bytes(content)
    check_told(message, lambda: patients_of([Path("a.svs")], tmp_path / "patients.csv"))


def test_a_disk_without_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=1))
    check_told(
        "… has … GB free, but the patches need … GB; make room, or choose another place with "
        "--output",
        lambda: h5._check_room(tmp_path, 10**9),
    )


def test_a_library_that_stumbles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slide, _ = position_slide(tmp_path, 800, 600, 8.0, (1,))
    source = SlideSource(slide, "openslide")
    with source.open() as opened:
        plan = plan_patches(opened.info, None, mpp=8.0, patch_size=50, stride=50, min_tissue=0.0)

    def stumble(*_: object, **__: object) -> None:
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr(type(opened), "_read_inside", stumble)
    check_told(
        "…: reading …x… px failed (…); the file may be damaged, or try another --reader",
        lambda: list(read_patches(source, plan)),
    )


@pytest.mark.parametrize(
    ("message", "act"),
    [
        (
            "there is no tissue method …; choose one of …",
            lambda folder: TissueSettings(method="otsuu"),  # type: ignore[arg-type]
        ),
        (
            "the saturation range of the tissue mask must lie within 0 to 1, lowest first, not … "
            "to …",
            lambda folder: TissueSettings(lowest_saturation=2.0),
        ),
        (
            "the stain range of the tissue mask must not be negative, lowest first, not … to …",
            lambda folder: TissueSettings(lowest_stain=-1.0),
        ),
        (
            "… of the tissue mask must not be negative",
            lambda folder: TissueSettings(smoothing_um=-1.0),
        ),
        (
            "there is no file or folder --tissue-mask …; check the path",
            lambda folder: check_given(folder / "absent", 1),
        ),
        (
            "--tissue-mask … is not a folder, but there are … slides, each with a mask of its own; "
            "give a folder of …",
            lambda folder: check_given(folder / "black.png", 2),
        ),
        (
            "… holds no tissue mask of … (…); add it, or leave the slide out",
            lambda folder: given_for(Path("a.svs"), folder),
        ),
        (
            "… has no tissue in it; tissue is white (255) and glass 0",
            lambda folder: read_given(folder / "black.png", INFO, 400.0),
        ),
        (
            "… has no polygon on …, which lies within x … to … and y … to …; draw the tissue in "
            "level-0 pixels of this slide",
            lambda folder: read_given(folder / "off.geojson", INFO, 400.0),
        ),
        (
            "there is no mask image …; check the path",
            lambda folder: read_given(folder / "absent.png", INFO, 400.0),
        ),
        (
            "… cannot be read as an image (…); give a PNG or TIFF mask",
            lambda folder: read_given(folder / "text.png", INFO, 400.0),
        ),
        (
            "… is …x… px, but a mask of … as wide as that is … px high; give a mask that covers "
            "the whole slide (…x… px, or smaller in the same proportion)",
            lambda folder: read_given(folder / "flat.png", INFO, 400.0),
        ),
        (
            "… holds values up to … only, and … is … and more; save it as black (0) and white "
            "(255)",
            lambda folder: read_given(folder / "labels.png", INFO, 400.0),
        ),
    ],
)
def test_masks(message: str, act: Callable[[Path], object], tmp_path: Path) -> None:
    from PIL import Image

    Image.new("L", (100, 100), 0).save(tmp_path / "black.png")
    Image.new("L", (100, 10), 255).save(tmp_path / "flat.png")
    Image.new("L", (100, 100), 1).save(tmp_path / "labels.png")
    (tmp_path / "text.png").write_text("white")
    far = [[9000, 9000], [9100, 9000], [9000, 9100], [9000, 9000]]
    (tmp_path / "off.geojson").write_text(json.dumps({"type": "Polygon", "coordinates": [far]}))
    check_told(message, lambda: act(tmp_path))


def test_a_mask_that_is_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from PIL import Image

    Image.new("L", (100, 100), 255).save(tmp_path / "mask.png")
    monkeypatch.setattr("wsi_idc.slides.mask_image._MOST_PIXELS", 1000)
    check_told(
        "… is too large for a mask (…); save it smaller, a pixel of 4 to 16 µm is fine enough",
        lambda: read_given(tmp_path / "mask.png", INFO, 400.0),
    )
