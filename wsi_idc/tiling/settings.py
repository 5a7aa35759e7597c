"""How slides are tiled, as plain data."""

from __future__ import annotations

from dataclasses import dataclass

from wsi_idc.tiling.plan import DEFAULT_MIN_OVERLAP
from wsi_idc.tissue import DEFAULT_TISSUE, TissueSettings


@dataclass(frozen=True)
class TileSettings:
    """How slides are tiled. The defaults cut patches like those of the public IDC data.

    Attributes
    ----------
    mpp : microns per pixel of the patches.
    patch_size : side of a patch in pixels.
    stride : pixels from patch to patch; None is the patch size, side by side.
    min_tissue : smallest share of a patch that is tissue. The public IDC data holds patches
        down to 14 % tissue, so that a model trained on it knows tissue edges and fat.
    allow_upsampling : take patches finer than a slide's own pixels.
    min_overlap : a patch is positive where the truth covers at least this share of it.
    exclude_border : leave out patches that hold some IDC but less than `min_overlap`.
    tissue : how tissue is told from glass.
    """

    mpp: float = 8.0
    patch_size: int = 50
    stride: int | None = None
    min_tissue: float = 0.15
    allow_upsampling: bool = False
    min_overlap: float = DEFAULT_MIN_OVERLAP
    exclude_border: bool = False
    tissue: TissueSettings = DEFAULT_TISSUE

    @property
    def step(self) -> int:
        """The stride in pixels, whether it was given or not."""
        return self.patch_size if self.stride is None else self.stride
