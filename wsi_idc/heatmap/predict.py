"""`predict_slide`: the whole way from a slide file to its result folder."""

from __future__ import annotations

import platform
import shutil
import time
from dataclasses import asdict, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

import wsi_idc
from wsi_idc.errors import ResultFolderError, reason
from wsi_idc.files import whole_folder
from wsi_idc.heatmap.aggregate import aggregate
from wsi_idc.heatmap.blending import OverlaySettings
from wsi_idc.heatmap.export.settings import ExportSettings
from wsi_idc.heatmap.probability_map import ProbabilityMap, column_of, label_of
from wsi_idc.heatmap.report import read_close_ups
from wsi_idc.heatmap.result import (
    GEOJSON,
    HeatmapResult,
    draw_result,
    read_result,
    read_run,
    read_summary,
    write_result,
    write_scores,
)
from wsi_idc.heatmap.scoring import (
    PlannedSlide,
    ScoreSettings,
    SlideScores,
    plan_slide,
    score_slide,
)
from wsi_idc.progress import Progress
from wsi_idc.rerun import differences
from wsi_idc.slides import SlideLike, as_source, info_json
from wsi_idc.slides.fingerprint import slide_fingerprint
from wsi_idc.slides.info import SlideInfo
from wsi_idc.slides.raster import SlideMask
from wsi_idc.tiling.layout import check_text_name
from wsi_idc.tissue import mask_digest, read_given

if TYPE_CHECKING:
    from wsi_idc.annotations.areas import AnnotatedArea
    from wsi_idc.annotations.roi import RegionOfInterest
    from wsi_idc.model.card import ModelCard
    from wsi_idc.model.scorer import Scorer


