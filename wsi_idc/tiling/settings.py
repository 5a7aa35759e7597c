"""How slides are tiled, as plain data."""

from __future__ import annotations

from dataclasses import dataclass

from wsi_idc.errors import SettingsError
from wsi_idc.slides.levels import check_mpp_range
from wsi_idc.tiling.formats import FORMATS
from wsi_idc.tiling.grid import check_sizes
from wsi_idc.tiling.labels import DEFAULT_MIN_OVERLAP, check_min_overlap
from wsi_idc.tiling.plan import check_min_tissue
from wsi_idc.tissue import DEFAULT_TISSUE, TissueSettings


@dataclass(frozen=True)
class TileSettings:
    """How slides are tiled. The defaults cut patches like those of the public IDC data.

    Attributes
    ----------
    mpp : microns per pixel of the patches, 0.05 to 100.
    patch_size : side of a patch in pixels.
    stride : pixels from patch to patch; None is the patch size, side by side.
    min_tissue : 0 to 1, smallest share of a patch that is tissue. The public IDC data holds patches
        down to 14 % tissue, so that a model trained on it knows tissue edges and fat.
    allow_upsampling : take patches finer than a slide's own pixels.
    min_overlap : above 0, up to 1; a patch is positive where the truth covers at least this
        share of it.
    exclude_border : leave out patches that hold some IDC but less than `min_overlap`.
    tissue : how tissue is told from glass.
    format : what the patches are written as, one of `FORMATS`.

    Raises
    ------
    SettingsError
        If a value is out of range: before any slide is opened, since no slide is at fault.

    Examples
    --------
    >>> settings = TileSettings(mpp=0.5, patch_size=224)
    >>> settings.patch_um, settings.step
    (112.0, 224)
    """

    mpp: float = 8.0
    patch_size: int = 50
    stride: int | None = None
    min_tissue: float = 0.15
    allow_upsampling: bool = False
    min_overlap: float = DEFAULT_MIN_OVERLAP
    exclude_border: bool = False
    tissue: TissueSettings = DEFAULT_TISSUE
    format: str = "png"

    def __post_init__(self) -> None:
        check_mpp_range(self.mpp)
        check_sizes(self.patch_size, self.step)
        check_min_tissue(self.min_tissue)
        check_min_overlap(self.min_overlap)
        if self.format not in FORMATS:
            raise SettingsError(
                f"the format must be one of {', '.join(FORMATS)}, not {self.format!r}; "
                "set it with --format"
            )

    @property
    def patch_um(self) -> float:
        """Side of a patch in microns."""
        return self.mpp * self.patch_size

    @property
    def step(self) -> int:
        """The stride in pixels, whether it was given or not."""
        return self.patch_size if self.stride is None else self.stride
