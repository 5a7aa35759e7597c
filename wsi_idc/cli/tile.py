"""`wsi-idc tile`: cut slides into patches."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wsi_idc.cli.console import ProgressBar, log, report, start_log, user_errors
from wsi_idc.cli.options import (
    DryRunOption,
    LogFileOption,
    MinTissueOption,
    OverwriteOption,
    Reader,
    ReaderOption,
    SlideMppOption,
    SlidesArgument,
    UpsamplingOption,
)
from wsi_idc.errors import SettingsError

if TYPE_CHECKING:
    from wsi_idc.slides import SlideSource
    from wsi_idc.tiling.settings import TileSettings

PUBLIC_MPP = 8.0
# The optics' convention: 10x is 1 µm/px, so 40x is 0.25 and 1.25x is 8.
MPP_TIMES_MAGNIFICATION = 10.0


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
    min_tissue: MinTissueOption = 0.15,
    truth_mask: Annotated[
        Path | None,
        typer.Option(
            "--truth-mask",
            help="Image over the whole slide, white where IDC is; labels the patches. For "
            "several slides, a folder of <slide>.png.",
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
    patients: Annotated[
        Path | None,
        typer.Option(
            "--patients",
            help="CSV with the columns slide and patient.",
            show_default="each slide is a patient of its own",
        ),
    ] = None,
    reader: ReaderOption = Reader.AUTO,
    slide_mpp: SlideMppOption = None,
    allow_upsampling: UpsamplingOption = False,
    dry_run: DryRunOption = False,
    overwrite: OverwriteOption = False,
    log_file: LogFileOption = None,
) -> None:
    """Cut the tissue of slides into patches, with an index, a mask and a picture of the grid.

    The patches lie in OUTPUT as `<patient>/<class>/<slide>_x<X>_y<Y>_class<C>.png`, the
    layout that `wsi-idc train` reads; index, mask and picture in OUTPUT/slides/<slide>.
    """
    start_log(log_file)
    from wsi_idc.cohort.inputs import find_slides
    from wsi_idc.cohort.run import exit_status, run_slides
    from wsi_idc.slides import SlideSource
    from wsi_idc.tiling.patients import read_patients
    from wsi_idc.tiling.settings import TileSettings
    from wsi_idc.tiling.tile import tile_slide

    settings = TileSettings(
        mpp=_target_mpp(mpp, magnification),
        patch_size=patch_size,
        stride=stride,
        min_tissue=min_tissue,
        allow_upsampling=allow_upsampling,
        min_overlap=min_overlap,
        exclude_border=exclude_border,
    )
    found = find_slides(slides)
    patient_of = read_patients(patients) if patients else {}

    def step(path: Path) -> None:
        source = SlideSource(path, reader.value, slide_mpp)
        if dry_run:
            _say_plan(source, settings)
            return
        with ProgressBar(path.stem, "patch") as bar:
            result = tile_slide(
                source,
                output,
                settings,
                patient=patient_of.get(path.stem),
                truth=_truth_of(path, truth_mask),
                overwrite=overwrite,
                progress=bar,
            )
        labels = f" ({result.positive} IDC, {result.negative} other)" if truth_mask else ""
        border = f", {result.border_left_out} at the border left out" if exclude_border else ""
        log.info(
            "%s: %s patches%s%s from %.1f mm² of tissue%s -> %s",
            path.name,
            f"{result.patches:,}",
            labels,
            border,
            result.tissue_mm2,
            ", done before" if result.skipped else "",
            result.folder,
        )
        for warning in result.warnings:
            log.warning("%s: warning: %s", path.name, warning)

    outcomes = run_slides(found, step, lambda path, error: report(error, path))
    raise typer.Exit(exit_status(outcomes))


def _target_mpp(mpp: float | None, magnification: float | None) -> float:
    if mpp is not None and magnification is not None:
        raise SettingsError("give --mpp or --magnification, not both: they are one thing")
    if magnification is not None:
        if magnification <= 0:
            raise SettingsError(f"--magnification must be above 0, not {magnification:g}")
        return MPP_TIMES_MAGNIFICATION / magnification
    return PUBLIC_MPP if mpp is None else mpp


def _truth_of(slide: Path, truth_mask: Path | None) -> Path | None:
    if truth_mask is None or not truth_mask.is_dir():
        return truth_mask
    return truth_mask / f"{slide.stem}.png"


def _say_plan(source: SlideSource, settings: TileSettings) -> None:
    from wsi_idc.slides import describe_read
    from wsi_idc.tiling.estimate import estimate_reading_seconds
    from wsi_idc.tiling.plan import plan_patches
    from wsi_idc.tissue import tissue_mask

    with source.open() as slide:
        mask = tissue_mask(slide, settings.mpp * settings.patch_size, settings.tissue)
        plan = plan_patches(
            slide.info,
            mask,
            mpp=settings.mpp,
            patch_size=settings.patch_size,
            stride=settings.step,
            min_tissue=settings.min_tissue,
            allow_upsampling=settings.allow_upsampling,
        )
        reading = describe_read(slide.info, settings.mpp)
        if slide.info.mpp_warning:
            log.warning("%s: warning: %s", source.path.name, slide.info.mpp_warning)
    typer.echo(
        f"{source.path.name}: {len(plan):,} patches of {settings.patch_size} px at "
        f"{settings.mpp:g} µm/px from {mask.area_mm2:.1f} mm² of tissue; reads level "
        f"{reading.level.index} ({reading.level_mpp_x:.4g} µm/px) in about "
        f"{estimate_reading_seconds(source, plan):.0f} s"
    )
