"""`wsi-idc tile`: cut slides into patches."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wsi_idc.cli.annotation_options import (
    AnnotationOrigin,
    AnnotationOriginOption,
    AnnotationsOption,
    IgnoreClassOption,
    Labelling,
    PositiveClassOption,
    RoiGiven,
    RoiOption,
    UnannotatedNegativeOption,
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
    DryRunOption,
    IccOption,
    IsolateOption,
    LogFileOption,
    MinTissueOption,
    OverwriteOption,
    Reader,
    ReaderOption,
    SlideMppOption,
    SlidesArgument,
    TissueMaskOption,
    TissueMethod,
    TissueOption,
    UpsamplingOption,
    slide_mpp_given,
)
from wsi_idc.errors import SettingsError

if TYPE_CHECKING:
    from wsi_idc.cohort.table import CohortSlide
    from wsi_idc.cohort.task import SlideTask
    from wsi_idc.tiling.settings import TileSettings


class Format(StrEnum):
    """What patches are written as; a test keeps them those of `tiling.formats`."""

    PNG = "png"
    H5 = "h5"
    TFRECORD = "tfrecord"
    COORDS = "coords"


@user_errors
def tile(
    slides: SlidesArgument,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder for the patches.", show_default=False)
    ],
    mpp: Annotated[
        float | None,
        typer.Option(
            "--mpp",
            help="Microns per pixel of the patches.",
            show_default="8, the scale of the public IDC patches",
        ),
    ] = None,
    magnification: Annotated[
        float | None,
        typer.Option(
            "--magnification",
            help="The same by another name: 40 is 0.25 µm/px, 1.25 is 8.",
            show_default=False,
        ),
    ] = None,
    patch_size: Annotated[
        int, typer.Option("--patch-size", min=1, help="Side of a patch in pixels.")
    ] = 50,
    stride: Annotated[
        int | None,
        typer.Option(
            "--stride", min=1, help="Pixels from patch to patch.", show_default="the patch size"
        ),
    ] = None,
    patch_format: Annotated[
        Format,
        typer.Option(
            "--format",
            help="png: a file a patch; h5 or tfrecord: one file a slide; coords: positions only, "
            "for which train and evaluate read the slides.",
        ),
    ] = Format.PNG,
    min_tissue: MinTissueOption = 0.15,
    tissue: TissueOption = TissueMethod.HED,
    tissue_mask: TissueMaskOption = None,
    truth_mask: Annotated[
        Path | None,
        typer.Option(
            "--truth-mask",
            help="Image over the whole slide, white where IDC is; labels the patches. For "
            "several slides, a folder of <slide>.png or <slide>_truth.png.",
            show_default=False,
        ),
    ] = None,
    min_overlap: Annotated[
        float,
        typer.Option(
            "--min-overlap", min=0, max=1, help="A patch is IDC from this share of truth on."
        ),
    ] = 0.8,
    exclude_border: Annotated[
        bool,
        typer.Option("--exclude-border", help="Leave out patches with some truth but less."),
    ] = False,
    annotations: AnnotationsOption = None,
    positive_class: PositiveClassOption = None,
    ignore_class: IgnoreClassOption = None,
    unannotated_negative: UnannotatedNegativeOption = False,
    annotation_origin: AnnotationOriginOption = AnnotationOrigin.SLIDE,
    roi: RoiOption = None,
    patients: Annotated[
        Path | None,
        typer.Option(
            "--patients",
            help="CSV with the columns slide and patient; it must name every slide.",
            show_default="each slide is a patient of its own",
        ),
    ] = None,
    reader: ReaderOption = Reader.AUTO,
    slide_mpp: SlideMppOption = None,
    icc: IccOption = False,
    isolate: IsolateOption = False,
    allow_upsampling: UpsamplingOption = False,
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
    """Cut the tissue of slides into patches, with an index, a mask and pictures of them.

    PNG patches lie in OUTPUT as `<patient>/<class>/<slide>_x<X>_y<Y>_class<C>.png`; the files
    of other formats, index, mask and pictures in OUTPUT/slides/<slide>. `wsi-idc train` reads
    any of them.
    """
    start_log(log_file, held_back=anonymise)
    from wsi_idc.cohort.task import SlideTask
    from wsi_idc.cohort.tile_job import TileJob
    from wsi_idc.tiling.settings import TileSettings
    from wsi_idc.tissue import TissueSettings, check_given, given_for

    cluster = ClusterOptions(dask, dask_scheduler_file, dask_config, dask_resources)
    names = NameOptions(anonymise, anonymise_key, anonymise_names)
    options = CohortOptions(
        recursive, workers, timeout, shard, cluster, as_json, only_failed, names
    )
    options.check()
    settings = TileSettings(
        mpp=_target_mpp(mpp, magnification),
        patch_size=patch_size,
        stride=stride,
        min_tissue=min_tissue,
        allow_upsampling=allow_upsampling,
        min_overlap=min_overlap,
        exclude_border=exclude_border,
        format=patch_format.value,
        tissue=TissueSettings(method=tissue.value),
    )
    microns = slide_mpp_given(slide_mpp)
    found = options.slides(slides, output, patients)
    _check_truth_mask(truth_mask, len(found))
    check_given(tissue_mask, len(found))
    labelling = Labelling(
        annotations,
        tuple(positive_class or ()),
        tuple(ignore_class or ()),
        annotation_origin,
        unannotated_negative,
    )
    in_table = any(slide.annotations for slide in found)
    labelling.check(len(found), truth_mask, in_table)
    region = RoiGiven(roi, annotation_origin)
    region.check(len(found))

    def task_of(slide: CohortSlide) -> SlideTask:
        return SlideTask(
            source_of(slide, reader, microns, icc, isolate),
            tissue=given_for(slide.alias, tissue_mask, slide.also),
            roi=region.of(slide),
            patient=slide.patient,
            truth=labelling.of(slide, in_table=in_table) or _truth_of(slide, truth_mask),
        )

    mine = options.share(found, output)
    if dry_run:
        raise typer.Exit(dry_run_of(mine, lambda slide: _say_plan(task_of(slide), settings)))
    raise typer.Exit(run_job(TileJob(output, settings, overwrite), mine, task_of, options))


def _target_mpp(mpp: float | None, magnification: float | None) -> float:
    from wsi_idc.slides.scale_statements import MPP_TIMES_POWER
    from wsi_idc.tiling.settings import TileSettings

    if mpp is not None and magnification is not None:
        raise SettingsError("give --mpp or --magnification, not both: they are one thing")
    if magnification is not None:
        if magnification <= 0:
            raise SettingsError(f"--magnification must be above 0, not {magnification:g}")
        return MPP_TIMES_POWER / magnification
    return TileSettings.mpp if mpp is None else mpp


def _check_truth_mask(truth_mask: Path | None, slides: int) -> None:
    if truth_mask is not None and slides > 1 and not truth_mask.is_dir():
        raise SettingsError(
            f"--truth-mask {truth_mask} is not a folder, but there are {slides} slides, each with "
            "a truth of its own; give a folder of <slide>.png or <slide>_truth.png"
        )


def _truth_of(slide: CohortSlide, truth_mask: Path | None) -> Path | None:
    """The mask of one slide: the file itself, or the slide's in a folder of masks."""
    if truth_mask is None or not truth_mask.is_dir():
        return truth_mask
    from wsi_idc.cohort.inputs import companion

    alias = slide.alias
    if (path := companion(alias, truth_mask, (".png", "_truth.png"), slide.also)) is not None:
        return path
    raise SettingsError(
        f"{truth_mask} holds neither {alias.stem}.png nor {alias.stem}_truth.png, the truth of "
        f"{alias}; add it, or leave the slide out"
    )


def _say_plan(task: SlideTask, settings: TileSettings) -> None:
    from wsi_idc.tiling.estimate import plan_report
    from wsi_idc.tiling.planning import guidance_of, plan_tiles

    source = task.source
    with source.open() as slide:
        info = slide.info
        guidance = guidance_of(info, settings, task.truth, task.tissue, task.roi)
        planned = plan_tiles(slide, settings, guidance)
    for warning in (*info.warnings, *guidance.warnings, *planned.tissue.warnings):
        log.warning("%s: warning: %s", task.name, warning)
    typer.echo(plan_report(source, planned.plan, info, planned.mask.area_mm2))
