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


@pytest.mark.parametrize(
    ("name", "targets", "largest", "mean"),
    [
        # fastslide's JPEG decoder rounds colours down: up to one grey level a pixel.
        ("CMU-1-Small-Region.svs", (0.499, 1.0, 2.3, 8.0), 1, 0.8),
        ("small.svs", (0.499, 1.0), 1, 0.8),
        ("boxes_0.dcm", (0.499, 1.0), 1, 0.8),
        # Lossless: the same pixels where level sizes are whole.
        ("idc-14306.tif", (8.0, 13.0, 16.0, 64.0), 0, 0.0),
        ("TCGA-CR-7395-01A-01-TS1.svs", (0.25, 0.3, 0.45), 0, 0.0),
    ],
)
def test_both_readers_give_the_same_pixels(
    slides: Path, name: str, targets: tuple[float, ...], largest: int, mean: float
) -> None:
    pytest.importorskip("fastslide")
    slide_mpp = 0.25 if name.startswith("TCGA") else None
    with (
        open_slide(slides / name, reader="openslide", slide_mpp=slide_mpp) as reference,
        open_slide(slides / name, reader="fastslide", slide_mpp=slide_mpp) as fast,
    ):
        assert fast.info.levels == reference.info.levels
        assert fast.info.mpp_source == reference.info.mpp_source
        info = reference.info
        for mpp in targets:
            scale = mpp / info.mpp
            x, y = 0.31 * info.width, 0.27 * info.height
            size = (
                min(200, max(1, int(0.9 * (info.width - x) / scale))),
                min(150, max(1, int(0.9 * (info.height - y) / scale))),
            )
            expected = reference.read(x, y, size, mpp)
            difference = np.abs(fast.read(x, y, size, mpp).astype(int) - expected)
            assert difference.max() <= largest, f"at {mpp} µm/px"
            assert difference.mean() <= mean, f"at {mpp} µm/px"


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
    for reader in ("direct", "openslide", "fastslide"):
        if reader == "fastslide":
            pytest.importorskip("fastslide")
        with open_slide(path, reader=reader) as slide:
            sizes = {(level.width, level.height) for level in slide.info.levels}
            assert sizes == {(2220, 2967)}
            assert not sizes & set(associated.values())
