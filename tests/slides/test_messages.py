"""What is wrong with a slide is said in words that help; a library's own stand in parentheses."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms
from slide_factory import position_slide
from told_messages import check_told, says

from wsi_idc.slides import SlideSource, fastslide_reader, image_reader, open_slide, tiff_pages
from wsi_idc.slides.colours import ToSrgb
from wsi_idc.slides.describe import describe_slide, planes_and_scenes
from wsi_idc.slides.isolation import slide as isolated
from wsi_idc.slides.isolation.process import ReaderFailure
from wsi_idc.slides.levels import check_mpp_range, check_target_mpp
from wsi_idc.slides.microns import find_microns, parse_slide_mpp

AGAIN = "the file is probably damaged or was not copied whole: copy it again, or leave it out"
GREY = np.full((64, 64), 200, np.uint8)
PINK = np.full((64, 64, 3), (220, 150, 190), np.uint8)


@pytest.fixture(scope="module")
def slide(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return position_slide(tmp_path_factory.mktemp("slides"), 300, 200, 0.5, (1,))[0]


def written(write: Callable[[Path], object], name: str = "a.tif") -> Callable[[Path], Path]:
    def made(folder: Path) -> Path:
        write(folder / name)
        return folder / name

    return made


def tiff(pixels: np.ndarray, **options: Any) -> Callable[[Path], Path]:
    return written(lambda path: tifffile.imwrite(path, pixels, **options))


def cut(path: Path) -> None:
    tifffile.imwrite(path, PINK, photometric="rgb", rowsperstrip=64)
    path.write_bytes(path.read_bytes()[:-1000])


def cut_png(path: Path) -> None:
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)).save(path)
    path.write_bytes(path.read_bytes()[:-4000])


@pytest.mark.parametrize(
    ("message", "make", "reader"),
    [
        ("…: there is no such file; check the path", lambda folder: folder / "a.svs", "auto"),
        (
            "…: this is a folder, not a slide; give the slide's file in it (for MIRAX the .mrxs "
            "file, for DICOM one .dcm file)",
            lambda folder: folder,
            "auto",
        ),
        ("…: the file is empty (0 bytes); copy it again", written(Path.touch), "auto"),
        (
            "…: neither a slide that OpenSlide knows nor a plain image (PNG, JPEG, TIFF, BMP, "
            "WebP): of another format, damaged, or not copied whole; copy it again, or convert it",
            written(lambda path: path.write_text("a slide")),
            "auto",
        ),
        ("--reader must be one of auto, …, not …", written(Path.touch), "opensilde"),
        (
            "…: OpenSlide cannot open it: …; it is not a slide of a known format, or " + AGAIN,
            written(lambda path: path.write_text("a slide")),
            "openslide",
        ),
        (
            "…: …, so it cannot be read directly; use --reader openslide",
            tiff(PINK, photometric="rgb", tile=(16, 16)),
            "direct",
        ),
        (
            "…: not a plain image that can be read (…); it is of another format, or damaged: "
            "convert it, or copy it again",
            written(lambda path: path.write_text("a slide")),
            "image",
        ),
        (
            "…: not a TIFF that can be read (…); it is of another format, or " + AGAIN,
            written(lambda path: path.write_text("a slide")),
            "tiff",
        ),
        (
            "…: the image has … channels of their own, not RGB; it may be fluorescence, or "
            "brightfield that was exported as channels: export it as RGB",
            tiff(np.stack([GREY] * 4), ome=True, metadata={"axes": "CYX"}),
            "tiff",
        ),
        (
            "…: the reader tiff cannot read it: …; export it as 8-bit RGB, or try --reader "
            "openslide or image",
            tiff(PINK.astype(np.uint16), photometric="rgb"),
            "tiff",
        ),
        (
            "…: the image has … channels, not RGB; export it as RGB",
            tiff(PINK[..., :2], photometric="minisblack", planarconfig="contig"),
            "tiff",
        ),
        (
            "…: the file ends before its pixels do; it was not copied whole: copy it again",
            written(cut),
            "tiff",
        ),
        (
            "…: the slide does not say how many microns a pixel is…; give it with --slide-mpp "
            "(often 0.25 for a 40x and 0.5 for a 20x scan)",
            written(lambda path: Image.fromarray(PINK).save(path), "a.png"),
            "auto",
        ),
    ],
)
def test_opening(message: str, make: Callable[[Path], Path], reader: str, tmp_path: Path) -> None:
    path = make(tmp_path)
    slide_mpp = None if path.suffix == ".png" else 0.5
    check_told(message, lambda: open_slide(path, reader=reader, slide_mpp=slide_mpp))


def test_a_file_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As chmod would have it, but for whoever runs this as root."""
    (tmp_path / "a.svs").write_text("a slide")

    def refuse(*_: object, **__: object) -> NoReturn:
        raise PermissionError(13, "Permission denied", "a.svs")

    monkeypatch.setattr(Path, "open", refuse)
    told = "…: cannot be read: …; check the file's permissions"
    check_told(told, lambda: open_slide(tmp_path / "a.svs"))


