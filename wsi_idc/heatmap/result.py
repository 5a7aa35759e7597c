"""A slide's result folder: what it holds, and its way back for drawing again.

::

    RESULT/
      overlay.png           the slide with the map on it, to look at
      overlay_and_slide.png the bare slide and the overlay side by side
      report.html           all of it on one page, for a browser and for printing
      probability.ome.tif   the map's values, float32, NaN where nothing was assessed
      probability_8bit.ome.tif  the map in 8 bits, where it was asked for
      scores.csv            every scored patch: minx, miny, width, height (level-0 px), prob_idc
      scores.parquet        the same, where it was asked for
      regions.csv           groups of positive cells, the largest first
      heatmap.geojson       regions and cells for QuPath
      thumbnail.png         the bare slide
      tissue.png            where the tissue is: 255, glass: 0
      classes/              maps and overlays of a packed model's other classes
      close-up-1.jpg …      places of the bare slide at a higher power, for the report
      summary.json          slide, model, settings, areas
      run.json              versions and times: all that differs between identical runs

The folder appears whole. A map can be drawn again from it without the slide and the model.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

from wsi_idc.errors import ResultFolderError, reason
from wsi_idc.files import make_folder, read_json, whole_file, write_json
from wsi_idc.heatmap.blending import OverlaySettings
from wsi_idc.heatmap.export.geojson import GeoJsonFrame, write_geojson
from wsi_idc.heatmap.export.ome_tiff import read_ome_tiff, write_ome_tiff
from wsi_idc.heatmap.export.regions import write_regions_csv
from wsi_idc.heatmap.export.scores import read_scores_csv, write_scores_csv, write_scores_parquet
from wsi_idc.heatmap.export.settings import ExportSettings
from wsi_idc.heatmap.probability_map import ProbabilityMap, label_of
from wsi_idc.heatmap.regions import Region, find_regions
from wsi_idc.heatmap.render import render_overlay, write_png
from wsi_idc.heatmap.report import CloseUp, write_report
from wsi_idc.heatmap.saved_summary import problem_of
from wsi_idc.heatmap.summary import MapSummary, summarise
from wsi_idc.slides.display import jpeg_bytes
from wsi_idc.slides.info import Bounds
from wsi_idc.slides.pictures import opened_picture
from wsi_idc.slides.raster import Placement, SlideMask, SlidePicture
from wsi_idc.tiling.plan import PatchPlan

FORMAT = "wsi-idc heatmap 1"
SUMMARY, RUN = "summary.json", "run.json"
MAP, SCORES, REGIONS = "probability.ome.tif", "scores.csv", "regions.csv"
MAP_8BIT, PARQUET, GEOJSON = "probability_8bit.ome.tif", "scores.parquet", "heatmap.geojson"
THUMBNAIL, TISSUE, CLOSE_UP = "thumbnail.png", "tissue.png", "close-up-{}.jpg"
CLASSES, CLASS_MAP, CLASS_OVERLAY = "classes", "classes/{}.ome.tif", "classes/{}.png"
OVERLAY, SIDE_BY_SIDE, REPORT = "overlay.png", "overlay_and_slide.png", "report.html"

MOST_PIXELS = 400_000_000
"""Pixels of the largest picture that is kept, 20,000 px a side."""


@dataclass(frozen=True, eq=False, repr=False)
class HeatmapResult:
    """A slide's map with what is needed to draw and to judge it.

    Attributes
    ----------
    request : what decided the map: slide, model and settings, as `summary.json` has them.
    probability : the map.
    picture : the bare slide.
    patches : how many patches were scored.
    tissue_mm2 : area of the tissue.
    display : how it was last drawn.
    warnings : what a reader of the map should know, such as a guessed µm/px.
    tissue : where the tissue is, within the region of interest; None in older results.
    export : how regions and files for other tools are written.
    close_ups : places of the slide at a higher power, for the report.
    others : maps of a packed model's other classes.
    """

    request: dict[str, Any]
    probability: ProbabilityMap
    picture: SlidePicture
    patches: int
    tissue_mm2: float
    display: OverlaySettings
    warnings: tuple[str, ...] = ()
    tissue: SlideMask | None = None
    export: ExportSettings = field(default_factory=ExportSettings)
    close_ups: tuple[CloseUp, ...] = ()
    others: tuple[ProbabilityMap, ...] = ()

    @property
    def name(self) -> str:
        """The slide's name."""
        return str(self.request["slide"]["name"])

    def overlay(self) -> Image.Image:
        """Draw the map over the slide, as `overlay.png` has it."""
        return self._drawn(self.probability)

    def _drawn(self, probability: ProbabilityMap, *, side_by_side: bool = False) -> Image.Image:
        model = self.request["model"]
        return render_overlay(
            self.picture,
            probability,
            settings=self.display,
            title=self.name,
            model_name=model["name"],
            mpp=model["spacing_um_px"],
            side_by_side=side_by_side,
        )

    def _repr_jpeg_(self) -> bytes:
        """Show the overlay in a notebook."""
        return jpeg_bytes(np.asarray(self.overlay()))

    def __repr__(self) -> str:
        """Say what it is in a line, without its arrays."""
        rows, columns = self.probability.values.shape
        return f"<HeatmapResult {self.name!r}: {rows} x {columns} cells, {self.patches} patches>"

    @cached_property
    def summary(self) -> MapSummary:
        """Areas and extremes at the threshold of `display`."""
        return summarise(
            self.probability,
            threshold=self.display.threshold,
            patches=self.patches,
            tissue_area_mm2=self.tissue_mm2,
            tissue=self.tissue,
            min_region_mm2=self.export.min_region_mm2,
        )

    @cached_property
    def regions(self) -> tuple[Region, ...]:
        """Groups of cells at or above the threshold of `display`, the largest first."""
        return find_regions(
            self.probability,
            self.display.threshold,
            min_area_mm2=self.export.min_region_mm2,
        )


