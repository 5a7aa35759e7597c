"""Scoring a slide: tissue, plan, blocks of pixels, probabilities.

Threads read the next blocks while the model scores; neither waits for the other for long.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from wsi_idc.errors import SettingsError
from wsi_idc.model.stain import StainMeter, stain_warning
from wsi_idc.progress import Progress
from wsi_idc.slides import Slide, SlideSource
from wsi_idc.slides.info import SlideInfo
from wsi_idc.slides.overview import Overview
from wsi_idc.slides.raster import Region, SlideMask, SlidePicture
from wsi_idc.tiling.blocks import read_batches
from wsi_idc.tiling.plan import PatchPlan, plan_patches
from wsi_idc.tiling.settings import TileSettings
from wsi_idc.tissue import DEFAULT_TISSUE, Tissue, TissueSettings, find_tissue

if TYPE_CHECKING:
    from wsi_idc.model.card import ModelCard
    from wsi_idc.model.scorer import Scorer

PICTURE_SIDE_PX = 2000
"""Longer side of the picture that an overlay is drawn on; enough for a full screen."""


@dataclass(frozen=True)
class ScoreSettings:
    """How a slide is scored.

    Attributes
    ----------
    stride : step from patch to patch in pixels at the model's µm/px; None is half a patch,
        so that the map shows cells of 200 µm for the usual 400 µm patches.
    min_tissue : smallest share of a patch that is tissue, as `wsi-idc tile` has it.
    allow_upsampling : score slides whose own pixels are coarser than the model's.
    tta : test-time augmentation: score the eight views of each patch and take their mean.
    tissue : how tissue is told from glass.
    """

    stride: int | None = None
    min_tissue: float = TileSettings.min_tissue
    allow_upsampling: bool = False
    tta: bool = False
    tissue: TissueSettings = DEFAULT_TISSUE

    def step(self, patch_size: int) -> int:
        """The stride in pixels, whether it was given or not."""
        if self.stride is None:
            return max(1, patch_size // 2)
        if self.stride > patch_size:
            raise SettingsError(
                f"a stride of {self.stride} px leaves gaps between patches of {patch_size} px; "
                "a map needs at most the patch size"
            )
        return self.stride


@dataclass(frozen=True, eq=False)
class SlideScores:
    """What the model says of a slide.

    Attributes
    ----------
    probability : calibrated probabilities of the shown class, IDC, float32 [N], of the plan's
        N patches.
    others : those of a packed model's other classes, by their names.
    stain_warning : set where the tissue's stain is far outside the model's training data.
    """

    probability: NDArray[np.float32]
    stain_warning: str | None
    others: dict[str, NDArray[np.float32]]


@dataclass(frozen=True, eq=False)
class PlannedSlide:
    """A slide that is ready to be scored.

    Attributes
    ----------
    info : what the slide is.
    tissue : where its tissue is, and what is to be said of it.
    plan : the N patches to score.
    picture : the whole slide, small, for overlays.
    overview : what was read of the slide on the way, for `score_slide`; None where that is
        nothing that it could use.
    region : the part of the slide that is asked for; None is all of it.
    """

    info: SlideInfo
    tissue: Tissue
    plan: PatchPlan
    picture: SlidePicture
    overview: Overview | None
    region: Region | None

    @property
    def tissue_mm2(self) -> float:
        """Area of the tissue within the region."""
        return self.tissue.mask.within(self.region).area_mm2


def plan_slide(
    slide: Slide,
    card: ModelCard,
    settings: ScoreSettings,
    given_tissue: SlideMask | Path | None = None,
    region: Region | None = None,
) -> PlannedSlide:
    """Find the tissue of an open slide and choose the patches to score.

    Raises
    ------
    SettingsError, SlideError
        See `wsi_idc.tiling.plan.plan_patches`.
    """
    patch_um = card.patch_size_pixels * card.spacing_um_px
    tissue = find_tissue(
        slide, patch_um, settings.tissue, given_tissue, patch_mpp=card.spacing_um_px
    )
    plan = plan_patches(
        slide.info,
        tissue.mask,
        mpp=card.spacing_um_px,
        patch_size=card.patch_size_pixels,
        stride=settings.step(card.patch_size_pixels),
        min_tissue=settings.min_tissue,
        allow_upsampling=settings.allow_upsampling,
        region=region,
    )
    picture = slide.picture(max_side=PICTURE_SIDE_PX)
    return PlannedSlide(slide.info, tissue, plan, picture, slide.overview, region)


def score_slide(
    source: SlideSource,
    plan: PatchPlan,
    scorer: Scorer,
    *,
    tta: bool = False,
    progress: Progress | None = None,
    overview: Overview | None = None,
) -> SlideScores:
    """Score the patches of a plan; `overview` is as for `read_patches`.

    Raises
    ------
    SlideReadError
        If reading fails.
    ModelFolderError
        If the model gives a score that is not a finite number.
    """
    card = scorer.card
    classes = np.full((len(plan), card.num_classes), np.nan, np.float32)
    stain = StainMeter()
    done = 0
    reading = read_batches(source, plan, scorer.batch_size, overview=overview)
    with closing(reading) as batches:
        for indices, patches in batches:
            classes[indices] = scorer.predict_classes(patches, tta=tta)
            stain.add(patches)
            done += len(indices)
            if progress is not None:
                progress(done, len(plan))
    of_class = dict(zip(card.class_names, classes.T.copy(), strict=True))
    shown = of_class.pop(card.shown_class)
    warning = stain_warning(stain.amounts, card.training_data.stain)
    return SlideScores(shown, warning, of_class)
