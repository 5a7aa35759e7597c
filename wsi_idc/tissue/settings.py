"""How tissue is told from glass, as plain data: microns and square millimetres, no pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from wsi_idc.errors import SettingsError

Method = Literal["hed", "otsu", "none"]
METHODS: tuple[Method, ...] = get_args(Method)
"""`hed`: density of haematoxylin and eosin; `otsu`: colour saturation; `none`: all is tissue."""

DEFAULT_METHOD: Method = "hed"
"""Chosen by `benchmarks/tissue.py`; see docs/tissue.md."""


@dataclass(frozen=True)
class TissueSettings:
    """How tissue is told from glass.

    Attributes
    ----------
    method : one of `METHODS`.
    smoothing_um : sigma of the Gaussian that the picture is smoothed with. A nucleus or so:
        it takes the colour noise off empty glass and leaves strands of stroma standing.
    lowest_saturation, highest_saturation : the range that the threshold of `otsu` is held
        in, 0 to 1, on saturation against the colour of glass. Without the lower end an
        empty slide is split into noise and noise; without the upper one a picture full of
        tissue is split into pale and dark tissue.
    lowest_stain, highest_stain : the same for `hed`, natural-log optical density of
        haematoxylin and eosin together. Pale stroma has 0.1 and more.
    fat_stain : mean density of stain, over the width of a fat cell, from which on what borders
        on tissue is fat, for `hed`. Walls thinner than a pixel colour fat no more than this;
        clear glass stays below 0.005 even in noise and strong JPEG.
    darkest : pixels whose brightest channel is below this (0 to 255) are a scanner's black
        border; the densest nuclei, smoothed, stay well above it.
    pen_width_um : ink is a pen's where it is at least this wide. A felt pen draws lines of
        half a millimetre and more; ink on the margin of a specimen is thinner and lies on
        tissue, in the public IDC patches too. 0 leaves no pen out.
    largest_blur_mm2 : pieces up to this area that have no sharp edge are debris out of focus.
    joining_um : gaps up to about twice this wide are closed. Fat cells are 40 to 110 µm
        across and only their walls have colour.
    largest_hole_mm2 : holes up to this area count as tissue (fat, ducts, lumina), as in the
        public IDC patches, which hold whole fields of fat; larger ones are glass.
    smallest_piece_mm2 : pieces below this area are dropped (dust, floating cells). An eighth
        of a 400 µm patch; the tip of a needle core is far larger.
    """

    method: Method = DEFAULT_METHOD
    smoothing_um: float = 12.0
    lowest_saturation: float = 0.05
    highest_saturation: float = 0.08
    lowest_stain: float = 0.03
    highest_stain: float = 0.05
    fat_stain: float = 0.018
    darkest: int = 40
    pen_width_um: float = 200.0
    largest_blur_mm2: float = 4.0
    joining_um: float = 50.0
    largest_hole_mm2: float = 1.0
    smallest_piece_mm2: float = 0.02

    def __post_init__(self) -> None:
        """Refuse settings that no mask can come of."""
        if self.method not in METHODS:
            raise SettingsError(
                f"there is no tissue method {self.method!r}; choose one of {', '.join(METHODS)}"
            )
        if not 0 <= self.lowest_saturation <= self.highest_saturation <= 1:
            raise SettingsError(
                "the saturation range of the tissue mask must lie within 0 to 1, lowest first, "
                f"not {self.lowest_saturation} to {self.highest_saturation}"
            )
        if not 0 <= self.lowest_stain <= self.highest_stain:
            raise SettingsError(
                "the stain range of the tissue mask must not be negative, lowest first, "
                f"not {self.lowest_stain} to {self.highest_stain}"
            )
        for name in (
            "fat_stain",
            "smoothing_um",
            "pen_width_um",
            "largest_blur_mm2",
            "joining_um",
            "largest_hole_mm2",
            "smallest_piece_mm2",
        ):
            if not getattr(self, name) >= 0:
                raise SettingsError(f"{name} of the tissue mask must not be negative")


DEFAULT_TISSUE = TissueSettings()
