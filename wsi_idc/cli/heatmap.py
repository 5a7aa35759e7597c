"""`wsi-idc heatmap`: IDC probability maps of slides."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wsi_idc.cli.annotation_options import (
    AnnotationOrigin,
    AnnotationOriginOption,
    RoiGiven,
    RoiOption,
)
from wsi_idc.cli.cluster_options import (
    ClusterOptions,
    DaskConfigOption,
    DaskOption,
    DaskResourcesOption,
    DaskSchedulerFileOption,
)
from wsi_idc.cli.cohort_options import (
    CohortOptions,
    OnlyFailedOption,
    RecursiveOption,
    ShardOption,
    SlidesJsonOption,
    TimeoutOption,
    WorkersOption,
    dry_run_of,
    run_job,
    source_of,
)
from wsi_idc.cli.console import log, start_log, user_errors
from wsi_idc.cli.name_options import (
    AnonymiseKeyOption,
    AnonymiseNamesOption,
    AnonymiseOption,
    NameOptions,
)
from wsi_idc.cli.options import (
    Colormap,
    ColormapOption,
    DeviceOption,
    DryRunOption,
    EightBitOption,
    FloorOption,
    GeoJsonOrigin,
    GeoJsonOriginOption,
    IccOption,
    IsolateOption,
    LogFileOption,
    MinRegionOption,
    MinTissueOption,
    OpacityOption,
    OutlineOption,
    OverwriteOption,
    ParquetOption,
    Reader,
    ReaderOption,
    Runtime,
    RuntimeOption,
    SlideMppOption,
    SlidesArgument,
    SmoothOption,
    ThresholdOption,
    TissueMaskOption,
    TissueMethod,
    TissueOption,
    TtaOption,
    UpsamplingOption,
    WidthOption,
    slide_mpp_given,
)

if TYPE_CHECKING:
    from wsi_idc.cohort.table import CohortSlide
    from wsi_idc.cohort.task import SlideTask
    from wsi_idc.heatmap.scoring import ScoreSettings
    from wsi_idc.model.card import ModelCard

# Frozen ResNet50V2 on 50 px patches, measured on two cores with AVX2; for --dry-run only.
_PATCHES_PER_SECOND = 200


def _batch(given: str) -> int | None:
    """How many patches `--batch-size` asks for; None is `auto`."""
    if given == "auto":
        return None
    if not given.isdecimal() or int(given) < 1:
        raise typer.BadParameter(f"must be auto or a whole number of at least 1, not {given!r}")
    return int(given)


def _checked_batch(given: str) -> str:
    _batch(given)
    return given


@user_errors
def heatmap(
    slides: SlidesArgument,
    output: Annotated[
        Path,
        typer.Option(
            "--output", "-o", help="Folder for a result folder per slide.", show_default=False
        ),
    ],
    model: Annotated[
        Path | None,
        typer.Option(
            "--model",
            "-m",
            help="A folder that `wsi-idc train` or `wsi-idc model pack` wrote.",
            show_default="the model in the package",
        ),
    ] = None,
    stride: Annotated[
        int | None,
        typer.Option(
            "--stride",
            min=1,
            help="Pixels from patch to patch; the side of a map's cell.",
            show_default="half a patch",
        ),
    ] = None,
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
    min_tissue: MinTissueOption = 0.15,
    tissue: TissueOption = TissueMethod.HED,
    tissue_mask: TissueMaskOption = None,
    tta: TtaOption = False,
    roi: RoiOption = None,
    annotation_origin: AnnotationOriginOption = AnnotationOrigin.SLIDE,
    batch_size: Annotated[
        str,
        typer.Option(
            help="Patches scored at a time; auto suits it to the device.", callback=_checked_batch
        ),
    ] = "auto",
    reader: ReaderOption = Reader.AUTO,
    slide_mpp: SlideMppOption = None,
    icc: IccOption = False,
    isolate: IsolateOption = False,
    allow_upsampling: UpsamplingOption = False,
    device: DeviceOption = "auto",
    runtime: RuntimeOption = Runtime.AUTO,
    recursive: RecursiveOption = False,
    workers: WorkersOption = None,
    timeout: TimeoutOption = None,
    shard: ShardOption = None,
    dask: DaskOption = None,
    dask_scheduler_file: DaskSchedulerFileOption = None,
    dask_config: DaskConfigOption = None,
    dask_resources: DaskResourcesOption = None,
    only_failed: OnlyFailedOption = False,
    anonymise: AnonymiseOption = False,
    anonymise_key: AnonymiseKeyOption = None,
    anonymise_names: AnonymiseNamesOption = None,
    as_json: SlidesJsonOption = False,
    dry_run: DryRunOption = False,
    overwrite: OverwriteOption = False,
    log_file: LogFileOption = None,
) -> None:
    """Score the tissue of slides and map the probability of IDC.

    Slides are read at the model's µm/px. OUTPUT/<slide> gets overlay.png and report.html to
    look at, probability.ome.tif with the values, scores.csv, summary.json and more. A slide
    that fails does not stop the rest.
    """
    start_log(log_file, held_back=anonymise)
    from wsi_idc.cohort.heatmap_job import HeatmapJob
    from wsi_idc.cohort.task import SlideTask
    from wsi_idc.heatmap.scoring import ScoreSettings
    from wsi_idc.model.folder import model_folder, read_card
    from wsi_idc.model.scorer import load_model
    from wsi_idc.tissue import TissueSettings, check_given, given_for

    cluster = ClusterOptions(dask, dask_scheduler_file, dask_config, dask_resources)
    names = NameOptions(anonymise, anonymise_key, anonymise_names)
    options = CohortOptions(
        recursive, workers, timeout, shard, cluster, as_json, only_failed, names
    )
    options.check()
    settings = ScoreSettings(
        stride, min_tissue, allow_upsampling, tta, TissueSettings(method=tissue.value)
    )
    card = read_card(model_folder(model))
    settings.step(card.patch_size_pixels)
    display = display_settings(colormap, opacity, floor, outline, smooth, width)
    microns = slide_mpp_given(slide_mpp)
    export = export_settings(min_region, geojson_origin, parquet, eight_bit)
    found = options.slides(slides, output)
    check_given(tissue_mask, len(found))
    region = RoiGiven(roi, annotation_origin)
    region.check(len(found))

    def task_of(slide: CohortSlide) -> SlideTask:
        return SlideTask(
            source_of(slide, reader, microns, icc, isolate),
            tissue=given_for(slide.alias, tissue_mask, slide.also),
            roi=region.of(slide),
        )

    mine = options.share(found, output)
    if dry_run:
        raise typer.Exit(dry_run_of(mine, lambda slide: _say_plan(task_of(slide), card, settings)))
    load = partial(
        load_model, model, device=device, runtime=runtime.value, batch_size=_batch(batch_size)
    )
    job = HeatmapJob(output, card, load, settings, threshold, display, export, overwrite)
    raise typer.Exit(run_job(job, mine, task_of, options))


def display_settings(
    colormap: Colormap | None,
    opacity: float | None,
    floor: float | None,
    outline: bool | None,
    smooth: bool | None,
    width: int | None,
) -> dict[str, object]:
    """The options of a picture that were given, by the names of `OverlaySettings`."""
    return _given(
        colormap=None if colormap is None else colormap.value,
        opacity=opacity,
        floor=floor,
        outline=outline,
        smooth=smooth,
        width_px=width,
    )


def export_settings(
    min_region: float | None,
    geojson_origin: GeoJsonOrigin | None,
    parquet: bool | None,
    eight_bit: bool | None,
) -> dict[str, object]:
    """The options of regions and files that were given, by the names of `ExportSettings`."""
    return _given(
        min_region_mm2=min_region,
        geojson_origin=None if geojson_origin is None else geojson_origin.value,
        parquet=parquet,
        eight_bit_map=eight_bit,
    )


def _given(**options: object) -> dict[str, object]:
    return {name: value for name, value in options.items() if value is not None}


def _say_plan(task: SlideTask, card: ModelCard, settings: ScoreSettings) -> None:
    from wsi_idc.heatmap.scoring import plan_slide
    from wsi_idc.tiling.estimate import plan_report

    source = task.source
    with source.open() as slide:
        region, said = (None, ()) if task.roi is None else task.roi.area(slide.info)
        planned = plan_slide(slide, card, settings, task.tissue, region)
    for warning in (*planned.info.warnings, *said, *planned.tissue.warnings):
        log.warning("%s: warning: %s", task.name, warning)
    typer.echo(
        plan_report(
            source,
            planned.plan,
            planned.info,
            planned.tissue_mm2,
            patches_per_second=_PATCHES_PER_SECOND,
        )
    )
