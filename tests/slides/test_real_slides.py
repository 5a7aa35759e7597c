"""Real files of real scanners: sizes, µm/px, and two readers that agree."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from wsi_idc.errors import MissingMppError, SlideReadError
from wsi_idc.slides import open_slide


@pytest.fixture
def slides(shared_data: Path) -> Path:
    return shared_data / "slides"


@pytest.mark.parametrize(
    ("name", "reader", "vendor", "size", "downsamples", "mpp", "source"),
    [
        ("CMU-1-Small-Region.svs", "direct", "aperio", (2220, 2967), [1], 0.499, "slide metadata"),
        ("small.svs", "direct", "aperio", (16, 16), [1], 0.499, "slide metadata"),
        ("boxes_0.dcm", "openslide", "dicom", (16, 16), [1], 0.499, "slide metadata"),
        (
            "idc-14306.tif", "openslide", "generic-tiff", (2600, 2400), [1, 2, 4, 8, 16], 8.0,
            "TIFF resolution tags",
        ),
    ],
)  # fmt: skip
def test_what_the_slides_are(
    slides: Path,
    name: str,
    reader: str,
    vendor: str,
    size: tuple[int, int],
    downsamples: list[int],
    mpp: float,
    source: str,
) -> None:
    with open_slide(slides / name) as slide:
        info = slide.info
        assert (info.vendor, info.reader) == (vendor, reader)
        assert (info.width, info.height) == (info.bounds.width, info.bounds.height) == size
        assert [level.downsample_x for level in info.levels] == downsamples
        assert (info.mpp_x, info.mpp_y) == pytest.approx((mpp, mpp), rel=1e-6)
        assert info.mpp_source == source
        picture = slide.picture(max_side=300)
        assert max(picture.pixels.shape) <= 300
        assert picture.pixels.std() > 2


@pytest.mark.parametrize("name", ["TCGA-CR-7395-01A-01-TS1.svs", "boxes.tiff"])
def test_slides_that_do_not_say_their_scale(slides: Path, name: str) -> None:
    with pytest.raises(MissingMppError, match=rf"{name}: .*--slide-mpp"):
        open_slide(slides / name)
    with open_slide(slides / name, slide_mpp=0.5) as slide:
        assert slide.read(10.5, 20.5, (40, 30), 1.0).shape == (30, 40, 3)


def test_half_a_scanner_file(slides: Path, tmp_path: Path) -> None:
    content = (slides / "CMU-1-Small-Region.svs").read_bytes()
    cut = tmp_path / "CMU-cut.svs"
    cut.write_bytes(content[: len(content) // 2])
    with pytest.raises(SlideReadError, match=r"CMU-cut\.svs: .*not copied whole"):
        open_slide(cut)


# fastslide's JPEG decoder rounds colours down: up to 0.9 grey levels in the mean, one at most.
ROUNDED_DOWN = (0.95, 1.0)
SAME = (0.0, 0.0)
# Where a level's size is no whole part of level 0's, OpenSlide interpolates between pixels,
# which blurs a little what is read at the level's own scale; averaging evens it out.
BLURRED = (2.5, 20.0)


@pytest.mark.parametrize(
    ("name", "reader", "scales", "mean", "high"),
    [
        ("CMU-1-Small-Region.svs", "direct", (1, 2, 2.7, 16.03), *SAME),
        ("CMU-1-Small-Region.svs", "fastslide", (1, 2, 2.7, 16.03), *ROUNDED_DOWN),
        ("CMU-1-Small-Region.svs", "tiff", (1, 2, 2.7, 16.03), *SAME),
        ("CMU-1-Small-Region.svs", "image", (1, 2, 2.7, 16.03), *SAME),
        ("small.svs", "direct", (1, 2, 2.7, 16.03), *SAME),
        ("small.svs", "fastslide", (1, 2, 2.7, 16.03), *ROUNDED_DOWN),
        ("small.svs", "tiff", (1, 2, 2.7, 16.03), *SAME),
        ("small.svs", "image", (1, 2, 2.7, 16.03), *SAME),
        ("boxes_0.dcm", "fastslide", (1, 2, 2.7, 16.03), *ROUNDED_DOWN),
        ("boxes_1.dcm", "fastslide", (1, 2, 2.7, 16.03), *ROUNDED_DOWN),
        ("boxes.tiff", "fastslide", (1, 2, 2.7, 32), 0.5, 1.0),
        ("boxes.tiff", "tiff", (1, 2, 2.7, 32), 0.5, 1.0),
        ("boxes.tiff", "image", (1,), *SAME),
        ("idc-14306.tif", "fastslide", (1, 2, 2.7, 8), *SAME),
        ("idc-14306.tif", "tiff", (1, 2, 2.7, 8), *SAME),
        ("idc-14306.tif", "image", (1,), *SAME),
        ("TCGA-CR-7395-01A-01-TS1.svs", "fastslide", (1, 1.7), *SAME),
        ("TCGA-CR-7395-01A-01-TS1.svs", "fastslide", (2, 2.7), *BLURRED),
        ("TCGA-CR-7395-01A-01-TS1.svs", "fastslide", (32,), 0.5, 4.0),
        ("TCGA-CR-7395-01A-01-TS1.svs", "tiff", (1, 1.7), *SAME),
        ("TCGA-CR-7395-01A-01-TS1.svs", "tiff", (32,), 0.5, 4.0),
    ],
)  # fmt: skip
def test_every_reader_gives_the_pixels_of_openslide(
    slides: Path, name: str, reader: str, scales: tuple[float, ...], mean: float, high: float
) -> None:
    """`mean` and `high` bound mean and 99.9 % of the differences, in grey levels.

    `scales` are target pixels in level-0 pixels; 16.03 and 32 are 8 µm/px here. The regions
    reach over all four edges. The plain image reader knows no levels but the finest.
    """
    if reader == "fastslide":
        pytest.importorskip("fastslide")
    check_agreement(slides / name, reader, "openslide", scales, mean, high)


def test_two_readers_agree_where_openslide_blurs(slides: Path) -> None:
    pytest.importorskip("fastslide")
    path = slides / "TCGA-CR-7395-01A-01-TS1.svs"
    check_agreement(path, "tiff", "fastslide", (1, 2, 2.7, 32), *SAME)


def check_agreement(
    path: Path, reader: str, reference: str, scales: tuple[float, ...], mean: float, high: float
) -> None:
    says_no_mpp = path.name in ("TCGA-CR-7395-01A-01-TS1.svs", "boxes.tiff")
    slide_mpp = 0.25 if says_no_mpp else None
    with (
        open_slide(path, reader=reference, slide_mpp=slide_mpp) as expected,
        open_slide(path, reader=reader, slide_mpp=slide_mpp) as slide,
    ):
        info = expected.info
        if reader != "image":
            assert slide.info.levels == info.levels
            assert slide.info.mpp_source == info.mpp_source
            assert slide.info.objective_power == info.objective_power
            assert slide.info.warnings == info.warnings
        assert (slide.info.mpp_x, slide.info.mpp_y) == (info.mpp_x, info.mpp_y)
        for scale in scales:
            across, down = info.width / scale, info.height / scale
            size = max(1, min(250, int(across / 2))), max(1, min(200, int(down / 2)))
            for x, y in (
                (-3.3 * scale, -2.2 * scale),
                (0.31 * info.width, 0.27 * info.height),
                (info.width - (size[0] - 2.5) * scale, info.height - (size[1] - 3.4) * scale),
            ):
                mpp = scale * info.mpp_x
                wanted = expected.read(x, y, size, mpp).astype(int)
                difference = np.abs(slide.read(x, y, size, mpp) - wanted)
                where = f"{scale} times level 0, at {x:.1f}, {y:.1f}"
                assert difference.mean() <= mean, where
                assert np.percentile(difference, 99.9) <= high, where


def test_tiles_read_directly_are_openslides_to_the_last_bit(slides: Path) -> None:
    """Shared JPEG tables and RGB that is not YCbCr, as Aperio's scanners write them."""
    with (
        open_slide(slides / "CMU-1-Small-Region.svs", reader="openslide") as reference,
        open_slide(slides / "CMU-1-Small-Region.svs", reader="direct") as direct,
    ):
        np.testing.assert_array_equal(
            direct.read_level(0, 0, 0, 2220, 2967), reference.read_level(0, 0, 0, 2220, 2967)
        )
        for x, y, size, mpp in [(17.3, 31.9, (200, 150), 1.3), (900.0, 700.5, (90, 80), 8.0)]:
            np.testing.assert_array_equal(
                direct.read(x, y, size, mpp), reference.read(x, y, size, mpp)
            )


def test_labels_and_macro_images_are_never_read(slides: Path) -> None:
    """The label may name the patient: no level has its size, none is an associated image."""
    import openslide

    path = slides / "CMU-1-Small-Region.svs"
    with openslide.OpenSlide(path) as handle:
        associated = {name: image.size for name, image in handle.associated_images.items()}
    assert {"label", "macro"} <= set(associated)
    for reader in ("direct", "openslide", "fastslide", "tiff"):
        if reader == "fastslide":
            pytest.importorskip("fastslide")
        with open_slide(path, reader=reader) as slide:
            sizes = {(level.width, level.height) for level in slide.info.levels}
            assert sizes == {(2220, 2967)}
            assert not sizes & set(associated.values())