def write_result(folder: Path, result: HeatmapResult, run: dict[str, Any]) -> None:
    """Write all files of a result but the scores, which must be there, into a folder."""
    write_ome_tiff(folder / MAP, result.probability, result.name)
    for other in result.others:
        make_folder(folder / CLASSES)
        write_ome_tiff(folder / CLASS_MAP.format(other.class_name), other, result.name)
    write_png(folder / THUMBNAIL, Image.fromarray(result.picture.pixels))
    if result.tissue is not None:
        write_png(folder / TISSUE, Image.fromarray(np.uint8(255) * result.tissue.values))
    for number, close_up in enumerate(result.close_ups, start=1):
        with whole_file(folder / CLOSE_UP.format(number)) as temporary:
            temporary.write_bytes(close_up.jpeg)
    draw_result(folder, result, run)
    write_json(folder / RUN, run)


def draw_result(folder: Path, result: HeatmapResult, run: dict[str, Any]) -> None:
    """Write pictures, report and regions of a result, and the summary that goes with them.

    `run` is what stands, or will stand, in `run.json`; the report tells its versions and, since
    identical runs give identical reports, nothing else of it.
    """
    write_png(folder / OVERLAY, result.overlay())
    write_png(folder / SIDE_BY_SIDE, result._drawn(result.probability, side_by_side=True))
    for other in result.others:
        write_png(folder / CLASS_OVERLAY.format(other.class_name), result._drawn(other))
    _write_exports(folder, result)
    write_report(folder / REPORT, result, run["versions"])
    write_json(
        folder / SUMMARY,
        {
            "format": FORMAT,
            **result.request,
            "results": _rounded(asdict(result.summary)),
            "display": asdict(result.display),
            "export": asdict(result.export),
            "tissue": None if result.tissue is None else asdict(result.tissue.placement),
            "thumbnail": asdict(result.picture.placement),
            "close_ups": [close_up.description() for close_up in result.close_ups],
            "warnings": list(result.warnings),
        },
    )


def _write_exports(folder: Path, result: HeatmapResult) -> None:
    """Write regions and files for other tools; remove those that are no longer asked for."""
    export = result.export
    slide = result.request["slide"]
    write_regions_csv(folder / REGIONS, result.regions)
    write_geojson(
        folder / GEOJSON,
        result.probability,
        result.regions,
        threshold=result.display.threshold,
        frame=GeoJsonFrame(export.geojson_origin, Bounds(**slide["bounds"])),
        name=result.name,
        identity={
            "slide": slide["fingerprint"],
            "model": result.request["model"],
            "settings": result.request["settings"],
            "min_region_mm2": export.min_region_mm2,
        },
    )
    if export.parquet:
        write_scores_parquet(folder / PARQUET, read_scores_csv(folder / SCORES))
    if export.eight_bit_map:
        write_ome_tiff(folder / MAP_8BIT, result.probability, result.name, eight_bit=True)
    for file, wanted in ((PARQUET, export.parquet), (MAP_8BIT, export.eight_bit_map)):
        if not wanted:
            (folder / file).unlink(missing_ok=True)


