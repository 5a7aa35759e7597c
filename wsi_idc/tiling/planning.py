"""From an open slide to the patches to cut: its tissue, the region asked for, the labels."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from wsi_idc.slides import Slide
from wsi_idc.slides.info import SlideInfo
from wsi_idc.slides.overview import Overview
from wsi_idc.slides.raster import SlideMask
from wsi_idc.tiling.annotated import AnnotationLabels
from wsi_idc.tiling.labels import Labelled, Truth, label_patches
from wsi_idc.tiling.plan import PatchPlan, plan_patches
from wsi_idc.tiling.settings import TileSettings
from wsi_idc.tiling.truth import truth_from_mask, truth_mask_from_image
from wsi_idc.tissue import Tissue, find_tissue, read_given

if TYPE_CHECKING:
    from wsi_idc.annotations.areas import AnnotatedArea
    from wsi_idc.annotations.roi import RegionOfInterest

TruthSource = SlideMask | Path | AnnotationLabels
"""A mask, a mask image over the slide's bounds, or annotations."""


@dataclass(frozen=True, eq=False)
class Guidance:
    """What a user knows of a slide beforehand.

    Attributes
    ----------
    truth : what patches are labelled by; None leaves them without labels.
    tissue : where its tissue is; None finds it.
    region : the part of the slide that is asked for; None is all of it.
    warnings : what a user should know of how both were read.
    """

    truth: Truth | None = None
    tissue: SlideMask | None = None
    region: AnnotatedArea | None = None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class PlannedTiles:
    """A slide that is ready to be cut.

    Attributes
    ----------
    tissue : where its tissue is, on all of it, and what is to be said of that.
    mask : the tissue within the region.
    plan : the patches.
    labelled : what labelling came to; None without truth.
    overview : what was read of the slide on the way, for `read_patches`; None where that is
        nothing that it could use.
    """

    tissue: Tissue
    mask: SlideMask
    plan: PatchPlan
    labelled: Labelled | None
    overview: Overview | None


def guidance_of(
    info: SlideInfo,
    settings: TileSettings,
    truth: TruthSource | None = None,
    tissue: SlideMask | Path | None = None,
    roi: RegionOfInterest | None = None,
) -> Guidance:
    """Read what is known of a slide; the arguments are those of `tile_slide`.

    Raises
    ------
    SettingsError
        If a mask cannot be used.
    AnnotationError
        If an annotation file cannot be used, or the region lies off the slide.
    """
    if isinstance(tissue, Path):
        tissue = read_given(tissue, info, settings.patch_um)
    known = _truth(info, truth)
    warnings = () if known is None else known.warnings
    if roi is None:
        return Guidance(known, tissue, None, warnings)
    region, said = roi.area(info)
    return Guidance(known, tissue, region, tuple(dict.fromkeys((*warnings, *said))))


def plan_tiles(
    slide: Slide, settings: TileSettings, guidance: Guidance | None = None
) -> PlannedTiles:
    """Find the tissue of an open slide and choose and label the patches to cut.

    Raises
    ------
    SlideError
        If the slide cannot be read, has no pixels so fine, or no patch is left.
    """
    guidance = guidance or Guidance()
    tissue = find_tissue(
        slide, settings.patch_um, settings.tissue, guidance.tissue, patch_mpp=settings.mpp
    )
    plan = plan_patches(
        slide.info,
        tissue.mask,
        mpp=settings.mpp,
        patch_size=settings.patch_size,
        stride=settings.step,
        min_tissue=settings.min_tissue,
        allow_upsampling=settings.allow_upsampling,
        region=guidance.region,
    )
    within = tissue.mask.within(guidance.region)
    if guidance.truth is None:
        return PlannedTiles(tissue, within, plan, None, slide.overview)
    labelled = label_patches(
        plan,
        guidance.truth.positive,
        min_overlap=settings.min_overlap,
        exclude_border=settings.exclude_border,
        ignored=guidance.truth.ignored,
    )
    return PlannedTiles(tissue, within, labelled.plan, labelled, slide.overview)


def _truth(info: SlideInfo, source: TruthSource | None) -> Truth | None:
    if source is None:
        return None
    if isinstance(source, AnnotationLabels):
        return source.truth(info)
    if isinstance(source, Path):
        source = truth_mask_from_image(
            source, name=info.name, bounds=info.bounds, mpp_x=info.mpp_x, mpp_y=info.mpp_y
        )
    return truth_from_mask(source)