def predict_slide(
    source: SlideLike,
    scorer: Scorer,
    output: str | Path | None = None,
    settings: ScoreSettings | None = None,
    *,
    tissue: SlideMask | Path | None = None,
    roi: RegionOfInterest | None = None,
    threshold: float | None = None,
    display: dict[str, Any] | None = None,
    export: dict[str, Any] | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> HeatmapResult:
    """Score a slide and write its result folder, `output`, if there is to be one.

    Run again with the same slide, model and settings, it scores nothing; where `threshold` or
    `display` ask for another picture, or `export` for other files, they are made again.

    Parameters
    ----------
    source : the slide, or its file.
    scorer : the model.
    output : the slide's result folder; it appears whole. None writes nothing.
    settings : how to score; None takes the defaults.
    tissue : where tissue is, as a mask or its file; None finds it as `settings.tissue` says.
    roi : score the patches whose centre lies in this region only, and map the cells whose centre
        does; None takes all.
    threshold : probability from which on a cell counts as IDC; None takes the model's.
    display : fields of `OverlaySettings` that differ from its defaults.
    export : fields of `ExportSettings` that differ from its defaults.
    overwrite : replace a result of another slide, model or settings.
    progress : called with the patches scored and the patches to score.

    Raises
    ------
    SlideError
        If the slide cannot be read, does not say its µm/px, or has no tissue.
    SettingsError
        If a setting cannot be used.
    ResultFolderError
        If `output` holds a result of another slide, model or settings.
    OutputError
        If `output` cannot be written.
    """
    settings = settings or ScoreSettings()
    source = as_source(source)
    output = None if output is None else Path(output)
    card = scorer.card
    display = dict(display or {})
    if threshold is not None:
        display["threshold"] = threshold
    overlay = OverlaySettings(**{"threshold": card.threshold, **display})
    exporting = ExportSettings(**(export or {}))
    began = time.monotonic()
    with source.open() as slide:
        if output is not None:
            check_text_name(slide.info.name, "slide name")
        if isinstance(tissue, Path):
            tissue = read_given(tissue, slide.info, card.patch_size_pixels * card.spacing_um_px)
        region, said = (None, ()) if roi is None else roi.area(slide.info)
        request = _request(slide.info, card, settings, tissue, region)
        if output is not None and _is_done(output, request, overwrite=overwrite):
            return _drawn_again(output, display, export or {}, only_if_changed=True)
        planned = plan_slide(slide, card, settings, tissue, region)
    scores = score_slide(
        source,
        planned.plan,
        scorer,
        tta=settings.tta,
        progress=progress,
        overview=planned.overview,
    )

    def mapped(probability: NDArray[np.float32], class_name: str) -> ProbabilityMap:
        cells = aggregate(
            planned.plan,
            probability,
            tissue=planned.tissue.mask,
            min_cell_tissue=settings.min_tissue,
            region=region,
        )
        return replace(cells, class_name=label_of(class_name))

    result = HeatmapResult(
        request=request,
        probability=mapped(scores.probability, card.shown_class),
        others=tuple(mapped(values, name) for name, values in scores.others.items()),
        picture=planned.picture,
        patches=len(planned.plan),
        tissue_mm2=planned.tissue_mm2,
        display=overlay,
        warnings=(*said, *_warnings(planned, scores)),
        tissue=planned.tissue.mask.within(planned.region),
        export=exporting,
    )
    with source.open() as slide:
        result = replace(result, close_ups=read_close_ups(slide, result))
    if output is None:
        return result
    with whole_folder(output) as folder:
        shown = {result.probability.measure: scores.probability}
        others = {column_of(label_of(name)): values for name, values in scores.others.items()}
        write_scores(folder, planned.plan, shown | others)
        write_result(folder, result, _run(request, scorer.runtime, time.monotonic() - began))
    return result


def render_again(
    folder: str | Path,
    *,
    threshold: float | None = None,
    export: dict[str, Any] | None = None,
    **display: Any,
) -> HeatmapResult:
    """Make what depends on the threshold again from a saved map, without slide or model.

    Parameters
    ----------
    folder : the result folder; its pictures, regions and summary are replaced, all at once.
    threshold : the new threshold; None keeps the old one.
    export : fields of `ExportSettings` to change.
    display : other fields of `OverlaySettings` to change.

    Raises
    ------
    ResultFolderError
        If the folder is no result folder.
    SettingsError
        If a value cannot be used.
    """
    if threshold is not None:
        display["threshold"] = threshold
    return _drawn_again(Path(folder), display, export or {})


def _drawn_again(
    folder: Path,
    display: dict[str, Any],
    export: dict[str, Any],
    *,
    only_if_changed: bool = False,
) -> HeatmapResult:
    before = read_result(folder)
    result = replace(
        before,
        display=replace(before.display, **display),
        export=replace(before.export, **export),
    )
    unchanged = (before.display, before.export) == (result.display, result.export)
    if only_if_changed and unchanged and (folder / GEOJSON).exists():
        return before
    # Pictures and summary go together: a kill between them must not leave them apart.
    with whole_folder(folder) as new:
        try:
            # Links as links: what one leads to may have no end.
            shutil.copytree(folder, new, symlinks=True, dirs_exist_ok=True)
        except shutil.Error as error:  # it has a list of all, each with why
            name, _, why = error.args[0][0]
            raise ResultFolderError(
                f"{name} cannot be copied ({why}); remove it, or make the heatmap again"
            ) from error
        try:
            draw_result(new, result, read_run(folder))
        except (KeyError, TypeError) as error:  # what earlier versions did not write is None, too
            raise ResultFolderError(
                f"{folder} lacks what its report tells ({reason(error)}); make the heatmap again"
            ) from error
    return result


def _is_done(output: Path, request: dict[str, Any], *, overwrite: bool) -> bool:
    """Whether `output` is the result of this very request and is to be kept.

    Raises
    ------
    ResultFolderError
        If it is the result of another one and not to be replaced, or is no result: a slide
        may have its pixels in a folder of its own name.
    """
    if not output.exists() or (output.is_dir() and not any(output.iterdir())):
        return False
    summary = read_summary(output)
    if overwrite:
        return False
    before = {key: summary.get(key) for key in request}
    if differing := differences(before, request):
        raise ResultFolderError(
            f"{output} holds a result made otherwise: {'; '.join(differing)}; replace it with "
            "--overwrite, or choose another place with --output"
        )
    return True


def _request(
    info: SlideInfo,
    card: ModelCard,
    settings: ScoreSettings,
    tissue: SlideMask | None,
    region: AnnotatedArea | None,
) -> dict[str, Any]:
    """What decides the map, as it stands in the summary and is compared by a rerun."""
    return {
        "slide": {**info_json(info), "fingerprint": slide_fingerprint(info.path)},
        "model": {
            "name": card.name,
            "weights_sha256": card.weights.sha256,
            "calibration": card.calibration.model_dump(),
            "spacing_um_px": card.spacing_um_px,
            "patch_size_pixels": card.patch_size_pixels,
            **_classes(card),
        },
        "settings": {
            **asdict(settings),
            "stride": settings.step(card.patch_size_pixels),
            "tissue_mask_sha256": None if tissue is None else mask_digest(tissue),
            "region_sha256": None if region is None else region.sha256,
        },
    }


def _classes(card: ModelCard) -> dict[str, Any]:
    """What a packed model's classes are; the others' is IDC, which goes without saying."""
    if card.architecture != "keras":
        return {}
    return {"class_names": list(card.class_names), "shown_class": card.shown_class}


def _warnings(planned: PlannedSlide, scores: SlideScores) -> tuple[str, ...]:
    warnings = [*planned.info.warnings, scores.stain_warning, *planned.tissue.warnings]
    return tuple(warning for warning in warnings if warning)


def _run(request: dict[str, Any], runtime: str, seconds: float) -> dict[str, Any]:
    """What made the result: enough to make it again, and nothing of the machine's name."""
    computing = ("tensorflow", "keras") if runtime == "tensorflow" else (runtime,)
    packages = (*computing, "numpy", "scipy", "openslide-python", "pillow", "tifffile")
    slide, model = request["slide"], request["model"]
    told = ("name", "fingerprint", "reader", "mpp_x", "mpp_y", "mpp_source")
    return {
        "slide": {key: slide[key] for key in told},
        "model": {key: model[key] for key in ("name", "weights_sha256")},
        "settings": request["settings"],
        "runtime": runtime,
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "seconds": round(seconds, 2),
        "versions": {
            "wsi_idc": wsi_idc.__version__,
            "python": platform.python_version(),
            **{name: version(name) for name in packages},
        },
    }