def test_a_plain_image_that_is_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.fromarray(PINK).save(tmp_path / "a.png")
    monkeypatch.setattr(image_reader, "MAX_IMAGE_PIXELS", 100)
    check_told(
        "…: a plain image of …x… px is too large to hold in memory (at most … px); convert it to a "
        "tiled, pyramidal TIFF",
        lambda: open_slide(tmp_path / "a.png", slide_mpp=1.0),
    )


def test_a_plain_image_that_was_not_copied_whole(tmp_path: Path) -> None:
    cut_png(tmp_path / "a.png")
    with open_slide(tmp_path / "a.png", slide_mpp=1.0) as opened:
        check_told(
            "…: the image cannot be decoded: …; it is probably damaged or was not copied whole: "
            "copy it again, or save it as 8-bit RGB",
            lambda: opened.read_level(0, 0, 0, 9, 9),
        )


@pytest.mark.parametrize(
    ("message", "name", "what"),
    [
        ("…: its directory is damaged (…); " + AGAIN, "odd_tables", "TileOffsets is empty"),
        (
            "…: the plane that would be read has no directory of its own; save it as a single "
            "image",
            "_level",
            None,
        ),
    ],
)
def test_directories(
    message: str, name: str, what: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tifffile.imwrite(tmp_path / "a.tif", PINK, photometric="rgb")
    monkeypatch.setattr(tiff_pages, name, lambda *_: what)
    check_told(message, lambda: open_slide(tmp_path / "a.tif", reader="tiff", slide_mpp=1.0))


def test_a_directory_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stumble(_: object) -> NoReturn:
        raise ValueError("a directory follows itself")

    tifffile.imwrite(tmp_path / "a.tif", PINK, photometric="rgb")
    monkeypatch.setattr("wsi_idc.slides.tiff_reader.check_chain", stumble)
    check_told(
        "…: the TIFF's directory cannot be read (…); " + AGAIN,
        lambda: open_slide(tmp_path / "a.tif", reader="tiff", slide_mpp=1.0),
    )


def test_a_slide_without_pixels(slide: Path) -> None:
    check_told(
        "…: its finest level has no pixels; the file is damaged: copy it again, or leave it out",
        lambda: describe_slide(slide, {}, [(0, 0)], 1.0, reader="openslide", vendor="generic"),
    )


def test_levels(slide: Path) -> None:
    with open_slide(slide) as opened:
        told = "…: there is no level …; the levels are …"
        check_told(told, lambda: opened.read_level(7, 0, 0, 9, 9))
        check_told(
            "…: the slide's finest pixels are … µm, coarser than the asked … µm/px; ask for a "
            "coarser --mpp, or pass --allow-upsampling to enlarge them",
            lambda: check_target_mpp(opened.info, 0.25, False),
        )


@pytest.mark.parametrize(
    ("message", "act"),
    [
        ("--mpp must be within … to … µm/px, not …", lambda: check_mpp_range(0.0)),
        ("--slide-mpp must be within … to … µm/px, not …", lambda: parse_slide_mpp("40")),
        (
            "--slide-mpp must be microns per pixel, as 0.25 or as 0.25,0.26 (x,y), not …",
            lambda: parse_slide_mpp("40x"),
        ),
        (
            "an anonymous slide needs a name; see SlideSource.anonymised",
            lambda: SlideSource(Path("a.svs"), anonymous=True),
        ),
        (
            "…: its ICC profile cannot be used (…); leave out --icc",
            lambda: ToSrgb(Path("a.svs"), b"no profile"),
        ),
        (
            "…: its ICC profile is for … colours, not RGB; leave out --icc",
            lambda: ToSrgb(
                Path("a.svs"),
                ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes(),
            ),
        ),
    ],
)
def test_settings_and_colours(message: str, act: Callable[[], object]) -> None:
    check_told(message, act)


class TestFastslide:
    """Without the library: what it says is put into its mouth."""

    @staticmethod
    def handle(**changes: object) -> SimpleNamespace:
        seen = {"level_dimensions": [(64, 64)], "dtype": "uint8", "num_channels": 3}
        return SimpleNamespace(close=lambda: None, **seen | changes)

    @pytest.mark.parametrize(
        ("message", "handle", "disagreement"),
        [
            (
                "…: fastslide cannot open it (…); it is not a slide, or is damaged: copy it again, "
                "or use --reader openslide",
                None,
                None,
            ),
            (
                "…: fastslide cannot open it; it is not a slide, or is damaged: copy it again, or "
                "use --reader openslide",
                {"level_dimensions": []},
                None,
            ),
            ("…: …; use --reader openslide", {}, "fastslide sees 2 levels, and OpenSlide 3"),
            (
                "…: fastslide reads … channels of …, not 8-bit RGB; use --reader openslide",
                {"num_channels": 4},
                None,
            ),
        ],
    )
    def test_slides(
        self,
        message: str,
        handle: dict[str, object] | None,
        disagreement: str | None,
        slide: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        def opened(*_: object, **__: object) -> SimpleNamespace:
            if handle is None:
                raise RuntimeError("no such format\nat reader.cc:12")
            return self.handle(**handle)

        library = SimpleNamespace(FastSlide=SimpleNamespace(from_file_path=opened))
        monkeypatch.setitem(sys.modules, "fastslide", library)
        monkeypatch.setattr(fastslide_reader, "is_installed", lambda: True)
        monkeypatch.setattr(fastslide_reader, "_disagreement", lambda *_: disagreement)
        check_told(message, lambda: fastslide_reader.FastslideReader(slide))

    def test_not_installed(self, slide: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(fastslide_reader, "is_installed", lambda: False)
        check_told(
            "the reader fastslide is not installed; pip install 'wsi-idc[fast]', or use --reader "
            "openslide",
            lambda: fastslide_reader.FastslideReader(slide),
        )


def test_a_child_process_that_fails(slide: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> NoReturn:
        raise ReaderFailure("its reader crashed (SIGSEGV)")

    with open_slide(slide, isolated=True) as opened:
        monkeypatch.setattr(isolated.ReaderProcess, "ask", fail)
        assert isinstance(opened, isolated.IsolatedSlide)
        told = "…: cannot be read: …; " + AGAIN
        check_told(told, lambda: opened.is_plain(0.0, 0.0, (9, 9), 1.0))
    told = "…: cannot be opened: …; " + AGAIN
    check_told(told, lambda: open_slide(slide, isolated=True))


def test_warnings(tmp_path: Path) -> None:
    regions = {f"openslide.region[{number}].x": "0" for number in range(2)}
    (scenes,) = planes_and_scenes(regions)
    told = "the slide has … scanned regions; all are read, where they lie"
    assert says(told).fullmatch(scenes)
    (planes,) = planes_and_scenes({"dicom.TotalPixelMatrixFocalPlanes": "3"})
    told = "the slide has … focal planes; the one that OpenSlide shows is read"
    assert says(told).fullmatch(planes)
    conflict = find_microns(Path("a"), {"openslide.mpp-x": "0.5"}, 0.25).conflict
    told = (
        "… µm/px, …, was used, but the slide also says …; if that is right, give it with "
        "--slide-mpp"
    )
    assert says(told).fullmatch(str(conflict))
    Image.fromarray(PINK).save(
        tmp_path / "a.tif", save_all=True, append_images=[Image.fromarray(PINK[:30])]
    )
    with open_slide(tmp_path / "a.tif", reader="image", slide_mpp=1.0) as opened:
        told = "the file has … pictures; the first one is read, as a plain image"
        assert says(told).fullmatch(opened.info.notes[0])
    tifffile.imwrite(tmp_path / "b.tif", np.stack([PINK] * 3), photometric="rgb")
    with open_slide(tmp_path / "b.tif", reader="tiff", slide_mpp=1.0) as opened:
        assert says("the file has … …; … is read").fullmatch(opened.info.notes[0])


def test_scenes(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "a.ome.tif", ome=True) as file:
        file.write(PINK, photometric="rgb")
        file.write(PINK[:32], photometric="rgb")
    with open_slide(tmp_path / "a.ome.tif", reader="tiff", slide_mpp=1.0) as opened:
        told = "the file has … scenes; the first one is read"
        assert says(told).fullmatch(opened.info.notes[0])
