"""`wsi-idc evaluate`: how good a model is on labelled patches, or a map against the truth."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wsi_idc.cli.console import log, start_log, user_errors
from wsi_idc.cli.options import DeviceOption, LogFileOption, TiledSlidesOption, TtaOption
from wsi_idc.errors import SettingsError

if TYPE_CHECKING:
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
        Path | None,
        typer.Option(
            "--heatmap",
            help="Judge this result folder of `wsi-idc heatmap` instead.",
            show_default=False,
        ),
    ] = None,
    truth: Annotated[
        Path | None,
        typer.Option(
            "--truth",
            help="Truth of that slide: a mask image, or a CSV of labelled squares "
            "(x, y, width, height, class at the model's µm/px).",
            show_default=False,
        ),
    ] = None,
    all_patients: Annotated[
        bool,
        typer.Option(
            "--all-patients",
            help="Judge also patients that the model was trained or validated on.",
        ),
    ] = False,
    tta: TtaOption = False,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="Also write metrics, a table of patients, scores and plots here.",
            show_default=False,
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    device: DeviceOption = "auto",
    log_file: LogFileOption = None,
) -> None:
    """Judge a model on labelled patches, or a heatmap against the truth.

    wsi-idc evaluate [MODEL] PATCHES [--split FILE]: metrics with 95 % intervals over patients.
    Patients that the model was trained or validated on are left out.

    wsi-idc evaluate --heatmap RESULT --truth FILE: Dice, ROC AUC and areas of a slide's map.
    """
    start_log(log_file)
    from wsi_idc.model.folder import CARD_FILE, model_folder
    from wsi_idc.splits import split_path

    if (heatmap is None) != (truth is None):
        raise SettingsError("--heatmap and --truth go together")
    if heatmap is not None and truth is not None:
        _judge_heatmap(heatmap, truth, as_json=as_json)
        return
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
        device,
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
    device: str,
    *,
    slides: Path | None,
    all_patients: bool,
    tta: bool,
) -> Judgement:
    from wsi_idc.model.evaluation import evaluate as evaluate_model
    from wsi_idc.model.scorer import load_model
    from wsi_idc.model.work_folder import seen_in_training

    trained_on = () if all_patients else seen_in_training(model)
    judged = evaluate_model(
        load_model(model, device=device),
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


def _judge_heatmap(result: Path, truth: Path, *, as_json: bool) -> None:
    from dataclasses import asdict

    from wsi_idc.heatmap.judge import judge_result

    scores = judge_result(result, truth)
    if as_json:
        typer.echo(json.dumps({kind: asdict(score) for kind, score in scores.items()}, indent=2))
        return
    for kind, score in scores.items():
        figures = ("auc", "average_precision", "dice", "iou", "sensitivity", "specificity")
        told = [
            f"{name.replace('_', ' ').replace('auc', 'ROC AUC')} "
            + ("-" if (value := getattr(score, name)) is None else f"{value:.3f}")
            for name in figures
        ]
        typer.echo(
            f"{kind}: {', '.join(told)}; IDC {score.predicted_mm2:.1f} mm² mapped, "
            f"{score.true_mm2:.1f} true; {score.cells:,} judged at threshold "
            f"{score.threshold:.3f}, {score.not_assessed} not assessed"
        )
