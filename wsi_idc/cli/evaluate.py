"""`wsi-idc evaluate`: how good a model is on labelled patches, or a map against the truth."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wsi_idc.cli.annotation_options import (
    AnnotationOrigin,
    AnnotationOriginOption,
    PositiveClassOption,
)
from wsi_idc.cli.console import log, report, start_log, user_errors
from wsi_idc.cli.options import (
    DeviceOption,
    JsonOption,
    LogFileOption,
    Runtime,
    RuntimeOption,
    ThresholdOption,
    TiledSlidesOption,
    TtaOption,
)
from wsi_idc.errors import SettingsError

if TYPE_CHECKING:
    from wsi_idc.heatmap.judge import JudgeSettings
    from wsi_idc.model.evaluation import Judgement


@user_errors
def evaluate(
    model_and_patches: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[MODEL] PATCHES",
            help="A model folder (the one in the package if left out), and a folder of labelled "
            "patches.",
            show_default=False,
        ),
    ] = None,
    slides: TiledSlidesOption = None,
    split: Annotated[
        Path | None,
        typer.Option(
            "--split",
            help="CSV with patient and split, or official for the case lists of the 2014 paper; "
            "judges the test patients.",
            show_default="all patients",
        ),
    ] = None,
    without: Annotated[
        list[str] | None,
        typer.Option(
            "--without", help="Leave out this patient; may be repeated.", show_default=False
        ),
    ] = None,
    heatmap: Annotated[
        list[Path] | None,
        typer.Option(
            "--heatmap",
            help="Judge this result folder of `wsi-idc heatmap` instead, or all in a folder of "
            "them; may be repeated.",
            show_default=False,
        ),
    ] = None,
    truth: Annotated[
        Path | None,
        typer.Option(
            "--truth",
            help="Truth of that slide: a mask image, annotations (GeoJSON, ASAP or ImageScope "
            "XML), or a CSV of labelled squares (x, y, width, height, class at the model's "
            "µm/px); or a folder of truths named for the slides.",
            show_default=False,
        ),
    ] = None,
    border_um: Annotated[
        float | None,
        typer.Option(
            "--border-um",
            min=0,
            help="Judge also without what lies closer to the truth's outline than this.",
            show_default="one patch",
        ),
    ] = None,
    threshold: ThresholdOption = None,
    positive_class: PositiveClassOption = None,
    annotation_origin: AnnotationOriginOption = AnnotationOrigin.SLIDE,
    all_patients: Annotated[
        bool,
        typer.Option(
            "--all-patients",
            help="Judge also patients that the model was trained or validated on.",
        ),
    ] = False,
    tta: TtaOption = False,
    anonymise_key: Annotated[
        Path | None,
        typer.Option(
            "--anonymise-key",
            metavar="FILE",
            help="The secret by which names of results were hashed, to find the slides' truths.",
            show_default="one of your own",
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="Also write metrics, a table of patients, scores and plots here.",
            show_default=False,
        ),
    ] = None,
    as_json: JsonOption = False,
    device: DeviceOption = "auto",
    runtime: RuntimeOption = Runtime.AUTO,
    log_file: LogFileOption = None,
) -> None:
    """Judge a model on labelled patches, or a heatmap against the truth.

    wsi-idc evaluate [MODEL] PATCHES [--split FILE]: metrics with 95 % intervals over patients.
    Patients that the model was trained or validated on are left out.

    wsi-idc evaluate --heatmap RESULT --truth FILE: Dice, ROC AUC and areas of a slide's map,
    with and without the border of the truth; of many slides with folders of both.
    """
    start_log(log_file)
    from wsi_idc.model.folder import CARD_FILE, model_folder
    from wsi_idc.split_file import split_path

    if (not heatmap) != (truth is None):
        raise SettingsError("--heatmap and --truth go together; give both")
    if heatmap and truth is not None:
        from wsi_idc.heatmap.judge import JudgeSettings

        settings = JudgeSettings(
            threshold, border_um, tuple(positive_class or ()), annotation_origin.value
        )
        raise typer.Exit(
            _judge_heatmaps(heatmap, truth, settings, output, anonymise_key, as_json=as_json)
        )
    if not model_and_patches or len(model_and_patches) > 2:
        raise SettingsError("give [MODEL] and PATCHES, or --heatmap RESULT and --truth FILE")
    *model, patches = model_and_patches
    if not model and (patches / CARD_FILE).exists():
        raise SettingsError(f"{patches} is a model; give a folder of labelled patches after it")
    judged = _judge_model(
        model_folder(model[0] if model else None),
        patches,
        split_path(split),
        tuple(without or ()),
        device=device,
        runtime=runtime.value,
        slides=slides,
        all_patients=all_patients,
        tta=tta,
    )
    values = judged.metrics.as_json()
    if output is not None:
        from wsi_idc.model.evaluation import write_judgement

        write_judgement(judged, output)
    from wsi_idc.cli.tables import metrics_table

    typer.echo(
        json.dumps(values, indent=2)
        if as_json
        else metrics_table({"test" if split else "judged": values})
    )


def _judge_model(
    model: Path,
    patches: Path,
    split: Path | None,
    without: tuple[str, ...],
    *,
    device: str,
    runtime: str,
    slides: Path | None,
    all_patients: bool,
    tta: bool,
) -> Judgement:
    from wsi_idc.model.evaluation import evaluate as evaluate_model
    from wsi_idc.model.scorer import load_model
    from wsi_idc.model.work_folder import seen_in_training

    trained_on = () if all_patients else seen_in_training(model)
    judged = evaluate_model(
        load_model(model, device=device, runtime=runtime),
        patches,
        split_file=split,
        without=without,
        trained_on=trained_on,
        tta=tta,
        slides=slides,
    )
    if judged.missing:
        log.warning(
            "%d patients of the split have no patches here: %s",
            len(judged.missing),
            ", ".join(judged.missing[:10]) + (" …" if len(judged.missing) > 10 else ""),
        )
    if seen := set(judged.left_out) & set(trained_on):
        log.info(
            "%d patients that the model has learnt from are left out (--all-patients keeps them)",
            len(seen),
        )
    return judged


def _judge_heatmaps(
    results: list[Path],
    truth: Path,
    settings: JudgeSettings,
    output: Path | None,
    key: Path | None,
    *,
    as_json: bool,
) -> int:
    """Judge maps and tell the figures; returns the exit status."""
    from wsi_idc.cli.truth_tables import tables_of_cohort, tables_of_slide
    from wsi_idc.cohort.run import exit_status, run_slides
    from wsi_idc.files import real_path
    from wsi_idc.heatmap.judge import judged_units, result_folders, truth_of
    from wsi_idc.heatmap.judge_cohort import score_cohort, write_cohort
    from wsi_idc.heatmap.truth import Units
    from wsi_idc.privacy import is_pseudonym
    from wsi_idc.privacy.pseudonyms import known_pseudonyms

    folders = result_folders(results)
    if len(folders) > 1 and not truth.is_dir():
        raise SettingsError(
            f"there are {len(folders)} results and one truth, {truth}; give a folder of truths "
            "named for the slides"
        )
    judged: dict[str, dict[str, Units]] = {}
    hashed = any(is_pseudonym(real_path(folder).name) for folder in folders)
    pseudonyms = known_pseudonyms(key) if hashed or key else None

    def step(folder: Path) -> None:
        file = truth_of(real_path(folder), truth, pseudonyms)
        judged[real_path(folder).name] = judged_units(folder, file, settings)

    if len(folders) == 1:
        step(folders[0])  # an error ends the command as its kind says
        status = 0
    else:
        status = exit_status(run_slides(folders, step, lambda path, error: report(error, path)))
    if not judged:
        return status
    scores = score_cohort(judged)
    if output is not None:
        write_cohort(scores, output)
    if len(folders) == 1:
        (name,) = judged
        one = {kind: slides[name] for kind, slides in scores.slides.items()}
        as_numbers: object = {kind: asdict(figures) for kind, figures in one.items()}
        told = tables_of_slide(name, one)
    else:
        as_numbers, told = scores.as_json(), tables_of_cohort(scores)
    typer.echo(json.dumps(as_numbers, indent=2) if as_json else told)
    return status
