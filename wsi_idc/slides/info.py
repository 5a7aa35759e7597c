"""What a slide is: its size, its pyramid and its microns per pixel, as plain data."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

Rgb = tuple[int, int, int]

WHITE: Rgb = (255, 255, 255)

FARTHEST_PX = 1e8
"""No slide is a hundred million pixels wide: such a number is damage, and its square no area."""


@dataclass(frozen=True)
class Level:
    """One image of a slide's pyramid; level 0 is the finest.

    Attributes
    ----------
    index : the reader's number of the level.
    width, height : size in pixels of this level.
    downsample_x, downsample_y : level-0 pixels per pixel of this level (1.0 for level 0).
    """

    index: int
    width: int
    height: int
    downsample_x: float
    downsample_y: float


@dataclass(frozen=True)
class Bounds:
    """The part of level 0 that holds the scan, in level-0 pixels.

    The whole of level 0 for most formats; MIRAX and some others place the scan inside a
    larger, mostly empty frame.
    """

    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True)
class SlideInfo:
    """All that wsi-idc knows of a slide before it reads pixels.

    Attributes
    ----------
    name : the file's name without its ending; names outputs and, by default, the patient.
    reader : `direct`, `openslide`, `fastslide`, `tiff` or `image`.
    vendor : the scanner's maker as the reader names the format, `tiff` or `image`.
    width, height : size of level 0 in pixels.
    mpp_x, mpp_y : microns per level-0 pixel, always within 0.05 to 20.
    mpp_source : where they come from, in words for people and outputs, such as
        `slide metadata`, `OME-XML`, `TIFF resolution tags`, `objective power 40x`,
        `given by --slide-mpp`.
    mpp_is_guess : True where they were inferred and not stated as µm/px.
    objective_power : the scanner's objective (40.0 for 40x), or None.
    levels : the pyramid, finest first.
    bounds : where the scan lies in level 0.
    background : the colour of glass, RGB, 0 to 255; stands in for missing pixels.
    has_icc_profile : whether the slide says how its colours are meant.
    icc_applied : whether pixels are converted to sRGB with that profile.
    notes : what else a user should know: another scale that the slide states, scenes and
        planes that are not read, ...
    shown_file : what outputs call the file, where that is not its own name.
    """

    path: Path
    name: str
    reader: str
    vendor: str
    width: int
    height: int
    mpp_x: float
    mpp_y: float
    mpp_source: str
    mpp_is_guess: bool
    objective_power: float | None
    levels: tuple[Level, ...]
    bounds: Bounds
    background: Rgb = WHITE
    has_icc_profile: bool = False
    icc_applied: bool = False
    notes: tuple[str, ...] = ()
    shown_file: str | None = None

    @property
    def file(self) -> str:
        """The file's name as outputs may tell it, never with its folder."""
        return self.path.name if self.shown_file is None else self.shown_file

    @property
    def mpp(self) -> float:
        """Mean of `mpp_x` and `mpp_y`, where one number has to do."""
        return (self.mpp_x + self.mpp_y) / 2

    @property
    def mpp_warning(self) -> str | None:
        """What to say aloud where the µm/px are a guess, else None."""
        if not self.mpp_is_guess:
            return None
        x, y = f"{self.mpp_x:.4g}", f"{self.mpp_y:.4g}"
        scale = x if x == y else f"{x} x {y}"
        return (
            f"{scale} µm/px was inferred from the {self.mpp_source}; if that is wrong, so is "
            "every scale here: give the right one with --slide-mpp"
        )

    @property
    def warnings(self) -> tuple[str, ...]:
        """All that outputs must say of how the slide is read: a guessed scale, and `notes`."""
        return (*([self.mpp_warning] if self.mpp_warning else []), *self.notes)

    @property
    def width_mm(self) -> float:
        """Width of the scanned bounds in millimetres."""
        return self.bounds.width * self.mpp_x / 1000

    @property
    def height_mm(self) -> float:
        """Height of the scanned bounds in millimetres."""
        return self.bounds.height * self.mpp_y / 1000
