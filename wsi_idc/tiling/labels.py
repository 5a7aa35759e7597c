"""What each patch is labelled: by the share of it that annotated IDC covers. Numbers only."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from wsi_idc.errors import NoTissueError, SettingsError
from wsi_idc.slides.raster import Coverage
from wsi_idc.tiling.plan import AREA_ROUNDING, PatchPlan

DEFAULT_MIN_OVERLAP = 0.8
"""A patch is positive from this share of annotated IDC on, as in the public IDC data."""


@dataclass(frozen=True, eq=False)
class Truth:
    """What the patches of a slide are labelled by.

    Attributes
    ----------
    positive : where IDC is.
    sha256 : a fingerprint of all that decides a label.
    ignored : where nobody can say; patches that touch it are left out.
    classes : names of the annotation's classes that count as `positive` and as `ignored`;
        None for a mask.
    source : how the annotation was read, for the manifest; None for a mask.
    warnings : what a user should know of it.
    """

    positive: Coverage
    sha256: str
    ignored: Coverage | None = None
    classes: dict[str, list[str]] | None = None
    source: dict[str, Any] | None = None
    warnings: tuple[str, ...] = field(default=())


@dataclass(frozen=True, eq=False)
class Labelled:
    """A plan with labels.

    Attributes
    ----------
    plan : the patches that are left, each labelled 1 or 0.
    touched : how many of all patches hold any IDC.
    border_left_out : how many of these, with less than the smallest overlap, were left out.
    ignored_left_out : how many patches were left out since they touch an ignored area.
    """

    plan: PatchPlan
    touched: int
    border_left_out: int
    ignored_left_out: int


def check_min_overlap(min_overlap: float) -> None:
    """Refuse a smallest overlap that is not above 0 and at most 1.

    Raises
    ------
    SettingsError
        If it is outside, or NaN.
    """
    if not 0 < min_overlap <= 1:
        raise SettingsError(
            f"the smallest overlap must be above 0 and at most 1, not {min_overlap}; "
            "set it with --min-overlap"
        )


def label_patches(
    plan: PatchPlan,
    positive: Coverage,
    *,
    min_overlap: float = DEFAULT_MIN_OVERLAP,
    exclude_border: bool = False,
    ignored: Coverage | None = None,
) -> Labelled:
    """Label patches by annotated IDC.

    Parameters
    ----------
    plan : the patches.
    positive : where the IDC is.
    min_overlap : above 0, up to 1; a patch is positive where `positive` covers at least this
        share of it, else negative.
    exclude_border : leave out the patches that hold some IDC but less than `min_overlap`.
    ignored : leave out the patches that touch it.

    Raises
    ------
    SettingsError
        If `min_overlap` is out of range.
    NoTissueError
        If leaving out patches leaves none.
    """
    check_min_overlap(min_overlap)
    unsure = np.zeros(len(plan), bool)
    if ignored is not None:
        unsure = plan.share_of(ignored) > AREA_ROUNDING
        if unsure.all():
            raise NoTissueError(
                "every patch touches an ignored area, so that none is left; check --ignore-class"
            )
    overlap = plan.share_of(positive)
    is_positive = overlap >= min_overlap - AREA_ROUNDING
    touched = overlap > AREA_ROUNDING
    border = touched & ~is_positive & ~unsure if exclude_border else np.zeros(len(plan), bool)
    keep = ~unsure & ~border
    if not keep.any():
        raise NoTissueError(
            "every patch lies at the border of the annotation, so that none is left; "
            "do not exclude the border, or lower --min-overlap"
        )
    labelled = replace(plan, label=is_positive.astype(np.int8))
    return Labelled(
        plan=labelled.select(keep),
        touched=int(np.count_nonzero(touched)),
        border_left_out=int(np.count_nonzero(border)),
        ignored_left_out=int(np.count_nonzero(unsure)),
    )
