"""Judging saved heatmaps against truth files, one or a cohort of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from wsi_idc.errors import ResultFolderError, SettingsError, reason
from wsi_idc.heatmap.result import SUMMARY, HeatmapResult, read_result, results_in
from wsi_idc.heatmap.truth import (
    LABEL_COLUMNS,
    TruthScores,
    Units,
    score,
    squares_um,
    units_of_cells,
    units_of_squares,
)
from wsi_idc.privacy import Pseudonyms, is_pseudonym
from wsi_idc.slides.info import Bounds, SlideInfo
from wsi_idc.tiling.annotated import AnnotationLabels
from wsi_idc.tiling.truth import truth_mask_from_image

if TYPE_CHECKING:
    from wsi_idc.annotations.placing import Origin

CELLS, SQUARES, OFF_THE_BORDER = "cells", "squares", " off the border"

_ANNOTATIONS = (".geojson", ".json", ".xml")
_TABLE = ".csv"
_IMAGES = (".png", ".tif", ".tiff", ".jpg", ".jpeg", ".bmp")
# What may stand between a slide's name and the ending of its truth.
_NAMED = ("", "_truth", "-truth", "_mask", "-mask", "_labels", "-labels", "_annotations")

_BY_KEY = ", or give the key of its hash with --anonymise-key"


@dataclass(frozen=True)
class JudgeSettings:
    """How a map is judged.

    Attributes
    ----------
    threshold : None takes that of the result's pictures.
    border_um : units closer than this to the truth's outline are left out of the second
        figures; None takes the side of the model's patch.
    positive_classes : classes of an annotation that are IDC; none take the usual names.
    origin : from which corner an annotation's coordinates count.
    """

    threshold: float | None = None
    border_um: float | None = None
    positive_classes: tuple[str, ...] = ()
    origin: Origin = "slide"

    def __post_init__(self) -> None:
        """Refuse a band that is none.

        Raises
        ------
        SettingsError
            If `border_um` is negative or no finite number.
        """
        if self.border_um is not None and not 0 <= self.border_um < float("inf"):
            raise SettingsError(
                f"the border band must be 0 µm or wider, not {self.border_um}; set it with "
                "--border-um"
            )


def judge_result(
    folder: Path, truth: Path, settings: JudgeSettings | None = None
) -> dict[str, TruthScores]:
    """Judge a result folder.

    Parameters
    ----------
    folder : what `wsi-idc heatmap` wrote for the slide.
    truth : a mask image over the slide's whole bounds (128 and more is IDC), annotations
        (GeoJSON, ASAP or ImageScope XML), or a CSV of labelled squares with the columns x, y
        (1-based), width, height, class, in pixels at the model's µm/px from the corner of
        the bounds.
    settings : None takes the defaults.

    Returns
    -------
    By what was judged: `cells` and `cells off the border`, or `squares` and `squares off the
    border` for a CSV.

    Raises
    ------
    ResultFolderError
        If the folder is no result.
    SettingsError, AnnotationError
        If the truth cannot be read or does not fit.
    """
    units = judged_units(folder, truth, settings or JudgeSettings())
    return {kind: score(judged) for kind, judged in units.items()}


def judged_units(folder: Path, truth: Path, settings: JudgeSettings) -> dict[str, Units]:
    """What `judge_result` judges, before figures are made of it."""
    result = read_result(folder)
    threshold = result.display.threshold if settings.threshold is None else settings.threshold
    model = result.request["model"]
    width = (
        float(model["patch_size_pixels"] * model["spacing_um_px"])
        if settings.border_um is None
        else settings.border_um
    )
    if truth.suffix.lower() == _TABLE:
        return _squares(result, truth, threshold, width)
    return _cells(result, truth, threshold, width, settings)


def result_folders(paths: list[Path]) -> list[Path]:
    """The result folders that paths stand for: themselves, or those directly in them.

    Raises
    ------
    ResultFolderError
        If one holds none.
    """
    found: list[Path] = []
    for path in paths:
        if (path / SUMMARY).is_file() or not path.is_dir():
            found.append(path)
            continue
        inside = results_in(path)
        if not inside:
            raise ResultFolderError(
                f"{path} is not a result folder (no {SUMMARY}) and holds none; give what "
                "`wsi-idc heatmap` wrote"
            )
        found += inside
    return list(dict.fromkeys(found))


def truth_of(result: Path, truths: Path, pseudonyms: Pseudonyms | None = None) -> Path:
    """The truth of a result: the file itself, or the one in a folder that is named for the slide.

    In a folder it is `<slide>.png`, `.geojson`, `.xml`, `.csv` and the like, or with `_truth`,
    `-labels` and the like after the slide's name. An image of just the slide's name gives way to
    any other: beside its truth it is the slide itself. Where the result's name is a hash, truths by
    the slide's own name are found by what hashed it.

    Raises
    ------
    SettingsError
        If there is none, or more than one.
    """
    if not truths.is_dir():
        return truths
    endings = (*_ANNOTATIONS, *_IMAGES, _TABLE)

    def is_named(file: Path, *parts: str) -> bool:
        names = (file.stem.removesuffix(part) for part in parts if file.stem.endswith(part))
        return any(_is_of(name, result.name, pseudonyms) for name in names)

    found = sorted(
        file
        for file in truths.iterdir()
        if file.suffix.lower() in endings and is_named(file, *_NAMED)
    )
    if len(found) > 1:
        found = [
            file for file in found if file.suffix.lower() not in _IMAGES or not is_named(file, "")
        ] or found
    if len(found) == 1:
        return found[0]
    if found:
        raise SettingsError(
            f"{truths} has {len(found)} truths of {result.name}: "
            f"{', '.join(file.name for file in found)}; keep one"
        )
    raise SettingsError(
        f"{truths} has no truth of {result.name}; name it {result.name}_truth.png, "
        f"{result.name}.geojson, {result.name}.xml or {result.name}-labels.csv"
        f"{_BY_KEY if is_pseudonym(result.name) else ''}"
    )


def _is_of(name: str, slide: str, pseudonyms: Pseudonyms | None) -> bool:
    return name == slide or (pseudonyms is not None and pseudonyms.slide(name) == slide)


def _squares(
    result: HeatmapResult, truth: Path, threshold: float, width_um: float
) -> dict[str, Units]:
    from wsi_idc.heatmap.border import in_band, squares_outline_um

    try:
        labels = pd.read_csv(truth).astype(dict.fromkeys(LABEL_COLUMNS, "float64"))
    except KeyError as error:
        raise SettingsError(
            f"{truth} lacks a column; needed are {', '.join(LABEL_COLUMNS)}"
        ) from error
    except (OSError, ValueError) as error:
        raise SettingsError(
            f"{truth} cannot be read as a table ({reason(error)}); give a CSV with the columns "
            f"{', '.join(LABEL_COLUMNS)}"
        ) from error
    if not labels["class"].isin([0, 1]).all():
        raise SettingsError(
            f"{truth} has a class that is neither 0 nor 1; correct its column class"
        )
    places = labels[["x", "y", "width", "height"]].to_numpy()
    if not (np.isfinite(places).all() and (places[:, 2:] > 0).all()):
        raise SettingsError(
            f"{truth} has a square without a place or a size above 0; correct x, y, width and "
            "height"
        )
    bounds = result.request["slide"]["bounds"]
    corner = (float(bounds["x"]), float(bounds["y"]))
    mpp = float(result.request["model"]["spacing_um_px"])
    edges = squares_um(labels, result.probability.placement, mpp, *corner)
    border = in_band(squares_outline_um(labels, edges), edges, width_um)
    return {
        kind: units_of_squares(
            result.probability,
            labels,
            mpp,
            threshold=threshold,
            origin_x=corner[0],
            origin_y=corner[1],
            border=left_out,
        )
        for kind, left_out in ((SQUARES, None), (SQUARES + OFF_THE_BORDER, border))
    }


def _cells(
    result: HeatmapResult, truth: Path, threshold: float, width_um: float, settings: JudgeSettings
) -> dict[str, Units]:
    from wsi_idc.annotations.areas import AnnotatedArea
    from wsi_idc.heatmap.border import cell_edges_um, in_band, outline_um
    from wsi_idc.slides.raster import SlideMask

    info = _slide_info(result)
    if truth.suffix.lower() in _ANNOTATIONS:
        labels = AnnotationLabels(truth, settings.positive_classes, origin=settings.origin)
        area = labels.truth(info).positive
    else:
        area = truth_mask_from_image(
            truth, name=result.name, bounds=info.bounds, mpp_x=info.mpp_x, mpp_y=info.mpp_y
        )
    if not isinstance(area, AnnotatedArea | SlideMask):
        raise TypeError(f"no outline is known of {type(area).__name__}")
    probability = result.probability
    here = probability.assessed
    border = np.zeros(here.shape, bool)
    border[here] = in_band(
        outline_um(area, probability.placement),
        cell_edges_um(probability)[here.ravel()],
        width_um,
    )
    return {
        kind: units_of_cells(probability, area, threshold, border=left_out)
        for kind, left_out in ((CELLS, None), (CELLS + OFF_THE_BORDER, border))
    }


def _slide_info(result: HeatmapResult) -> SlideInfo:
    """As much of the slide as a truth needs to find its place on it."""
    slide = result.request["slide"]
    return SlideInfo(
        path=Path(slide["file"]),
        name=slide["name"],
        reader=slide["reader"],
        vendor=slide["vendor"],
        width=slide["width_px"],
        height=slide["height_px"],
        mpp_x=slide["mpp_x"],
        mpp_y=slide["mpp_y"],
        mpp_source=slide["mpp_source"],
        mpp_is_guess=slide["mpp_is_guess"],
        objective_power=slide["objective_power"],
        levels=(),
        bounds=Bounds(**slide["bounds"]),
    )