def write_scores(
    folder: Path, plan: PatchPlan, probabilities: Mapping[str, NDArray[np.float32]]
) -> None:
    """Write the scores of a plan's N patches, float32 [N] by the names of their columns."""
    table = pd.DataFrame(
        {
            "minx": plan.x_level0,
            "miny": plan.y_level0,
            "width": plan.grid.patch_width_level0,
            "height": plan.grid.patch_height_level0,
            **probabilities,
        }
    )
    write_scores_csv(folder / SCORES, table)


def results_in(folder: Path) -> list[Path]:
    """The result folders right in a folder, by name."""
    found = sorted(file.parent for file in folder.glob(f"*/{SUMMARY}"))
    # What a killed run left beside a result begins with a dot.
    return [result for result in found if not result.name.startswith(".")]


def read_summary(folder: Path) -> dict[str, Any]:
    """Read the summary of a result folder.

    Raises
    ------
    ResultFolderError
        If the folder is none.
    """
    path = folder / SUMMARY
    if not path.is_file():
        raise ResultFolderError(
            f"{folder} is not a result folder (no {SUMMARY}); give what `wsi-idc heatmap` wrote "
            "for one slide"
        )
    summary = _read_json(path)
    if (format := summary.get("format")) != FORMAT:
        raise ResultFolderError(
            f"{path} has the format {str(format)[:40]!r}, and this version reads {FORMAT!r}; "
            "make the heatmap again, or use the version that made it"
        )
    if problem := problem_of(summary):
        raise ResultFolderError(f"{path} is damaged ({problem}); make the heatmap again")
    return summary


def read_run(folder: Path) -> dict[str, Any]:
    """Read versions and times of the run that made a result folder.

    Raises
    ------
    ResultFolderError
        If there are none.
    """
    run = _read_json(_file(folder, RUN))
    if not isinstance(run.get("versions"), dict):
        raise ResultFolderError(f"{folder / RUN} tells no versions; make the heatmap again")
    return run


def read_result(folder: str | Path) -> HeatmapResult:
    """Read a result folder back.

    Raises
    ------
    ResultFolderError
        If the folder is none, or a file in it is missing or damaged.
    """
    folder = Path(folder)
    summary = read_summary(folder)
    model = summary["model"]
    shown = model.get("shown_class", "idc")
    probability = _read_map(folder / MAP, shown)
    others = [name for name in model.get("class_names", ()) if name != shown]
    try:
        with opened_picture(_file(folder, THUMBNAIL), MOST_PIXELS, ("PNG",)) as image:
            pixels = np.asarray(image.convert("RGB"))
        return HeatmapResult(
            request={key: summary[key] for key in ("slide", "model", "settings")},
            probability=probability,
            picture=SlidePicture(pixels, Placement(**summary["thumbnail"])),
            patches=summary["results"]["patches"],
            tissue_mm2=summary["results"]["tissue_mm2"],
            display=OverlaySettings(**summary["display"]),
            warnings=tuple(summary["warnings"]),
            tissue=_read_tissue(folder, summary.get("tissue")),
            export=ExportSettings(**summary.get("export", {})),
            close_ups=tuple(
                CloseUp.from_description(_file(folder, CLOSE_UP.format(number)).read_bytes(), about)
                for number, about in enumerate(summary.get("close_ups", []), start=1)
            ),
            others=tuple(
                _read_map(folder / CLASS_MAP.format(label_of(name)), name) for name in others
            ),
        )
    except ResultFolderError:
        raise
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise ResultFolderError(
            f"{folder} is damaged ({reason(error)}); make the heatmap again"
        ) from error


def _read_map(path: Path, class_name: str) -> ProbabilityMap:
    return replace(read_ome_tiff(path), class_name=label_of(class_name))


def _read_tissue(folder: Path, placement: dict[str, float] | None) -> SlideMask | None:
    if placement is None:
        return None
    with opened_picture(_file(folder, TISSUE), MOST_PIXELS, ("PNG",)) as image:
        return SlideMask(np.asarray(image.convert("L")) >= 128, Placement(**placement))


def _file(folder: Path, name: str) -> Path:
    """A file of a result; what is none, such as a pipe or a device, would be read for ever."""
    path = folder / name
    if not path.is_file():
        raise ResultFolderError(f"{folder} lacks its file {name}; make the heatmap again")
    return path


def _read_json(path: Path) -> dict[str, Any]:
    try:
        return dict(read_json(path))
    except (OSError, ValueError, TypeError, RecursionError) as error:
        raise ResultFolderError(
            f"{path} cannot be read ({reason(error)}); make the heatmap again"
        ) from error


def _rounded(values: dict[str, Any]) -> dict[str, Any]:
    return {
        key: round(value, 6) if isinstance(value, float) else value for key, value in values.items()
    }
