"""Sound files that hostile ones are made from: small slides in every form that is read."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import tifffile
from ome_tiff import pyramid_of, write_ome_pyramid
from PIL import Image

from wsi_idc.phantom.slide_writer import write_slide_from_array

_REAL = (
    "CMU-1-Small-Region.svs",
    "TCGA-CR-7395-01A-01-TS1.svs",
    "boxes.tiff",
    "boxes_0.dcm",
    "idc-14306.tif",
    "small.svs",
)


@dataclass(frozen=True)
class Bases:
    """Where they lie.

    Attributes
    ----------
    folder : those made by code.
    real : the folder of real slides; None where there are none.
    """

    folder: Path
    real: Path | None = None

    @cached_property
    def slides(self) -> list[Path]:
        """Made slides and plain images, each in another form."""
        return sorted(path for path in (self.folder / "slides").iterdir())

    @cached_property
    def tiffs(self) -> list[Path]:
        return [path for path in self.slides if path.suffix in (".svs", ".tif")]

    @cached_property
    def real_slides(self) -> list[Path]:
        assert self.real is not None
        return [self.real / name for name in _REAL]

    @property
    def section(self) -> Path:
        """A slide with tissue on it that every command takes."""
        return self.folder / "section.svs"

    @property
    def result(self) -> Path:
        """A result folder."""
        return self.folder / "maps" / "mapped"

    @property
    def mapped(self) -> Path:
        """The slide of the result folder."""
        return self.folder / "slides-of-maps" / "mapped.svs"


def make_bases(folder: Path, real: Path | None) -> Bases:
    """Write them, the same bytes everywhere."""
    from small_cohorts import write_section
    from viewer_results import make_mapped_slide

    slides = folder / "slides"
    slides.mkdir(parents=True)
    pixels = _tissue(300, 420)
    for name, vendor, compression in (
        ("aperio.svs", "aperio", "jpeg"),
        ("generic.tif", "generic", "jpeg"),
        ("lossless.tif", "generic", "deflate"),
    ):
        write_slide_from_array(
            slides / name,
            pixels,
            mpp=2.0,
            downsamples=(1, 4),
            tile=128,
            compression=compression,  # type: ignore[arg-type]
            vendor=vendor,  # type: ignore[arg-type]
        )
    for compression in ("jpeg", "jpeg2000", "lzw"):
        path = slides / f"{compression}.ome.tif"
        write_ome_pyramid(path, [pyramid_of(pixels, (1, 2))], compression=compression)
    planes = np.moveaxis(pixels, 2, 0)
    planar = {"photometric": "rgb", "planarconfig": "separate", "compression": "zlib"}
    tifffile.imwrite(
        slides / "planar.tif", planes, rowsperstrip=32, bigtiff=True, byteorder=">", **planar
    )
    image = Image.fromarray(pixels)
    image.save(slides / "strips.tif", compression="tiff_lzw", dpi=(12_700, 12_700))
    for name in ("plain.png", "plain.jpg", "plain.bmp", "plain.webp"):
        image.save(slides / name, dpi=(12_700, 12_700))
    write_section(folder / "section.svs", 0, vendor="aperio")
    mapped = make_mapped_slide(folder)
    (folder / "slides-of-maps").mkdir()
    shutil.move(mapped.slide, folder / "slides-of-maps" / mapped.slide.name)
    return Bases(folder, real)


def _tissue(height: int, width: int) -> np.ndarray:
    """Pink with some texture between two bands of glass."""
    rng = np.random.default_rng(0)
    noise = Image.fromarray(rng.integers(0, 60, (height // 10, width // 10), np.uint8))
    texture = np.asarray(noise.resize((width, height), Image.Resampling.BICUBIC))
    pixels = np.full((height, width, 3), 243, np.uint8)
    middle = slice(height // 6, -height // 6)
    pixels[middle] = np.array([215, 150, 190], np.uint8) - texture[middle, :, None]
    return pixels
