"""The manifest of a tiled slide: what was asked for, and what came of it.

Its first part says what decides the output. A run that finds a manifest compares this part
with its own and knows whether all is done, or was done otherwise.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import asdict
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from wsi_idc import __version__
from wsi_idc.errors import OutputError, SettingsError, reason
from wsi_idc.files import read_json
from wsi_idc.rerun import differences
from wsi_idc.slides.fingerprint import slide_fingerprint
from wsi_idc.slides.info import SlideInfo
from wsi_idc.tiling.layout import PATCHES_FORMAT
from wsi_idc.tiling.planning import Guidance, PlannedTiles
from wsi_idc.tiling.settings import TileSettings
from wsi_idc.tissue import mask_digest

_PIXELS_DEPEND_ON = (
    *("numpy", "scipy", "scikit-image", "pillow", "h5py"),
    *("openslide-python", "openslide-bin", "tifffile", "imagecodecs", "fastslide"),
)
# What a run that finds all done tells again.
_TOLD = {"patient", "tissue_mm2", "warnings"}
_COUNTS = {"patches", "positive", "negative", "border_left_out", "ignored_left_out"}


def request_of(
    info: SlideInfo,
    settings: TileSettings,
    patient: str,
    guidance: Guidance,
) -> dict[str, Any]:
    """What decides the output: the part of the manifest that a later run is compared with."""
    truth, tissue, region = guidance.truth, guidance.tissue, guidance.region
    return {
        "format": PATCHES_FORMAT,
        "slide": {
            "name": info.name,
            "fingerprint": slide_fingerprint(info.path),
            "width": info.width,
            "height": info.height,
            "bounds": asdict(info.bounds),
            "mpp_x": info.mpp_x,
            "mpp_y": info.mpp_y,
            "icc_applied": info.icc_applied,
        },
        "patient": patient,
        "settings": {**asdict(settings), "stride": settings.step},
        "truth_sha256": None if truth is None else truth.sha256,
        "truth_classes": None if truth is None else truth.classes,
        "tissue_mask_sha256": None if tissue is None else mask_digest(tissue),
        "region_sha256": None if region is None else region.sha256,
    }


@cache
def software_versions() -> dict[str, str]:
    """Versions of this package and of what pixels and files depend on, where installed."""
    found = {"wsi-idc": __version__}
    for name in _PIXELS_DEPEND_ON:
        # An OpenSlide that came with the system is no package.
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def outcome_of(info: SlideInfo, planned: PlannedTiles, guidance: Guidance) -> dict[str, Any]:
    """What came of it: the rest of the manifest."""
    plan, labelled, truth = planned.plan, planned.labelled, guidance.truth
    return {
        "read": {
            "file": info.file,
            "reader": info.reader,
            "mpp_source": info.mpp_source,
            "mpp_is_guess": info.mpp_is_guess,
        },
        "software": software_versions(),
        "counts": {
            "grid_cells": plan.grid.columns * plan.grid.rows,
            "patches": len(plan),
            "positive": int(np.count_nonzero(plan.label == 1)),
            "negative": int(np.count_nonzero(plan.label == 0)),
            "touched_by_idc": labelled.touched if labelled else 0,
            "border_left_out": labelled.border_left_out if labelled else 0,
            "ignored_left_out": labelled.ignored_left_out if labelled else 0,
        },
        "annotations": None if truth is None else truth.source,
        "warnings": [*info.warnings, *guidance.warnings, *planned.tissue.warnings],
        "tissue_mm2": round(planned.mask.area_mm2, 6),
        "pen_mm2": round(planned.tissue.pen_mm2, 6),
        "mask": asdict(planned.mask.placement),
    }


def earlier_run(manifest: Path) -> dict[str, Any] | None:
    """Read the manifest of a whole earlier run; None where there is none.

    Raises
    ------
    OutputError
        If it is damaged.
    """
    if not manifest.exists():
        return None
    try:
        content = read_json(manifest)
    except (OSError, ValueError) as error:
        raise OutputError(
            f"{manifest} cannot be read ({reason(error)}); replace the slide's patches "
            "with --overwrite"
        ) from error
    told = content.get("counts") if isinstance(content, dict) else None
    if not isinstance(told, dict) or not told.keys() >= _COUNTS or not content.keys() >= _TOLD:
        raise OutputError(f"{manifest} is no manifest; replace it with --overwrite")
    result: dict[str, Any] = content
    return result


def refuse_other(manifest: Path, done: dict[str, Any], request: dict[str, Any]) -> None:
    """Raise if an earlier run was of another slide, patient, truth or settings.

    Raises
    ------
    SettingsError
        With every difference by its name.
    """
    differing = differences({key: done.get(key) for key in request}, request)
    if differing:
        raise SettingsError(
            f"{manifest.parent} holds this slide tiled otherwise: {'; '.join(differing)}; "
            "replace it with --overwrite, or choose another place with --output"
        )
