"""`wsi-idc render`: draw saved maps again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from wsi_idc.cli.console import log, report, start_log, user_errors
from wsi_idc.cli.heatmap import display_settings, export_settings
from wsi_idc.cli.options import (
    ColormapOption,
    EightBitOption,
    FloorOption,
    GeoJsonOriginOption,
    MinRegionOption,
    OpacityOption,
    OutlineOption,
    ParquetOption,
    SmoothOption,
    ThresholdOption,
    WidthOption,
)


@user_errors
def render(
    results: Annotated[
        list[Path],
        typer.Argument(
            help="Result folders of `wsi-idc heatmap`, or folders of them.", show_default=False
        ),
    ],
    threshold: ThresholdOption = None,
    colormap: ColormapOption = None,
    opacity: OpacityOption = None,
    floor: FloorOption = None,
    outline: OutlineOption = None,
    smooth: SmoothOption = None,
    width: WidthOption = None,
    min_region: MinRegionOption = None,
    geojson_origin: GeoJsonOriginOption = None,
    parquet: ParquetOption = None,
    eight_bit: EightBitOption = None,
) -> None:
    """Draw heatmaps again with another threshold or other colours, without slide or model.

    Replaces the pictures, the report, regions, GeoJSON and the areas in summary.json; what
    is not given stays as it was.
    """
    start_log()
    from wsi_idc.cohort.heatmap_job import result_in_words
    from wsi_idc.cohort.inputs import find_results
    from wsi_idc.cohort.run import exit_status, run_slides
    from wsi_idc.heatmap.predict import render_again

    display = display_settings(colormap, opacity, floor, outline, smooth, width)
    export = export_settings(min_region, geojson_origin, parquet, eight_bit)

    def step(folder: Path) -> None:
        result = render_again(folder, threshold=threshold, export=export, **display)
        log.info("%s", result_in_words(result, folder))
        for warning in result.warnings:
            log.warning("%s: warning: %s", result.name, warning)

    outcomes = run_slides(find_results(results), step, lambda path, error: report(error, path))
    raise typer.Exit(exit_status(outcomes))
